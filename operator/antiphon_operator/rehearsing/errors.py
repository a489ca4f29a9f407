"""What stands in the way of a question about an agent."""

from __future__ import annotations


class RehearsalError(Exception):
    """The text names the field or word, its value, and what would be right. `usage`: the call itself was wrong."""

    def __init__(self, message: str, *, usage: bool = False) -> None:
        super().__init__(message)
        self.usage = usage
