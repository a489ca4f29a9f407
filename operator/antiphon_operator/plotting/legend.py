"""The line above a panel: its title, and what each colour stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from antiphon_operator.plotting import look, svg
from antiphon_operator.plotting.frame import Frame

_SWATCH = 18.0
_GAP = 14.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the legend, and the class of its swatch."""

    name: str
    style: str


def heading(title: str, unit: str, entries: Sequence[Entry], frame: Frame) -> Iterator[str]:
    """Entries stand at the right, in their order."""
    y = frame.top - 8
    yield svg.text(f"{title} ({unit})" if unit else title, look.LEFT, y, class_="panel")
    x = look.WIDTH - look.RIGHT - sum(_width(entry) for entry in entries) + _GAP
    for entry in entries:
        yield svg.element("line", class_=entry.style, x1=x, y1=y - 4, x2=x + _SWATCH, y2=y - 4)
        yield svg.text(entry.name, x + _SWATCH + 5, y)
        x += _width(entry)


def _width(entry: Entry) -> float:
    return _SWATCH + 5 + len(entry.name) * look.LETTER + _GAP
