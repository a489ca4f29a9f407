"""Nodes of one machine: the scheduler that fills them, and the agents that run pods, really or for show."""
