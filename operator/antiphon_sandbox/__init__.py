"""A Kubernetes for one machine."""
