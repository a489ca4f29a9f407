"""What keeps a sandbox from doing as it is told."""


class SandboxError(Exception):
    """The text is for the user: what is wrong, and what would be right."""
