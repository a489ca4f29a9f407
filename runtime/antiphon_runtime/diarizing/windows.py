"""Cuts speech into overlapping windows. Each window tells the speaker of the cell around its middle.

All times are milliseconds. Within one span of speech the cells follow each other without gap or overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from antiphon_crds.stage_options import DiarizationOptions


@dataclass(frozen=True, slots=True)
class Window:
    start_ms: float
    end_ms: float
    cell_start_ms: float
    cell_end_ms: float

    @property
    def seconds(self) -> float:
        return (self.end_ms - self.start_ms) / 1000

    @property
    def cell_seconds(self) -> float:
        return (self.cell_end_ms - self.cell_start_ms) / 1000


class SpanWindows:
    """Windows of one span, while it goes on and when it is over."""

    def __init__(self, start_ms: float, options: DiarizationOptions) -> None:
        self.start_ms = start_ms
        self._window_ms = options.window_ms
        self._step_ms = options.step_ms
        self._next_start_ms = start_ms
        self._judged_end_ms = start_ms
        """Of the last window."""
        self._cell_end_ms = start_ms

    @property
    def needed_from_ms(self) -> float:
        """Earlier audio is in no window to come; as the last one ends with the span, it may reach back."""
        return max(self.start_ms, self._judged_end_ms - self._window_ms)

    def until(self, now_ms: float) -> Iterator[Window]:
        """Windows that are full now, each once."""
        while (end_ms := self._next_start_ms + self._window_ms) <= now_ms:
            yield self._cut(self._next_start_ms, end_ms, end_ms - self._window_ms / 2 + self._step_ms / 2)
            self._next_start_ms += self._step_ms

    def over(self, end_ms: float) -> Iterator[Window]:
        """The windows that are left when the span has ended: the last cell goes to its end."""
        yield from self.until(end_ms)
        if end_ms > self._cell_end_ms:
            yield self._cut(max(self.start_ms, end_ms - self._window_ms), end_ms, end_ms)

    def _cut(self, start_ms: float, end_ms: float, cell_end_ms: float) -> Window:
        window = Window(start_ms, end_ms, self._cell_end_ms, cell_end_ms)
        self._cell_end_ms, self._judged_end_ms = cell_end_ms, end_ms
        return window


def windows_of(start_ms: float, end_ms: float, options: DiarizationOptions) -> list[Window]:
    """Of a span that is over."""
    return list(SpanWindows(start_ms, options).over(end_ms))
