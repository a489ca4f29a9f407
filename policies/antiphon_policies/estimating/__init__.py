"""What is learned of an agent while it runs: service times, how far predictions are off, what its sessions are like."""
