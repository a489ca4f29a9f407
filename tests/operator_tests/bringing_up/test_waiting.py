"""Waiting for an agent: in virtual time."""

from collections.abc import Iterable
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from virtual_time import in_virtual_time

from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.bringing_up.waiting import until_ready, waiting_for, why_not
from antiphon_operator.telling.view import AgentView, ConditionView, EventView, GroupView, PodView

STARTING = ConditionView(type="Ready", status="False", reason="Starting", message="no pod of main is ready yet")
SERVING = ConditionView(type="Ready", status="True", reason="Serving")
LOADING = PodView(name="p-1", state="Running", ready=False, why="loading stage asr", restarts=0, created="")
EVENTS = [
    EventView(time="1", type="Normal", reason="Scheduled", message="assigned p-1 to local", object="Pod/p-1"),
    EventView(time="2", type="Warning", reason="Unhealthy", message="probe failed", object="Pod/p-1"),
]


def view(*conditions: ConditionView, pods: Iterable[PodView] = (), **more: Any) -> AgentView:
    group = GroupView(name="main", stages=["asr"], replicas=1, ready_replicas=0, sessions=0, capacity=0, pods=[*pods])
    lists: dict[str, Any] = {"stages": [], "objectives": [], "decisions": [], "events": [], "advice": []}
    facts: dict[str, Any] = {"name": "a", "namespace": "n", "created": "", "scaling": "", "up_to_date": True}
    return AgentView(**(facts | lists | {"conditions": [*conditions], "groups": [group]} | more))


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (view(), "no operator has seen it yet"),
        (view(STARTING), "Starting: no pod of main is ready yet"),
        (view(STARTING, pods=[LOADING], events=EVENTS), "pod p-1 is Running: loading stage asr"),
        (view(STARTING, events=EVENTS), "last: Scheduled, assigned p-1 to local"),
        (view(SERVING, up_to_date=False), "the operator has not looked at the new spec yet"),
        (
            view(
                ConditionView(type="Placed", status="False", reason="NoNodeMatches", meaning="No ready node"), STARTING
            ),
            "NoNodeMatches: No ready node",
        ),
    ],
)
def test_what_it_is_waiting_for(seen: AgentView, words: str) -> None:
    assert words in waiting_for(seen)


def test_a_pod_is_told_of_once() -> None:
    condition = ConditionView(type="Ready", status="False", reason="PodFailing", message="pod p-1: ErrImagePull")
    assert waiting_for(view(condition, pods=[LOADING])) == "PodFailing: pod p-1: ErrImagePull"


@in_virtual_time
async def test_it_ends_when_the_agent_is_ready_by_its_present_spec() -> None:
    seen = [view(), view(STARTING), view(SERVING, up_to_date=False), view(SERVING)]
    output = StringIO()

    async def look() -> AgentView:
        return seen.pop(0)

    with Steps(Console(file=output, width=200)).step("agent a") as step:
        ready, last = await until_ready(look, step, 10)
    assert ready
    assert last == view(SERVING)
    assert [line.partition(" s  ")[2] for line in output.getvalue().splitlines()[1:-1]] == [
        "no operator has seen it yet",
        "Starting: no pod of main is ready yet",
        "the operator has not looked at the new spec yet",
    ]


@in_virtual_time
async def test_it_ends_when_the_time_is_over_and_says_why() -> None:
    late = view(STARTING, pods=[LOADING], advice=["look at it"])

    async def look() -> AgentView:
        return late

    with Steps(Console(file=StringIO())).step("agent a") as step:
        ready, last = await until_ready(look, step, 30)
    assert not ready
    assert list(why_not(last)) == [
        "Ready is False: Starting: no pod of main is ready yet",
        "pod p-1 is Running: loading stage asr",
        "to do: look at it",
    ]


def test_a_group_without_pods_says_so() -> None:
    assert "group main has no pods" in list(why_not(view(STARTING)))
