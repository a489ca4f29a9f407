"""Which pods are ready, available, and first to go."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.controllers import pod_health
from antiphon_sandbox.objects import Obj, name_of, timestamp

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def pod(name: str, *, age: int = 100, ready_for: int | None = 50, **more: Any) -> Obj:
    """On node n, running and ready for so many seconds, unless told otherwise."""
    made = {"name": name, "creationTimestamp": timestamp(NOW - timedelta(seconds=age))}
    since = timestamp(NOW - timedelta(seconds=ready_for or 0))
    ready = {"type": "Ready", "status": "False" if ready_for is None else "True", "lastTransitionTime": since}
    restarts = [{"name": "main", "restartCount": more.get("restarts", 0)}]
    return {
        "metadata": {**made, "annotations": {pod_health.DELETION_COST: str(more.get("cost", 0))}},
        "spec": {"nodeName": more.get("node", "n")},
        "status": {"phase": more.get("phase", "Running"), "conditions": [ready], "containerStatuses": restarts},
    }


ORDERED_PAIRS = {
    "no node": (pod("a", node=""), pod("b", phase="Pending")),
    "pending": (pod("a", phase="Pending", cost=9), pod("b")),
    "not ready": (pod("a", ready_for=None, cost=9), pod("b")),
    "cheap": (pod("a", cost=-5, ready_for=90), pod("b", cost=3, ready_for=1)),
    "ready for less": (pod("a", ready_for=5, age=100), pod("b", ready_for=60, age=100, restarts=7)),
    "restarted": (pod("a", restarts=2), pod("b", restarts=1, age=1)),
    "young": (pod("a", age=60), pod("b", age=61)),
}


@pytest.mark.parametrize("case", ORDERED_PAIRS)
def test_order(case: str) -> None:
    first, second = ORDERED_PAIRS[case]
    for pods in ([first, second], [second, first]):
        assert [name_of(each) for each in pod_health.first_to_go(pods, [])] == ["a", "b"]


def test_the_crowded_node_gives_first() -> None:
    lonely, crowded = pod("lonely", node="x", ready_for=1), pod("crowded", node="y")
    neighbour = pod("of another revision", node="y")
    assert pod_health.first_to_go([lonely, crowded], [lonely, crowded, neighbour])[0] is crowded


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([None, 5, 50]), st.sampled_from(["", "x", "y"])), max_size=9)
)
def test_the_order_does_not_depend_on_the_order(facts: list[tuple[int, int | None, str]]) -> None:
    pods = [pod(str(i), cost=cost, ready_for=ready, node=node) for i, (cost, ready, node) in enumerate(facts)]
    assert pod_health.first_to_go(pods, pods) == pod_health.first_to_go(pods[::-1], pods)


def test_a_cost_that_is_no_number_is_none() -> None:
    assert pod_health.deletion_cost(pod("a", cost="dear")) == 0


def test_available_after_a_while() -> None:
    young = pod("a", ready_for=10)
    assert pod_health.is_available(young, 10, NOW)
    assert not pod_health.is_available(young, 11, NOW)
    assert pod_health.seconds_to_next_available([young, pod("b", ready_for=None)], 25, NOW) == 15
    assert pod_health.seconds_to_next_available([young], 10, NOW) is None


def test_available_needs_ready() -> None:
    assert not pod_health.is_available(pod("a", ready_for=None), 0, NOW)
