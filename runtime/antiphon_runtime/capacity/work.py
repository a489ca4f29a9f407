"""What one stage takes, as it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from antiphon_crds.stages import Stage

Device: TypeAlias = Literal["cpu", "gpu", "own"]
"""What a stage waits for while it computes. `own`: nothing that it shares, as what is emulated or runs elsewhere."""


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of a batch, or of so many streams at once: alpha + beta x size."""

    alpha_seconds: float
    beta_seconds: float

    def seconds(self, size: float) -> float:
        return self.alpha_seconds + self.beta_seconds * size

    def plus(self, other: Line, times: float = 1.0) -> Line:
        """This one, and then the other so many times."""
        return Line(self.alpha_seconds + times * other.alpha_seconds, self.beta_seconds + times * other.beta_seconds)


NO_TIME = Line(0.0, 0.0)


def line_through(one_seconds: float, size: int = 1, size_seconds: float | None = None) -> Line:
    """From the time of one, and of a batch of `size` where that was measured; else a batch is held to save nothing.

    Neither part is negative: noise must not promise that larger batches take no more time.
    """
    if size <= 1 or size_seconds is None:
        return Line(0.0, one_seconds)
    beta = max((size_seconds - one_seconds) / (size - 1), 0.0)
    return Line(one_seconds - beta, beta) if beta <= one_seconds else Line(0.0, size_seconds / size)


@dataclass(frozen=True, slots=True)
class StageWork:
    """What one call of a stage takes: a frame of vad, an utterance, an answer, a sentence, a window of diarization."""

    stage: Stage
    call: Line
    """Until the call is done; where it gives its result piece by piece, until the first one."""
    max_batch: int
    """Most calls in one batch, or under way at once."""
    step: Line = NO_TIME
    """Each later piece."""
    steps: float = 0.0
    """Later pieces of a call."""
    streams: bool = False
    """Calls begin and end each for itself, as those of llm and tts do; the others form batches."""
    device: Device = "cpu"
    cores: float = 1.0
    """CPU cores that it keeps busy while it works, whatever its device is."""

    @property
    def whole(self) -> Line:
        """The call with all its pieces."""
        return self.call.plus(self.step, self.steps)

    @property
    def seconds_when_full(self) -> float:
        """What a call takes of the stage when as many as possible go together."""
        return self.whole.seconds(self.max_batch) / self.max_batch

    @property
    def is_free(self) -> bool:
        return self.whole.seconds(1) <= 0


def batch_within(line: Line, most: int, longest_seconds: float | None) -> int:
    """Largest batch that the adaptive cap will let through."""
    if longest_seconds is None or line.seconds(most) <= longest_seconds:
        return most
    room = (longest_seconds - line.alpha_seconds) / line.beta_seconds if line.beta_seconds else 0.0
    return int(max(1.0, min(float(most), room)))


def median(seconds: Sequence[float]) -> float:
    """Of an even number the smaller of the middle two: what disturbs a measurement makes it longer, never shorter."""
    return sorted(seconds)[(len(seconds) - 1) // 2]
