"""Renders the children of an agent. Pure: a plan in, Kubernetes objects out."""
