"""Whose turn it is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.nodes.waiting_pods import Key, WaitingPods


def _pod(name: str, priority: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "a"}, "spec": {"priority": priority}}


def _turns(waiting: WaitingPods) -> list[str]:
    turns: list[Key] = []
    while (key := waiting.next()) is not None:
        turns.append(key)
    return [name for _, name in turns]


@given(st.lists(st.integers(-2, 2), max_size=12))
def test_the_order_is_by_priority_and_then_by_coming(priorities: list[int]) -> None:
    waiting, pods = WaitingPods(), [_pod(f"p{i}", priority) for i, priority in enumerate(priorities)]
    for pod in pods:
        waiting.join(pod)
    ordered = sorted(pods, key=lambda pod: -pod["spec"]["priority"])
    assert _turns(waiting) == [pod["metadata"]["name"] for pod in ordered]


def test_who_joins_twice_has_one_turn() -> None:
    waiting = WaitingPods()
    waiting.join(_pod("p"))
    waiting.join(_pod("p"))
    assert _turns(waiting) == ["p"]


def test_who_has_left_has_none_and_comes_last_when_back() -> None:
    waiting = WaitingPods()
    for name in ("p", "q"):
        waiting.join(_pod(name))
    waiting.leave(("a", "p"))
    assert not waiting.knows(("a", "p"))
    waiting.join(_pod("p"))
    assert _turns(waiting) == ["q", "p"]


def test_who_is_set_aside_waits_for_a_call_and_keeps_its_place() -> None:
    waiting = WaitingPods()
    first, second = _pod("p"), _pod("q")
    waiting.join(first)
    assert _turns(waiting) == ["p"]
    waiting.set_aside(first)
    waiting.join(second)
    assert not waiting.call(lambda pod: pod is second)
    assert waiting.call(lambda pod: pod is first)
    assert _turns(waiting) == ["p", "q"]
