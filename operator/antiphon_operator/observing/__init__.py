"""The loop's eyes: what Prometheus knows of agents, or their pods tell at a scrape, as one Observation for each."""
