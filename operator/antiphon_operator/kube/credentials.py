"""Who we are to the API server, and where it is."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

TOKEN_REREAD_SECONDS = 60.0
"""A mounted token is renewed at four fifths of its life, which is an hour or more: a minute is soon enough."""


@dataclass(frozen=True)
class Access:
    """What a client needs to know."""

    server: str
    """URL without a slash at its end."""
    default_namespace: str
    origin: str
    """The file and context that it was read from, for people."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """None where the server speaks plain HTTP."""
    authorization: Callable[[], str] = field(default=lambda: "", repr=False)
    """The header's value now; empty where there is none. Cheap: it is asked at each request."""
    proxy_url: str = ""


class TokenFile:
    """The token in a file, read again from time to time: it is renewed while we run."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._read_at = clock()
        self._token = path.read_text(encoding="utf-8").strip()

    def __call__(self) -> str:
        """A file that can't be read for a moment does not lose the token that was there."""
        if self._clock() - self._read_at >= TOKEN_REREAD_SECONDS:
            self._read_at = self._clock()
            with suppress(OSError):
                self._token = self._path.read_text(encoding="utf-8").strip() or self._token
        return f"Bearer {self._token}"
