"""What there is, in words: objects as the CLI shows them. Pure; what is shown is fetched in `commands`."""
