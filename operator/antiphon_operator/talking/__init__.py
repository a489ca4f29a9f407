"""A terminal client of a voice agent: OpenAI Realtime over a WebSocket, sound in and out. Knows nothing of commands."""
