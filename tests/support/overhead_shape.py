"""The load under which frameworks are compared whose engines cost nothing. Needs nothing but Python, as peers run elsewhere.

All users speak in real time, one after another, and wait for the answer. A turn is over after `SILENCE_WINDOWS` windows of
silence. What a framework adds goes from the moment at which it was handed the frame that completes this silence to its
first audio.
"""

from __future__ import annotations

import array
import asyncio
import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

FRAME_SECONDS = 0.02
RATE = 16_000
FRAME_SAMPLES = 320
WINDOW_SAMPLES = 512
SILENCE_WINDOWS = 10
SILENCE_SECONDS = SILENCE_WINDOWS * WINDOW_SAMPLES / RATE
ANSWER = ("This answer is emulated.", " No model has made it.")
ANSWER_SECONDS = (1.6, 1.5)
_SPEECH_FRAMES = 80
_PAUSE_FRAMES = (200, 280)
"""From the last sound of a turn to the first of the next: longer than any answer."""
_SLOTS = 10
_RAMP_SECONDS = 6.0
_SETTLING_SECONDS = 3.0


class Talker:
    """One user: says of each frame whether it is loud, and notes when the answers come."""

    def __init__(self, index: int, *, held_back_samples: int = 0) -> None:
        """`held_back_samples`: of the end of the audio, at RATE, that are heard only with the next frame."""
        self.answered: list[tuple[float, float]] = []
        """When the turn was over, and how much later the answer began, in seconds."""
        self.missed = 0
        """Turns without an answer, or with one that came before they were over."""
        self._held_back = held_back_samples
        self._chance = random.Random(index)
        self._sent: array.array[float] = array.array("d")
        self._left = self._chance.randrange(*_PAUSE_FRAMES)
        self._is_loud = False
        self._decides: int | None = None

    def frame(self) -> bool:
        """To be called right before the next frame is handed over."""
        if not self._left:
            self._turn_over()
        self._left -= 1
        self._sent.append(time.perf_counter())
        return self._is_loud

    def heard(self) -> None:
        """Audio has come."""
        if self._decides is None:
            return
        if self._decides < len(self._sent):
            over = self._sent[self._decides]
            self.answered.append((over, time.perf_counter() - over))
        else:
            self.missed += 1
        self._decides = None

    def _turn_over(self) -> None:
        if self._is_loud:
            self._decides = deciding_frame(len(self._sent), self._held_back)
            self._left = self._chance.randrange(*_PAUSE_FRAMES)
        else:
            self.missed += self._decides is not None
            self._decides = None
            self._left = _SPEECH_FRAMES
        self._is_loud = not self._is_loud


def deciding_frame(loud_frames: int, held_back_samples: int = 0) -> int:
    """Index of the frame that completes the silence after so many frames, the last of which was loud."""
    loud_windows = math.ceil(loud_frames * FRAME_SAMPLES / WINDOW_SAMPLES)
    samples = (loud_windows + SILENCE_WINDOWS) * WINDOW_SAMPLES + held_back_samples
    return math.ceil(samples / FRAME_SAMPLES) - 1


def loud_pcm(rate: int) -> bytes:
    """A frame of 16 bits that any energy detector takes for speech."""
    count = round(rate * FRAME_SECONDS)
    return array.array("h", (int(9000 * math.sin(index * 1600 / rate)) for index in range(count))).tobytes()


def tone_pcm(seconds: float, rate: int) -> bytes:
    """What the agent says."""
    return array.array(
        "h", (int(3000 * math.sin(index * 1400 / rate)) for index in range(int(seconds * rate)))
    ).tobytes()


def is_loud(pcm: bytes) -> bool:
    """By the energy of the window, as cheaply as can be."""
    return max(array.array("h", pcm)) > 300


# --- driving ---------------------------------------------------------------------------------------------------------


class Call(Protocol):
    """One session."""

    talker: Talker

    async def send(self, loud: bool) -> None:
        """A frame."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Load:
    sessions: int = 50
    seconds: float = 30.0
    """In which all sessions live."""


@dataclass
class Figures:
    added_ms: list[float] = field(default_factory=list)
    missed: int = 0
    cpu_percent_per_session: float = 0.0
    """Of a core."""
    mb_per_session: float = 0.0

    def as_json(self) -> dict[str, Any]:
        ordered = sorted(self.added_ms)
        return {
            "turns": len(ordered),
            "missed": self.missed,
            "added_p50_ms": _percentile(ordered, 0.5),
            "added_p95_ms": _percentile(ordered, 0.95),
            "added_max_ms": _percentile(ordered, 1.0),
            "cpu_percent_per_session": round(self.cpu_percent_per_session, 3),
            "mb_per_session": round(self.mb_per_session, 3),
        }


async def measure(load: Load, open_call: Callable[[int], Awaitable[Call]], pid: int | str = "self") -> Figures:
    """`pid` is the process of the framework. One session warms it up, so that memory counts sessions, not imports."""
    await _warm_up(open_call)
    empty = resident_mb(pid)
    offsets = [_RAMP_SECONDS * index / load.sessions for index in range(load.sessions)]
    calls: list[Call] = []
    sending = asyncio.create_task(_send_frames(calls))
    try:
        began = time.perf_counter()
        for index, offset in enumerate(offsets):
            await asyncio.sleep(max(0.0, began + offset - time.perf_counter()))
            calls.append(await open_call(index))
        await asyncio.sleep(_SETTLING_SECONDS)
        cpu, since = cpu_seconds(pid), time.perf_counter()
        await asyncio.sleep(load.seconds)
        took = time.perf_counter() - since
        cpu, full = cpu_seconds(pid) - cpu, resident_mb(pid)
    finally:
        sending.cancel()
        await asyncio.gather(sending, *(call.close() for call in calls), return_exceptions=True)
    figures = Figures(cpu_percent_per_session=100 * cpu / took / load.sessions)
    figures.mb_per_session = (full - empty) / load.sessions
    for call in calls:
        figures.added_ms += [1e3 * added for over, added in call.talker.answered if over >= since]
        figures.missed += call.talker.missed
    return figures


async def _warm_up(open_call: Callable[[int], Awaitable[Call]]) -> None:
    call = await open_call(0)
    sending = asyncio.create_task(_send_frames([call]))
    try:
        async with asyncio.timeout(30):
            while not call.talker.answered and not sending.done():
                await asyncio.sleep(0.1)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await call.close()
    if sending.done() and not sending.cancelled() and (error := sending.exception()):
        raise error
    await asyncio.sleep(0.5)


async def _send_frames(calls: Sequence[Call]) -> None:
    """A tenth of the calls every 2 ms. Whoever is late goes on from where the time is, without a burst."""
    slot = 0
    due = time.perf_counter()
    while True:
        for call in calls[slot::_SLOTS]:
            await call.send(call.talker.frame())
        slot = (slot + 1) % _SLOTS
        due = max(due + FRAME_SECONDS / _SLOTS, time.perf_counter() - FRAME_SECONDS)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


# --- what the system tells -------------------------------------------------------------------------------------------


def cpu_seconds(pid: int | str = "self") -> float:
    """Of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int | str = "self") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmRSS:"))


def _percentile(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)], 2)
