"""When a request is sent again, and after how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from antiphon_operator.kube.errors import ApiError, ServerError, TooManyRequestsError, UnreachableError

Chance = Callable[[], float]
"""Evenly from 0 to 1, such as `random.random`."""


@dataclass(frozen=True)
class Retries:
    tries: int = 3
    """More would only hide an outage from those who wait: a reconcile that fails comes again by itself."""
    try_seconds: float = 10.0
    """One request. API servers answer in milliseconds, and in seconds when they are in trouble."""
    total_seconds: float = 30.0
    """All tries and pauses of one call."""
    first_pause_seconds: float = 0.2
    longest_pause_seconds: float = 10.0


ONCE = Retries(tries=1)
"""For callers that have a rhythm of their own."""


def may_repeat(error: ApiError, idempotent: bool) -> bool:
    """Another try can't do what was asked a second time."""
    match error:
        case TooManyRequestsError():
            return idempotent or error.retry_after_seconds is not None
        case UnreachableError():
            return idempotent or not error.may_have_happened
        case ServerError():
            return idempotent
        case _:
            return False


def pause_seconds(failures: int, first_seconds: float, longest_seconds: float, chance: Chance) -> float:
    """After so many failures in a row, from 1: doubled each time, and shortened by up to half so that we don't march."""
    whole = min(first_seconds * 2.0 ** min(failures - 1, 30), longest_seconds)
    return whole * (1 - chance() / 2)
