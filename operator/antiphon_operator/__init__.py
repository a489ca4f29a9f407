"""The hands: Kubernetes handlers and clients, rendering, actuation, and the `antiphon` command."""
