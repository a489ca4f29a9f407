"""One process in a session of its own: started, waited for, and ended with all of its process group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """What is to run, and where. The environment is complete: nothing of ours is inherited."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


class StartError(Exception):
    """The program can't be started; the text is worded as a container runtime's."""


class Child:
    """A running process. Its exit is noticed by a pidfd, without a thread and without a handler for SIGCHLD.

    We spawn with subprocess rather than asyncio's own, whose watchers differ between versions of Python, and whose
    waiting depends on who else holds the pipes.
    """

    def __init__(self, program: Program, stdout: int, stderr: int) -> None:
        """The files are ours to close. Must be called where an event loop runs."""
        self._popen = _spawn(program, stdout, stderr)
        self._loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self.pid = self._popen.pid
        self._watch()

    def _watch(self) -> None:
        try:
            pidfd = os.pidfd_open(self.pid)
        except OSError:  # a kernel before 5.3
            threading.Thread(target=self._wait_in_thread, daemon=True).start()
        else:
            self._loop.add_reader(pidfd, self._on_exit, pidfd)

    def _wait_in_thread(self) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._on_exit, None)

    def _on_exit(self, pidfd: int | None) -> None:
        """The group's other members go first: once the leader is reaped, its number may be somebody else's."""
        if pidfd is not None:
            self._loop.remove_reader(pidfd)
            os.close(pidfd)
        self.send(signal.SIGKILL)
        code = self._popen.wait()
        if not self._exited.done():
            self._exited.set_result(code)

    @property
    def is_running(self) -> bool:
        return not self._exited.done()

    async def wait(self) -> int:
        """The exit code; negative for the signal that ended it."""
        return await asyncio.shield(self._exited)

    def send(self, number: signal.Signals) -> None:
        """To every process of the group; to nobody once the leader was waited for."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)


def _spawn(program: Program, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
    name = program.argv[0]
    try:
        return subprocess.Popen(  # noqa: S603 (running what a pod says is what a node is for)
            program.argv,
            env=dict(program.environment),
            cwd=program.folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    except FileNotFoundError:
        if not program.folder.is_dir():
            raise StartError(f"chdir to working directory {str(program.folder)!r}: no such file or directory") from None
        where = "no such file or directory" if "/" in name else "executable file not found in $PATH"
        raise StartError(f'exec: "{name}": {where}') from None
    except (OSError, ValueError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise StartError(f'exec: "{name}": {reason.lower()}') from None


def exit_code(returned: int) -> int:
    """As a container runtime counts: 128 and the signal for what a signal ended."""
    return 128 - returned if returned < 0 else returned


async def run_to_end(program: Program, most_bytes: int) -> tuple[int, str]:
    """Exit code and beginning of the output; what is still running when cancelled is killed."""
    reader, writer = os.pipe()
    try:
        child = Child(program, writer, writer)
    except StartError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    output = _Output(reader, most_bytes)
    try:
        return exit_code(await child.wait()), output.text()
    finally:
        child.send(signal.SIGKILL)
        output.close()


class _Output:
    """Reads a pipe to its end, so that its writer never waits, and keeps the beginning."""

    def __init__(self, reader: int, most_bytes: int) -> None:
        self._reader = reader
        self._most_bytes = most_bytes
        self._kept = b""
        os.set_blocking(reader, False)
        asyncio.get_running_loop().add_reader(reader, self._read)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._reader, 65536)
        except BlockingIOError:
            return False
        self._kept = (self._kept + chunk)[: self._most_bytes]
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._reader)
        return bool(chunk)

    def text(self) -> str:
        while self._read():
            pass
        return self._kept.decode(errors="replace")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._reader)
        os.close(self._reader)
