"""Waits until an agent is Ready, and says what it is waiting for meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from antiphon_operator.bringing_up.steps import Step
from antiphon_operator.telling.view import AgentView, ConditionView, PodView

LOOK_AGAIN_SECONDS = 0.5
_LONGEST_DETAIL = 240

Look = Callable[[], Awaitable[AgentView]]


async def until_ready(look: Look, step: Step, timeout_seconds: float) -> tuple[bool, AgentView]:
    """Whether it is, and what was seen last."""
    last = asyncio.get_running_loop().time() + timeout_seconds
    while True:
        view = await look()
        if is_ready(view):
            return True, view
        step.tell(waiting_for(view))
        if asyncio.get_running_loop().time() >= last:
            return False, view
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def is_ready(view: AgentView) -> bool:
    """By a status that is about the spec as it is now."""
    condition = condition_of(view, "Ready")
    return view.up_to_date and condition is not None and condition.status == "True"


def condition_of(view: AgentView, kind: str) -> ConditionView | None:
    return next((condition for condition in view.conditions if condition.type == kind), None)


def waiting_for(view: AgentView) -> str:
    """In one line: what stands against it, its pods, and what happened last."""
    hindrance = _hindrance(view)
    pods = _pods(view, hindrance)
    text = "; ".join(part for part in (hindrance, pods or _last_event(view)) if part)
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 4] + " ..."


def _hindrance(view: AgentView) -> str:
    if not view.conditions:
        return "no operator has seen it yet"
    for kind in ("Accepted", "Placed", "Ready"):
        condition = condition_of(view, kind)
        if condition is not None and condition.status != "True":
            return f"{condition.reason}: {condition.message or condition.meaning}"
    return "" if view.up_to_date else "the operator has not looked at the new spec yet"


def _pods(view: AgentView, told: str) -> str:
    """Those that are not ready, but for those of which was told."""
    waiting = (pod for group in view.groups for pod in group.pods if not pod.ready)
    return ", ".join(_pod(pod) for pod in waiting if pod.name not in told)


def _pod(pod: PodView) -> str:
    restarts = f", restarted {pod.restarts} times" if pod.restarts else ""
    return f"pod {pod.name} is {pod.state}{restarts}" + (f": {pod.why}" if pod.why else "")


def _last_event(view: AgentView) -> str:
    """Probes that fail while a pod starts are no news."""
    events = [event for event in view.events if event.reason != "Unhealthy"]
    return f"last: {events[-1].reason}, {events[-1].message}" if events else ""


def why_not(view: AgentView) -> Iterator[str]:
    """For people, after the wait was in vain: conditions, pods, and what to do."""
    for condition in view.conditions:
        if condition.status != "True" and condition.type in ("Accepted", "Placed", "Ready"):
            yield f"{condition.type} is {condition.status}: {condition.reason}: {condition.message or condition.meaning}"
    for group in view.groups:
        if not group.pods:
            yield f"group {group.name} has no pods"
        for pod in group.pods:
            if not pod.ready:
                yield _pod(pod)
    yield from (f"to do: {advice}" for advice in view.advice)
