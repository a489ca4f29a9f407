"""Lines of watches by revision: what many watch is encoded once."""

from __future__ import annotations

MOST = 64
"""Watches lag one another by few events."""


class RecentLines(dict[int, bytes]):
    """The last lines; older ones fall out."""

    def __setitem__(self, revision: int, line: bytes) -> None:
        super().__setitem__(revision, line)
        if len(self) > MOST:
            del self[next(iter(self))]
