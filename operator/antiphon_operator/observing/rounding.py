"""Which windows are asked for: few, so that the number of questions does not grow with policies."""

from __future__ import annotations

from collections.abc import Iterable


def rounded_up(windows: Iterable[float], most: int) -> dict[float, float]:
    """Each window, and the one that is asked for in its place: itself, or the next longer one that is kept.

    Those go that are nearest to the next longer one, as a ratio.
    """
    wanted = sorted(set(windows))
    kept = list(wanted)
    while len(kept) > most:
        nearest = min(range(len(kept) - 1), key=lambda index: kept[index + 1] / kept[index])
        del kept[nearest]
    return {window: next(each for each in kept if each >= window) for window in wanted}
