"""What is seen of an agent, whoever saw it: Prometheus, a scrape of its pods, the simulator."""
