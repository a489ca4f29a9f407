"""What the runtime runs on: its GPU or CPU, and which of its cores and memory."""
