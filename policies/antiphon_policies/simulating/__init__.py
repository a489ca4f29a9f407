"""A world of sessions, turns, stages, batches and replicas, for the same brain to act in. Clocks and chance are passed in."""
