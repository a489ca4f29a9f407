"""How work that a batcher took, or refused, can end other than with a result."""

from __future__ import annotations

from typing import Literal


class BatchingError(Exception):
    """Base of all of them; the text is fit for a log and for an `error` event."""


class SupersededError(BatchingError):
    """Later work of the same session took its place before it was computed."""

    def __init__(self) -> None:
        super().__init__("later work of the same session took its place")


class ExpiredError(BatchingError):
    """Nobody wanted it any more when its time came; it was not computed."""

    def __init__(self, reason: Literal["deadline", "fenced"]) -> None:
        super().__init__("its deadline passed in the queue" if reason == "deadline" else "its session moved on")
        self.reason = reason


class OverloadedError(BatchingError):
    """Refused at once: the queue is full, or no slot is free."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        """When it may be worth another try; an estimate."""


class ClosedError(BatchingError):
    """The batcher closes, and takes nothing more."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is closed")


class ComputeError(BatchingError):
    """The computation of its batch raised; `__cause__` is what it raised."""

    def __init__(self, name: str, cause: BaseException) -> None:
        super().__init__(f"{name} failed: {type(cause).__name__}: {cause}")
        self.__cause__ = cause


class HungError(BatchingError):
    """The computation of its batch did not come back in time. Its thread was left behind."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"{name} did not come back within {seconds:g} s")
        self.seconds = seconds
