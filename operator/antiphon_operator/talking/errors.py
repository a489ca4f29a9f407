"""What ends a conversation, in words for the person at the terminal."""

from __future__ import annotations


class TalkError(Exception):
    """The text says what is wrong and what to do."""


class UnreadableError(TalkError):
    """A recording that can't be read, or an address that is none: the call was wrong, not the agent."""


class NotReachedError(TalkError):
    """Nobody answers at the address."""


class NoKeyError(TalkError):
    """The agent wants an API key, or another one."""


class RefusedError(TalkError):
    """The agent answered and takes no session now. `code` is its own, such as session_refused_full."""

    def __init__(self, code: str, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.code, self.retry_after_seconds = code, retry_after_seconds


class LostError(TalkError):
    """The connection ended before the conversation did."""
