"""The pods of agents over their control API: what they carry, what they are tuned to, which may go first."""
