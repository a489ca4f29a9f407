"""Which pods go first, and how few annotations say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from control_pods import address_of
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.control import SessionCounts, State
from antiphon_operator.names import DELETION_COST_ANNOTATION
from antiphon_operator.pods.known import PodKey
from antiphon_operator.pods.leaving import NOT_READY_COST, UNKNOWN_COST, cost_changes, deletion_costs
from antiphon_operator.pods.reports import PodReport


def key(name: Any) -> PodKey:
    return PodKey("team", f"pod-{name}")


def annotated(costs: Mapping[PodKey, Any]) -> dict[PodKey, dict[str, str]]:
    return {one: {DELETION_COST_ANNOTATION: str(cost)} for one, cost in costs.items() if cost is not None}


def test_a_pod_costs_its_live_sessions() -> None:
    pods = {key(name): address_of(f"pod-{name}", "10.0.0.1", ready=name != "unready") for name in
            ("busy", "idle", "unready", "silent", "replaced", "unheard")}  # fmt: skip
    busy = State(phase="Ready", capacity=9, sessions=SessionCounts(idle=1, listening=2, speaking=3, resumable=4))
    reports = {
        key("busy"): PodReport(busy, uid="pod-busy-1"),
        key("idle"): PodReport(State(phase="Ready", capacity=9), uid="pod-idle-1"),
        key("unready"): PodReport(busy, uid="pod-unready-1"),
        key("silent"): PodReport(None, "no answer", uid="pod-silent-1"),
        key("replaced"): PodReport(busy, uid="of-another"),
    }
    assert deletion_costs(pods, reports) == {
        key("busy"): 10,
        key("idle"): 0,
        key("unready"): NOT_READY_COST,
        key("silent"): UNKNOWN_COST,
        key("replaced"): UNKNOWN_COST,
        key("unheard"): UNKNOWN_COST,
    }


@pytest.mark.parametrize(
    ("current", "wanted", "leaving", "written"),
    [
        ({1: None, 2: None}, {1: 0, 2: 0}, 1, {}),
        ({1: None, 2: None, 3: None}, {1: 4, 2: 0, 3: 5}, 1, {1: 4, 3: 5}),
        ({1: 2, 2: None, 3: 7}, {1: 4, 2: 0, 3: 5}, 1, {}),
        ({1: 2, 2: None, 3: 7}, {1: 4, 2: 6, 3: 5}, 1, {2: 6}),
        ({1: 9, 2: 8}, {1: 0, 2: 3}, 1, {1: 0}),
        ({1: 9, 2: 8}, {1: 0, 2: 3}, 2, {}),
        ({1: 9, 2: 8}, {1: 0, 2: 3}, 0, {}),
        ({1: "many", 2: 8}, {1: 5, 2: 8}, 1, {}),
        ({1: 1, 2: 2, 3: 3, 4: 4}, {1: 2, 2: 1, 3: 9, 4: 8}, 2, {}),
    ],
)
def test_only_what_changes_who_goes_is_written(
    current: dict[int, Any], wanted: dict[int, int], leaving: int, written: dict[int, int]
) -> None:
    changes = cost_changes(
        annotated({key(n): c for n, c in current.items()}), {key(n): c for n, c in wanted.items()}, leaving
    )
    assert changes == {key(n): cost for n, cost in written.items()}


@given(
    st.lists(st.tuples(st.none() | st.integers(-1, 6), st.integers(-1, 6)), min_size=1, max_size=9), st.integers(0, 9)
)
def test_after_the_writes_nobody_goes_before_one_who_is_wanted_less(
    pods: list[tuple[int | None, int]], leaving: int
) -> None:
    current = {key(index): cost for index, (cost, _) in enumerate(pods)}
    wanted = {key(index): cost for index, (_, cost) in enumerate(pods)}
    changes = cost_changes(annotated(current), wanted, leaving)
    assert all(wanted[one] == cost != (current[one] or 0) for one, cost in changes.items())
    final = {one: changes.get(one, cost or 0) for one, cost in current.items()}
    assert cost_changes(annotated(final), wanted, leaving) == {}
    for kinder in (1, -1):  # two ways to decide between equals
        order = sorted(final, key=lambda one: (final[one], kinder * wanted[one], one))
        gone, left = order[:leaving], order[leaving:]
        assert all(wanted[one] <= wanted[other] for one in gone for other in left)
