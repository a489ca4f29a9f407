"""The stages of the pipeline as they are served: an engine with what brings calls to it, and how it is switched."""
