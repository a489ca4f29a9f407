"""Prometheus beside the sandbox: it scrapes the voices and the operator as it would in a cluster."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from antiphon_operator.bringing_up.errors import BringingUpError
from antiphon_operator.bringing_up.prometheus_keeper import PROGRAM

_KEEPER = "antiphon_operator.bringing_up.prometheus_keeper"
_START_SECONDS = 20.0
_END_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1
_LAST_LINES = 5


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True)
class _Running:
    pid: int
    """Of its keeper."""
    port: int


class PrometheusBeside:
    """One for each sandbox, in a folder beside its kubeconfig. It ends with the sandbox, if nobody ends it before."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig.absolute()
        self.folder = self._kubeconfig.with_name(f"{self._kubeconfig.name}.prometheus")
        self._log = self.folder / "log"
        self._file = self.folder / "running.json"

    async def bring_up(self) -> str:
        """Its address, once it answers. One that is up stays; BringingUpError where it does not come up."""
        if not is_installed():
            raise BringingUpError(
                f"there is no {PROGRAM} on the PATH; on Debian, `apt-get install prometheus` brings it"
            )
        known = self._known()
        if known is not None and self._is_ours(known.pid):
            await self._until_ready(known.port, None)
            return _url(known.port)
        port = known.port if known is not None else _free_port()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keeper = self._start(port)
        self._file.write_text(json.dumps({"pid": keeper, "port": port}))
        await self._until_ready(port, keeper)
        return _url(port)

    def end(self) -> bool:
        """Whether one was up. What it has stored goes with it."""
        known = self._known()
        was_up = known is not None and self._is_ours(known.pid)
        if known is not None and was_up:
            os.kill(known.pid, signal.SIGTERM)
            self._until_gone(known.pid)
        shutil.rmtree(self.folder, ignore_errors=True)
        return was_up

    # --- inside ----------------------------------------------------------------------------------------------------

    def _known(self) -> _Running | None:
        try:
            told = json.loads(self._file.read_text())
            return _Running(int(told["pid"]), int(told["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _start(self, port: int) -> int:
        """Its keeper's process, which goes on when we end."""
        command = [sys.executable, "-m", _KEEPER, str(self._kubeconfig), str(self.folder), str(port)]
        files: list[tuple[Any, ...]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        return os.posix_spawn(sys.executable, command, os.environ, file_actions=files, setsid=True)

    async def _until_ready(self, port: int, keeper: int | None) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS), aiohttp.ClientSession() as http:
                while not await _answers(http, f"{_url(port)}/-/ready"):
                    if keeper is not None and (code := _exit_code(keeper)) is not None:
                        raise BringingUpError(f"Prometheus ended with exit code {code}{self._last_words()}")
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError:
            late = f"Prometheus at {_url(port)} is not ready within {_START_SECONDS:g} s"
            raise BringingUpError(late + self._last_words()) from None

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines() if self._log.exists() else []
        return ":\n" + "\n".join(lines[-_LAST_LINES:]) if lines else ""

    def _is_ours(self, pid: int) -> bool:
        """A process of this number that keeps this folder, and not another one that has the number now."""
        _exit_code(pid)
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return _KEEPER.encode() in command and str(self.folder).encode() in command

    def _until_gone(self, pid: int) -> None:
        """One that does not end in time is killed."""
        last = time.monotonic() + _END_SECONDS
        while self._is_ours(pid):
            if time.monotonic() > last:
                os.kill(pid, signal.SIGKILL)
                return
            time.sleep(_LOOK_AGAIN_SECONDS)


def _exit_code(pid: int) -> int | None:
    """Of a child of ours that has ended, which is then forgotten. None: it goes on, or is no child of ours."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    return os.waitstatus_to_exitcode(status) if ended else None


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
