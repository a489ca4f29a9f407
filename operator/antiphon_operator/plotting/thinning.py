"""Fewer points that draw the same line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from antiphon_operator.plotting.series import Point


def thinned(points: Iterable[Point], seconds_a_column: float) -> Iterator[Point]:
    """Of those that fall into one column of pixels: the first, the lowest, the highest and the last. Gaps stay."""
    column: list[tuple[float, float]] = []
    for at, value in points:
        if column and (value is None or at - column[0][0] >= seconds_a_column):
            yield from _kept(column)
            column = []
        if value is None:
            yield at, None
        else:
            column.append((at, value))
    yield from _kept(column)


def _kept(column: list[tuple[float, float]]) -> Iterator[Point]:
    if not column:
        return
    places = range(len(column))
    lowest, highest = min(places, key=lambda place: column[place][1]), max(places, key=lambda place: column[place][1])
    for place in sorted({0, lowest, highest, places[-1]}):
        yield column[place]
