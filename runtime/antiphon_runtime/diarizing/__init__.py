"""Who spoke when: directions of voices become speakers, speakers become segments."""
