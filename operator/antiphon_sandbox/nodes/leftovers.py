"""Holds the guardian of this process, and ends what carries the sandbox's marker."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from antiphon_sandbox.nodes import guardian

log = logging.getLogger(__name__)

MARKER = "ANTIPHON_SANDBOX"
CONTAINER_MARKER = "ANTIPHON_CONTAINER"
_CHECK_SECONDS = 0.5


class Leftovers:
    """Everything that a sandbox starts carries `ANTIPHON_SANDBOX=ID`; the guardian knows it by that.

    `remove_state` lets the guardian remove the state folder as well, when it is temporary.
    """

    def __init__(self, state_dir: Path, remove_state: bool) -> None:
        self._file = state_dir / guardian.MARKER_FILE
        self._folders = [str(state_dir)] if remove_state else []
        self.identity = secrets.token_hex(8)
        self._guardian: subprocess.Popen[bytes] | None = None

    @property
    def marker(self) -> str:
        return f"{MARKER}={self.identity}"

    async def begin(self) -> None:
        """From here on nothing can be left. Ends what an earlier run left here, if even its guardian was killed."""
        earlier = self._file.read_text().strip() if self._file.exists() else ""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(self.marker)
        self._start()
        if earlier:
            await asyncio.to_thread(guardian.kill_marked, earlier)

    async def watch(self) -> None:
        """Until cancelled: a guardian that somebody kills is replaced by another."""
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if self._guardian is not None and self._guardian.poll() is not None:
                self._discard()
                self._start()
                log.warning("the guardian of this sandbox's processes was killed; there is another one now")

    def _start(self) -> None:
        """Its input is a pipe of which only we hold the other end: no program that we start inherits it."""
        self._guardian = subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", guardian.__file__, self.marker, *self._folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={},
        )

    def _discard(self) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
        self._guardian = None

    async def end(self, patience_seconds: float) -> None:
        """Asks all to end, kills what does not, and lets the guardian go (it looks once more)."""
        await asyncio.to_thread(self._end, patience_seconds)

    def _end(self, patience_seconds: float) -> None:
        guardian.send(guardian.marked(self.marker), signal.SIGTERM)
        guardian.wait_until_gone(self.marker, patience_seconds)
        if left := guardian.kill_marked(self.marker):
            log.error("these processes can't be killed: %s", sorted(left))
        last = self._guardian
        self._discard()
        if last is not None:
            last.wait()
        self._file.unlink(missing_ok=True)


async def end_container(marker: str) -> None:
    """Ends what a container's main process left behind in sessions of its own."""
    await asyncio.to_thread(guardian.kill_marked, f"{CONTAINER_MARKER}={marker}")


def passed_on() -> dict[str, str]:
    """What a container gets of our own environment: enough for programs of this machine to run at all."""
    names = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
    return {"PATH": os.defpath, "LANG": "C.UTF-8"} | {name: os.environ[name] for name in names if name in os.environ}
