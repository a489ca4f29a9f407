"""What the commands ask of a cluster: objects, how they change, logs, and all that tells of one agent."""
