"""Engines: one file each; what is heavy is imported only when the engine is chosen."""
