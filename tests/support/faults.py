"""What can go wrong between a client and an API server, as tests ask `faulty_proxy` for it."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Refuse:
    """Answers in the server's place, with a Status; nothing reaches the server."""

    code: int
    reason: str = ""
    retry_after_seconds: int | None = None


@dataclass(frozen=True)
class Delay:
    """Passes the request on later."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Never answers, and never passes the request on: the client has to give up."""


@dataclass(frozen=True)
class DropBefore:
    """Closes the connection; the server never hears of the request."""


@dataclass(frozen=True)
class DropAfter:
    """Closes the connection when the server has done what was asked, and hides its answer."""


@dataclass(frozen=True)
class CutWatch:
    """Ends a watch after so many events: quietly, as at a timeout, or in the middle of the next line."""

    after_events: int = 0
    mid_line: bool = False


@dataclass(frozen=True)
class ExpireWatch:
    """Ends a watch with an ERROR event of code 410, as for a resourceVersion that is too old."""


Fault = Refuse | Delay | Hang | DropBefore | DropAfter | CutWatch | ExpireWatch
WatchEnd = CutWatch | ExpireWatch


@dataclass
class Injection:
    """A fault and the requests that it is for: the next `times` that match, or all until healed (None)."""

    fault: Fault
    method: str
    path: str
    times: int | None
    hits: int = 0
    _done: threading.Event = field(default_factory=threading.Event)

    def takes(self, verb: str, path: str) -> bool:
        """Whether the request meets the fault; counts it when so."""
        if self.times is not None and self.hits >= self.times:
            return False
        if not (re.fullmatch(self.method, verb) and re.search(self.path, path)):
            return False
        self.hits += 1
        if self.times is None or self.hits == self.times:
            self._done.set()
        return True

    def wait(self, timeout_seconds: float = 30) -> None:
        """Until all its `times` have been met, or one request where it is for all."""
        assert self._done.wait(timeout_seconds), f"only {self.hits} requests met {self} in {timeout_seconds} s"
