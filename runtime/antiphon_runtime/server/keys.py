"""Who may ask: bearer keys, and web origins whose pages may connect."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from antiphon_runtime.configuration import ConfigurationError

_log = logging.getLogger(__name__)
_KEY_PROTOCOL = "openai-insecure-api-key."
"""How browsers, which can't set headers of a WebSocket, bring their key."""


class Keys:
    """Keys of a file, one a line; read anew when it changes, as mounted secrets do. None: no key is asked for."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._changed = 0.0
        self._keys: tuple[bytes, ...] = ()
        if path is not None:
            self._read(path)

    @property
    def is_open(self) -> bool:
        return self._path is None

    def accept(self, key: str | None) -> bool:
        if self._path is None:
            return True
        if key is None:
            return False
        self._follow(self._path)
        found = [hmac.compare_digest(known, key.encode()) for known in self._keys]
        return any(found)

    def _follow(self, path: Path) -> None:
        try:
            if path.stat().st_mtime != self._changed:
                self._read(path)
        except (OSError, ConfigurationError) as error:
            _log.warning("keys stay as they are: %s", error)

    def _read(self, path: Path) -> None:
        try:
            self._changed = path.stat().st_mtime
            lines = path.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: the keys can't be read: {error}") from error
        if not lines:
            raise ConfigurationError(f"{path}: has no key; write one a line")
        self._keys = tuple(line.encode() for line in lines)


def bearer(headers: Mapping[str, str], protocols: Sequence[str] = ()) -> str | None:
    """The key that a request brings."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return next((name[len(_KEY_PROTOCOL) :] for name in protocols if name.startswith(_KEY_PROTOCOL)), None)


def is_origin_allowed(headers: Mapping[str, str], allowed: Sequence[str]) -> bool:
    """Pages of the same host, and those of the list. What is no browser sends no origin."""
    origin = headers.get("origin")
    if origin is None or "*" in allowed or origin in allowed:
        return True
    return urlsplit(origin).netloc == headers.get("host", "")
