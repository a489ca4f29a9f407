"""What an agent should run with: exact over all that may be chosen."""
