"""A session's place among slots that go in lockstep."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from antiphon_runtime.batching.errors import BatchingError
from antiphon_runtime.batching.observing import tell

Frame = TypeVar("Frame")
Output = TypeVar("Output")


class Seat(Generic[Frame, Output]):
    """Feed it frames at the pace of the ticks; outputs come in their order until it is left, or lost."""

    def __init__(
        self,
        slot: int,
        most_waiting: int,
        on_output: Callable[[Output], None],
        on_lost: Callable[[BatchingError], None],
        free: Callable[[Seat[Frame, Output]], None],
    ) -> None:
        self.slot = slot
        self.is_taken = True
        self.is_fresh = True
        """Its slot still has the state of whoever sat there before."""
        self.dropped_frames = 0
        """Oldest frames thrown away because more waited than are kept."""
        self._frames: deque[Frame] = deque(maxlen=most_waiting)
        self._on_output = on_output
        self._on_lost = on_lost
        self._free = free

    @property
    def waiting(self) -> int:
        return len(self._frames)

    def feed(self, frame: Frame) -> None:
        """A seat that was left takes frames and forgets them."""
        if not self.is_taken:
            return
        self.dropped_frames += len(self._frames) == self._frames.maxlen
        self._frames.append(frame)

    def leave(self) -> None:
        """Frees the slot at once. What is being computed for it is thrown away."""
        if self.is_taken:
            self.is_taken = False
            self._frames.clear()
            self._free(self)

    def next_frame(self) -> Frame | None:
        return self._frames.popleft() if self._frames else None

    def give(self, output: Output) -> None:
        if self.is_taken:
            tell(lambda: self._on_output(output))

    def lose(self, error: BatchingError) -> None:
        if self.is_taken:
            self.leave()
            tell(lambda: self._on_lost(error))
