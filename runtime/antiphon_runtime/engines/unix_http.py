"""One HTTP request over a Unix socket, for control rather than for speed."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            found.settimeout(self.timeout)
            found.connect(str(self._path))
        except BaseException:
            found.close()
            raise
        self.sock = found


def request(
    path: Path, method: str, target: str, body: Mapping[str, str] | None = None, *, timeout_seconds: float
) -> tuple[int, str]:
    """Status and text. Raises OSError when nobody answers in time, HTTPException when the answer is no HTTP."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    with closing(_Connection(path, timeout_seconds)) as connection:
        connection.request(method, target, json.dumps(body) if body is not None else None, headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode("utf-8", "replace")
