"""Plays the answer through a program that the machine has, and keeps the time of what was played."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon_operator.talking.recordings import RATE

_log = logging.getLogger(__name__)
PROGRAMS: dict[str, Sequence[str]] = {
    "paplay": ("--raw", f"--rate={RATE}", "--channels=1", "--format=s16le"),
    "aplay": ("-q", "-t", "raw", "-f", "S16_LE", "-r", f"{RATE}", "-c", "1"),
    "play": ("-q", "-t", "raw", "-r", f"{RATE}", "-e", "signed", "-b", "16", "-c", "1", "-"),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error", "-f", "s16le", "-sample_rate", f"{RATE}", "-i", "-"),
}
"""Each reads raw samples from its standard input."""
_END_SECONDS = 5.0
"""Beyond the sound itself, for the program to end."""


def found_player() -> list[str] | None:
    """The command of the first program that is there."""
    found = ((shutil.which(name), arguments) for name, arguments in PROGRAMS.items())
    return next(([path, *arguments] for path, arguments in found if path), None)


@dataclass(slots=True)
class PlaybackClock:
    """What a player that begins at once has played of an answer that comes in pieces."""

    seconds: float = 0.0
    """Of sound that has come."""
    ends_at: float = 0.0
    """When all of it will have been played."""

    def add(self, seconds: float, now: float) -> None:
        self.seconds += seconds
        self.ends_at = max(self.ends_at, now) + seconds

    def played_seconds(self, now: float) -> float:
        return max(0.0, self.seconds - self.left_seconds(now))

    def left_seconds(self, now: float) -> float:
        return max(0.0, self.ends_at - now)


class Player:
    """One answer after the other; without a command only the time is kept."""

    def __init__(self, command: Sequence[str] | None) -> None:
        self._command = command
        self._program: asyncio.subprocess.Process | None = None
        self._stopped = asyncio.Event()
        self.clock = PlaybackClock()
        self.problem = ""
        """Why the program could not play; empty as long as it can."""

    @property
    def is_heard(self) -> bool:
        return self._command is not None and not self.problem

    async def play(self, sound: bytes) -> None:
        """The next piece of an answer."""
        self.clock.add(len(sound) / 2 / RATE, asyncio.get_running_loop().time())
        if not self.is_heard:
            return
        if self._program is None:
            self._program = await self._begin()
        if self._program is not None and self._program.stdin is not None:
            self._program.stdin.write(sound)

    async def finish(self) -> None:
        """The answer is whole: waits until it has been played, or stopped."""
        left = self.clock.left_seconds(asyncio.get_running_loop().time())
        program = self._program
        if program is None:
            await self._wait_out(left)
        else:
            await self._play_out(program, left)
        self.clock, self._program = PlaybackClock(), None

    async def stop(self) -> PlaybackClock:
        """At once. Returns what was played until now."""
        self._stopped.set()
        clock, self.clock = self.clock, PlaybackClock()
        program, self._program = self._program, None
        if program is not None:
            _kill(program)
            await program.wait()
        return clock

    async def _begin(self) -> asyncio.subprocess.Process | None:
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        assert self._command is not None  # noqa: S101 (is_heard)
        try:
            return await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=nothing, stderr=pipe)
        except OSError as error:
            self.problem = f"{self._command[0]} does not start: {error}"
            return None

    async def _wait_out(self, seconds: float) -> None:
        self._stopped.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _play_out(self, program: asyncio.subprocess.Process, left: float) -> None:
        try:
            async with asyncio.timeout(left + _END_SECONDS):
                await self._must_end(program)
        except TimeoutError:
            _kill(program)

    async def _must_end(self, program: asyncio.subprocess.Process) -> None:
        if program.stdin is not None:
            program.stdin.close()
        _, said = await program.communicate()
        if program.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            self.problem = (
                f"{(self._command or ['the player'])[0]} can't play: {lines[-1] if lines else 'no reason given'}"
            )


def _kill(program: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        program.kill()
