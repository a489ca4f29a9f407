"""When frames are due, and how late they are sent."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

FRAME_SECONDS = 0.02
SLOTS = 10
"""Sessions send in as many groups, spread evenly over a frame: one wake-up serves a group."""
_BIN_MS = 0.1
_BINS = 1000
_MOST_LATE_SHARE = 0.001


@dataclass(slots=True)
class Pace:
    """Due times of a stream of frames. `due` is in seconds of the clock that `sent` is told.

    Whoever is late by more than a frame does not catch up: the frames that follow are due so many periods later.
    Two frames are never due at once.
    """

    due: float
    slipped: int = 0
    """Periods that were left out."""

    def sent(self, now: float) -> None:
        self.due += FRAME_SECONDS
        if now > self.due:
            missed = math.ceil((now - self.due) / FRAME_SECONDS)
            self.due += missed * FRAME_SECONDS
            self.slipped += missed


@dataclass(slots=True)
class Lateness:
    """How late frames were sent; kept by tenths of a millisecond, so that it stays small over millions."""

    frames: int = 0
    late: int = 0
    """Frames that were sent more than a frame's length after they were due."""
    most_ms: float = 0.0
    slipped: int = 0
    _bins: list[int] = field(default_factory=lambda: [0] * (_BINS + 1))

    def add(self, seconds: float) -> None:
        milliseconds = max(seconds * 1e3, 0.0)
        self.frames += 1
        self.late += seconds > FRAME_SECONDS
        self.most_ms = max(self.most_ms, milliseconds)
        self._bins[min(int(milliseconds / _BIN_MS), _BINS)] += 1

    def merge(self, other: Lateness) -> None:
        self.frames += other.frames
        self.late += other.late
        self.slipped += other.slipped
        self.most_ms = max(self.most_ms, other.most_ms)
        self._bins = [mine + theirs for mine, theirs in zip(self._bins, other._bins, strict=True)]

    def percentile_ms(self, share: float) -> float:
        """Upper end of the bin that the frame falls into; at most the greatest."""
        wanted = share * self.frames
        seen = 0
        for index, count in enumerate(self._bins[:-1]):
            seen += count
            if count and seen >= wanted:
                return min((index + 1) * _BIN_MS, self.most_ms)
        return self.most_ms

    @property
    def kept_real_time(self) -> bool:
        """Else the times that were measured are the driver's as much as the server's."""
        return self.late <= _MOST_LATE_SHARE * self.frames

    def as_json(self) -> dict[str, float]:
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}
        found = {name: round(self.percentile_ms(share), 2) for name, share in shares.items()}
        rest = {"frames": self.frames, "late_frames": self.late, "slipped_frames": self.slipped}
        return {**found, "max_ms": round(self.most_ms, 2), **rest, "kept_real_time": self.kept_real_time}


def start_offsets(sessions: int, ramp_seconds: float) -> list[float]:
    """Seconds after the start at which each session connects: evenly over the ramp."""
    return [ramp_seconds * index / sessions for index in range(sessions)]


def pause_seconds(agent_seconds: float, user_seconds: float, duty: float, chance: random.Random) -> float:
    """Silence after a turn, so that the agent works for a share `duty` of the session, varied by up to 30 %.

    At least half a second: nobody answers sooner than that, again and again.
    """
    exact = agent_seconds / duty - agent_seconds - user_seconds
    return max(exact, 0.5) * chance.uniform(0.7, 1.3)
