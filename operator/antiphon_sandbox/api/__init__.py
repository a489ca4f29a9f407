"""The embedded API server: one room for each concern."""
