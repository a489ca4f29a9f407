"""The Kubernetes API: one client, one field manager, bounded requests. Knows nothing of agents."""
