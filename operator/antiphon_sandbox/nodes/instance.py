"""One run of a container: a process, its log, and how it is made to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from antiphon_sandbox.nodes.child import Child, Program, exit_code
from antiphon_sandbox.nodes.leftovers import end_container
from antiphon_sandbox.nodes.log_files import Capture, LogFile, older


class Instance:
    """A running container. StartError when it can't be."""

    def __init__(self, identity: str, program: Program, log_path: Path, now: Callable[[], datetime]) -> None:
        """`identity` is in the variables of the program and of all that it starts."""
        self.program = program
        self._identity = identity
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.log = LogFile(log_path, now)
        self._captures = (Capture(self.log, "stdout"), Capture(self.log, "stderr"))
        try:
            self.child = Child(program, *(capture.writer for capture in self._captures))
        except Exception:
            self._close()
            raise
        finally:
            for capture in self._captures:
                os.close(capture.writer)

    @property
    def ran_seconds(self) -> float:
        return self._loop.time() - self._began

    async def finish(self) -> int:
        """Waits for its end, then ends what it left behind; the exit code as a container runtime counts."""
        try:
            code = await self.child.wait()
            await end_container(self._identity)
            return exit_code(code)
        finally:
            self._close()

    def _close(self) -> None:
        for capture in self._captures:
            capture.close()
        self.log.close()

    async def stop(
        self, hook: Callable[[], Awaitable[None]] | None, grace_seconds: float, least_seconds: float
    ) -> None:
        """The hook, SIGTERM, and SIGKILL once the time is up; the hook's time counts, but `least_seconds` remain."""
        last = self._loop.time() + grace_seconds
        if hook is not None:
            await self._run_hook(hook, grace_seconds)
        self.child.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.child.wait(), max(last - self._loop.time(), least_seconds))
        self.kill()
        await self.child.wait()

    async def _run_hook(self, hook: Callable[[], Awaitable[None]], most_seconds: float) -> None:
        """Given up when the process ends meanwhile, or is killed."""
        running = asyncio.ensure_future(hook())
        exited = asyncio.ensure_future(self.child.wait())
        try:
            await asyncio.wait({running, exited}, timeout=most_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            running.cancel()
            exited.cancel()

    def kill(self) -> None:
        self.child.send(signal.SIGKILL)


def forget_log(path: Path) -> None:
    for file in (path, older(path)):
        file.unlink(missing_ok=True)
