"""What nobody can do better than."""

from __future__ import annotations

import numpy as np
import pytest
from clairvoyant import Clairvoyant, Limit, clairvoyant
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.simulating.traces import Trace

ROOM, MOST = 4, 3
LATE = np.array([0.0, 0.0, 0.1, 0.6, 1.2])
"""Sessions of one replica whose turns are late."""


def calls(*spans: tuple[float, float]) -> Trace:
    begins, ends = (np.array(each) for each in zip(*spans, strict=True))
    return Trace("made", begins, ends - begins)


def seen(*spans: tuple[float, float], hours: float = 1.0) -> Clairvoyant:
    return clairvoyant(LATE, MOST, calls(*spans), 0.0, hours * 3600)


def test_one_call_takes_one_partition() -> None:
    one = seen((-1.0, 3600.0))
    assert one.fewest_hours(0.0) == pytest.approx(1.0)
    assert one.fewest_missed(1.0) == 0.0


def test_half_the_time_two_calls_take_two_partitions_if_no_turn_may_be_late() -> None:
    both = seen((-1.0, 3600.0), (-1.0, 1800.0))
    assert both.fewest_hours(0.0) == pytest.approx(1.5, rel=0.01)
    assert both.fewest_hours(1.0) == pytest.approx(1.0, rel=0.01), "one partition is held whatever may be missed"


def test_what_finds_no_place_is_missed() -> None:
    crowd = seen(*[(-1.0, 3600.0)] * (ROOM * MOST + 3))
    assert crowd.sessions.max() == ROOM * MOST + 3
    assert float(crowd.missed[MOST - 1, 0]) == pytest.approx(MOST * LATE[ROOM] + 3)
    assert crowd.fewest_missed(float(MOST)) == pytest.approx((MOST * LATE[ROOM] + 3) / (ROOM * MOST + 3))


@given(
    sessions=st.lists(st.integers(0, 20), min_size=1, max_size=30),
    replicas=st.lists(st.integers(1, MOST), min_size=30, max_size=30),
)
def test_nothing_that_is_chosen_is_better(sessions: list[int], replicas: list[int]) -> None:
    """Whatever replicas are held at each moment: the bound for what they miss is no more than they take."""
    spans = [(5.0 * moment - 1, 5.0 * moment + 4) for moment, count in enumerate(sessions) for _ in range(count)]
    if not spans:
        return
    end = 5.0 * len(sessions)
    whole = clairvoyant(LATE, MOST, calls(*spans), 0.0, end)
    held = np.array(replicas[: len(sessions)])
    missed = whole.missed[held - 1, np.arange(len(sessions))].sum() / sum(sessions)
    hours = held.sum() * 5.0 / 3600
    assert whole.fewest_hours(missed) <= hours + 1e-9
    assert whole.fewest_missed(hours) <= missed + 1e-9


def test_of_several_seeds_it_is_the_mean() -> None:
    one, two = seen((-1.0, 3600.0)), seen((-1.0, 3600.0), (-1.0, 3600.0))
    assert Limit((one, two)).fewest_hours(0.0) == pytest.approx(1.5)
