"""A panel of lines and levels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from antiphon_operator.plotting import look, svg
from antiphon_operator.plotting.frame import Frame
from antiphon_operator.plotting.legend import Entry, heading
from antiphon_operator.plotting.scales import ticks, value_words
from antiphon_operator.plotting.series import Line, Panel, Point
from antiphon_operator.plotting.thinning import thinned


def line_panel(panel: Panel, frame: Frame) -> Iterator[str]:
    shown = ticks(panel.top, whole=not panel.unit)
    top = shown[-1]
    yield from heading(panel.title, panel.unit, list(_entries(panel)), frame)
    for value in shown:
        y = frame.y(value, top)
        yield svg.element("line", class_="grid", x1=look.LEFT, y1=y, x2=look.WIDTH - look.RIGHT, y2=y)
        yield svg.text(value_words(value), look.LEFT - 7, y + 4, class_="dull", text_anchor="end")
    for level in panel.levels:
        y = frame.y(level.value, top)
        yield svg.element("line", class_="level", x1=look.LEFT, y1=y, x2=look.WIDTH - look.RIGHT, y2=y)
    for index, line in sorted(enumerate(panel.lines), key=lambda each: each[1].dashed):
        yield from _line(line, index % look.COLOURS, frame, top)


def _entries(panel: Panel) -> Iterator[Entry]:
    for index, line in enumerate(panel.lines):
        yield Entry(_name(line, panel.ceiling), _style(line, index % look.COLOURS))
    for level in panel.levels:
        yield Entry(f"{level.name} {value_words(level.value)}", "level")


def _name(line: Line, ceiling: float | None) -> str:
    highest = max(line.values, default=0.0)
    cut = ceiling is not None and highest > ceiling
    return f"{line.name} (up to {value_words(round(highest))})" if cut else line.name


def _line(line: Line, colour: int, frame: Frame, top: float) -> Iterator[str]:
    points = list(thinned(line.points, frame.seconds_a_pixel))
    for stretch in _stretches(points):
        corners = list(_corners(_bends(stretch), line, frame, top))
        path = "M" + "L".join(f"{svg.number(x)} {svg.number(y)}" for x, y in corners)
        if line.form == "area":
            ends = f"L{svg.number(corners[-1][0])} {svg.number(frame.bottom)}L{svg.number(corners[0][0])}"
            yield svg.element("path", class_=f"area f{colour}", d=f"{path}{ends} {svg.number(frame.bottom)}Z")
        yield svg.element("path", svg.title(line.name), class_=_style(line, colour), d=path)


def _style(line: Line, colour: int) -> str:
    return f"line c{colour}{' dashed' if line.dashed else ''}"


def _stretches(points: Iterable[Point]) -> Iterator[list[tuple[float, float]]]:
    """Parts of the line between gaps."""
    stretch: list[tuple[float, float]] = []
    for at, value in points:
        if value is not None:
            stretch.append((at, value))
        elif stretch:
            yield stretch
            stretch = []
    if stretch:
        yield stretch


def _bends(stretch: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Without the points between which nothing changes."""
    last = len(stretch) - 1
    return [
        point
        for place, point in enumerate(stretch)
        if place in (0, last) or not stretch[place - 1][1] == point[1] == stretch[place + 1][1]
    ]


def _corners(stretch: list[tuple[float, float]], line: Line, frame: Frame, top: float) -> Iterator[tuple[float, float]]:
    """In pixels. A step keeps its height until the next begins. What stands alone is as wide as can be seen."""
    last: float | None = None
    for at, value in stretch:
        x, y = frame.x(at), frame.y(value, top)
        if last is not None and line.form == "steps" and y != last:
            yield x, last
        yield x, y
        last = y
    if len(stretch) == 1:
        yield frame.x(stretch[0][0]) + 1.5, frame.y(stretch[0][1], top)
