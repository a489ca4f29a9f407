"""How long a turn takes, given what an agent runs with and how many talk to it."""
