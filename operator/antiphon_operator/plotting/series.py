"""What a picture is made of: panels above one time axis, and in them lines, levels and bands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

Form = Literal["line", "steps", "area"]
Point = tuple[float, float | None]
"""Seconds, and the value; None where it is unknown, and the line is interrupted."""


@dataclass(frozen=True, slots=True)
class Line:
    """A figure over time. `steps` holds each value until the next; `area` is a line that is filled down to zero."""

    name: str
    points: tuple[Point, ...]
    form: Form = "line"
    dashed: bool = False
    """For what is only wished; it is drawn above all else, so that what is below still shows."""

    @property
    def values(self) -> Iterator[float]:
        return (value for _, value in self.points if value is not None)


@dataclass(frozen=True, slots=True)
class Level:
    """A figure that does not change, such as a target."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Span:
    """From one time to another, in seconds: something with a name."""

    begin: float
    end: float
    name: str


@dataclass(frozen=True, slots=True)
class Band:
    """One thing that has a name at any time, such as the variant of a stage. A name has one colour in all bands of a
    panel."""

    name: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture above the common time axis: lines and levels, or bands."""

    title: str
    unit: str = ""
    lines: tuple[Line, ...] = ()
    levels: tuple[Level, ...] = ()
    bands: tuple[Band, ...] = ()
    ceiling: float | None = None
    """What lies above it is cut off there, so that one outlier does not hide all else. None: nothing is."""

    @property
    def top(self) -> float:
        """Largest value shown."""
        values = chain(chain.from_iterable(line.values for line in self.lines), (level.value for level in self.levels))
        highest = max(values, default=0.0)
        return highest if self.ceiling is None else min(highest, self.ceiling)


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line across all panels, such as a failure."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Panels below one another, and one time axis for them all."""

    title: str
    panels: tuple[Panel, ...]
    begin: float
    """In seconds, as all times of the picture: of a clock of any kind. The axis counts from here."""
    end: float
    subtitle: str = ""
    marks: tuple[Mark, ...] = field(default=())
