"""A library that logs the same trouble again and again is heard once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY_SECONDS = 60.0


class SparingLog(logging.Handler):
    """From its making to `close` it stands for all handlers of the library's loggers, and warns through `log`."""

    def __init__(
        self, library: str, log: logging.Logger, about: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(logging.WARNING)
        self._library = logging.getLogger(library)
        self._log = log
        self._about = about
        self._clock = clock
        self._quiet_until = float("-inf")
        self._unsaid = 0
        self._propagated = self._library.propagate
        self._library.propagate = False
        self._library.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        now = self._clock()
        if now < self._quiet_until:
            self._unsaid += 1
            return
        before = f" ({self._unsaid} more messages since the last one)" if self._unsaid else ""
        self._quiet_until, self._unsaid = now + EVERY_SECONDS, 0
        self._log.warning("%s: %s%s", self._about, record.getMessage(), before)

    def close(self) -> None:
        self._library.removeHandler(self)
        self._library.propagate = self._propagated
        super().close()
