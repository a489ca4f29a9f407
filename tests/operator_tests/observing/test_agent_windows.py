"""What pods count is added up over windows: whoever dies, begins anew, or comes late."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_operator.observing.exposition import Page, RawKey
from antiphon_operator.observing.series import FAMILIES, SeriesKey, Vector
from antiphon_operator.observing.windows import AgentWindows
from antiphon_operator.pods.known import PodKey

TURNS = next(index for index, family in enumerate(FAMILIES) if family.what == "turns")
KEY = SeriesKey("turns", ("completed",))
A, B = PodKey("team", "a"), PodKey("team", "b")
KEPT = frozenset({"turns"})


def page(count: float) -> Page:
    return Page({RawKey(TURNS, (("result", "completed"),)): (KEY, (count,))})


def came(windows: AgentWindows, seconds: float) -> float | None:
    grown = windows.grown(seconds)
    return grown.series[KEY][0] if grown is not None else None


class Looks:
    """Looks at pods, by their counts, every 5 s."""

    def __init__(self, longest_seconds: float = 600) -> None:
        self.windows = AgentWindows()
        self.at = 0.0
        self._longest = longest_seconds

    def look(self, counts: dict[PodKey, float | None], uids: dict[PodKey, str] | None = None) -> None:
        """None: the pod lives, and does not answer."""
        self.windows.attend({key: (uids or {}).get(key, "1") for key in counts})
        for key, count in counts.items():
            if count is not None:
                self.windows.take(key, page(count))
        self.windows.snapshot(self.at, self._longest, KEPT)
        self.at += 5


def test_the_first_look_shows_nothing_and_the_second_what_came() -> None:
    looks = Looks()
    looks.look({A: 100})
    assert looks.windows.grown(60) is None
    looks.look({A: 103})
    grown = looks.windows.grown(60)
    assert grown is not None
    assert (grown.seconds, grown.series) == (5, {KEY: (3,)})


def test_a_pod_that_begins_while_we_watch_counts_from_its_start() -> None:
    looks = Looks()
    looks.look({A: 100})
    looks.look({A: 100, B: None})
    looks.look({A: 100, B: 7})
    assert came(looks.windows, 60) == 7


def test_a_pod_that_died_keeps_what_it_told_within_the_window() -> None:
    looks = Looks()
    looks.look({A: 100, B: 10})
    looks.look({A: 100, B: 15})
    looks.look({A: 101})
    looks.look({A: 102})
    assert came(looks.windows, 60) == 7
    assert came(looks.windows, 5) == 1


def test_counters_that_fell_began_anew() -> None:
    looks = Looks()
    looks.look({A: 100})
    looks.look({A: 4})
    looks.look({A: 6})
    assert came(looks.windows, 60) == 6


def test_another_pod_of_the_same_name_is_another_pod() -> None:
    looks = Looks()
    looks.look({A: 100})
    looks.look({A: 120}, {A: "2"})
    assert came(looks.windows, 60) == 120


def test_a_silent_pod_is_caught_up_with() -> None:
    looks = Looks()
    looks.look({A: 1, B: 1})
    looks.look({A: 2, B: None})
    looks.look({A: 3, B: 9})
    assert came(looks.windows, 60) == 10


def test_a_series_that_was_missing_from_one_page_does_not_begin_anew() -> None:
    looks = Looks()
    looks.look({A: 100})
    looks.windows.take(A, Page())
    looks.look({A: 101})
    assert came(looks.windows, 60) == 1


def test_what_was_not_watched_is_not_counted() -> None:
    looks = Looks()
    looks.look({A: 1})
    looks.look({A: 5})
    looks.windows.begin_anew()
    looks.at += 600
    looks.look({A: 900, B: 50})
    assert looks.windows.grown(60) is None
    looks.look({A: 901, B: 50})
    assert came(looks.windows, 60) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=2), min_size=2, max_size=40),
    st.integers(1, 40),
)
def test_a_window_has_what_came_in_it(steps: list[list[tuple[int, bool]]], looks_back: int) -> None:
    """Each pod counts some more at each look, or begins anew and then counts them."""
    looks, counts, came_at = Looks(), [0, 0], [0]
    looks.look({A: 0, B: 0})
    for step in steps:
        for index, (more, restarts) in enumerate(step):
            counts[index] = (0 if restarts and more < counts[index] else counts[index]) + more
        came_at.append(sum(more for more, _ in step))
        looks.look({A: counts[0], B: counts[1]})
    window = min(looks_back, len(steps))
    assert came(looks.windows, 5 * window) == sum(came_at[-window:])


@pytest.mark.parametrize("longest_seconds", [60.0, 600.0, 3600.0, 21600.0])
def test_long_windows_cost_little_and_are_hardly_longer_than_asked_for(longest_seconds: float) -> None:
    looks = Looks(longest_seconds)
    chance = random.Random(3)
    for number in range(2 * int(longest_seconds / 5)):
        looks.look({A: float(number)})
        looks.at += chance.uniform(0, 0.5)
    assert looks.windows.snapshots < 200
    for window in (30.0, 60.0, longest_seconds / 2, longest_seconds):
        if window > longest_seconds:
            continue
        grown = looks.windows.grown(window)
        assert grown is not None
        assert window <= grown.seconds <= max(window * 1.06, window + 6)
        assert grown.series[KEY][0] == pytest.approx(grown.seconds / 5.25, rel=0.05, abs=1.1)


def test_a_pod_that_makes_up_labels_does_not_fill_us() -> None:
    looks = Looks()
    looks.look({A: 1})
    for number in range(40):
        made_up: dict[RawKey, tuple[SeriesKey, Vector]] = {
            RawKey(TURNS, (("result", f"{number}-{each}"),)): (SeriesKey("turns", (f"{number}-{each}",)), (1.0,))
            for each in range(500)
        }
        looks.windows.take(A, Page(made_up))
    assert len(looks.windows._totals) <= 5500
    assert len(looks.windows._pods[A].last or ()) <= 5500
