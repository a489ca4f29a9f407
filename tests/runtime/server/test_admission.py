from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.server.admission import Admission, RefusedError, Slot


def test_nobody_gets_in_before_capacity_is_known() -> None:
    admission = Admission()
    with pytest.raises(RefusedError) as refused:
        admission.reserve()
    assert refused.value.reason == "not_ready"
    assert refused.value.as_error()["code"] == "session_refused_not_ready"
    assert refused.value.as_error()["retry_after_seconds"] == 5.0


@given(st.integers(0, 20), st.integers(0, 20) | st.none(), st.lists(st.booleans(), max_size=60))
def test_never_more_sessions_than_slots(measured: int, wanted: int | None, story: list[bool]) -> None:
    """True: somebody comes. False: somebody goes."""
    refused: list[str] = []
    admission = Admission(refused.append)
    admission.measured, admission.wanted = measured, wanted
    most = measured if wanted is None else min(measured, wanted)
    slots: list[Slot] = []
    turned_away = 0
    for comes in story:
        if comes:
            try:
                slots.append(admission.reserve())
            except RefusedError:
                turned_away += 1
                assert len(slots) == most
        elif slots:
            slots.pop().free()
        assert admission.taken == len(slots) <= most
    assert refused == ["full"] * turned_away


def test_a_slot_is_given_back_once() -> None:
    admission = Admission()
    admission.measured = 2
    slot = admission.reserve()
    slot.free()
    slot.free()
    assert admission.taken == 0


def test_a_lower_bound_sends_nobody_away_and_lets_nobody_in() -> None:
    admission = Admission()
    admission.measured = 3
    slots = [admission.reserve() for _ in range(3)]
    admission.wanted = 1
    with pytest.raises(RefusedError, match="all 1 sessions of this pod are taken"):
        admission.reserve()
    for slot in slots:
        slot.free()
    admission.reserve()


def test_a_pod_that_drains_says_so() -> None:
    admission = Admission()
    admission.measured = 3
    admission.is_draining = True
    with pytest.raises(RefusedError) as refused:
        admission.check()
    assert refused.value.reason == "draining"
