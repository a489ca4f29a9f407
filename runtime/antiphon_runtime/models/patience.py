"""Tries again what may work the next time, and waits longer each time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from antiphon_runtime.models.connections import HttpStatusError, shown
from antiphon_runtime.models.errors import FetchStoppedError, ModelError, UnreachableError

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_SECONDS = 60.0
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one keeps trying."""

    attempts: int = 6
    """Attempts in a row that bring nothing; one that brings a byte counts anew."""
    first_pause_seconds: float = 1.0
    """Doubles with each attempt in vain. A server that names a time itself is heeded, up to a minute."""


class TransientError(Exception):
    """It may work the next time; `told` is the error if it does not."""

    def __init__(self, told: ModelError, pause_seconds: float = 0.0) -> None:
        super().__init__(str(told))
        self.told, self.pause_seconds = told, pause_seconds


class Persistence:
    """Keeps trying until it is stopped; `note` is told of each pause."""

    def __init__(self, stop: threading.Event, note: Callable[[str], None], patience: Patience | None = None) -> None:
        self._stop, self._note, self._patience = stop, note, patience or Patience()

    def check(self) -> None:
        """Raises once nobody waits for the result any longer."""
        if self._stop.is_set():
            raise FetchStoppedError("it was stopped", "start it again: what has come is kept")

    def run(
        self, attempt: Callable[[], _Result], brought: Callable[[], int] = lambda: 0, attempts: int | None = None
    ) -> _Result:
        """What the first attempt brings that works; `brought` tells how many bytes have come so far."""
        in_vain = 0
        while True:
            self.check()
            before = brought()
            try:
                return _marked(attempt)
            except TransientError as error:
                in_vain = 1 if brought() > before else in_vain + 1
                if in_vain >= (attempts or self._patience.attempts):
                    raise error.told from error
                self._pause(in_vain, error)

    def _pause(self, in_vain: int, error: TransientError) -> None:
        wanted = max(self._patience.first_pause_seconds * 2 ** (in_vain - 1), error.pause_seconds)
        seconds = min(wanted, _LONGEST_PAUSE_SECONDS)
        self._note(f"{error.told.what}; trying again in {seconds:.0f} s")
        self._stop.wait(seconds)
        self.check()


def _marked(attempt: Callable[[], _Result]) -> _Result:
    try:
        return attempt()
    except UnreachableError as error:
        raise TransientError(error) from error
    except HttpStatusError as error:
        if error.status not in TRANSIENT:
            raise
        after = error.headers.get("Retry-After") or ""
        told = UnreachableError(f"{shown(error.url)} answers {error.status}", "try later")
        raise TransientError(told, float(after) if after.isdecimal() else 0.0) from error
