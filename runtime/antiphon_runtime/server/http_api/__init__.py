"""OpenAI's HTTP API: the agent's stages for whoever does not want a session."""
