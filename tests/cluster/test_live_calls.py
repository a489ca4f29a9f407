"""Ten live calls while the agent's pods are replaced, and then three of four taken away: no call is cut, no turn is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from callers import Caller
from operated import Operated, condition, operated, runs_pods

from cluster import Cluster

CALLS = 10
SECONDS_A_TURN = 4.0


@pytest.fixture
def corner(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Operated]:
    if not runs_pods(cluster):
        pytest.skip("this cluster has no node that runs pods")
    with operated(cluster, namespace, tmp_path) as (found, _):
        yield found


@dataclass
class Timeline:
    """What was to be seen, and when."""

    began: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(f"{time.monotonic() - self.began:6.1f} s  {text}")
        print(self.lines[-1], flush=True)


def seen(corner: Operated) -> str:
    """The agent and its pods, in a line."""
    agent = corner.cluster.get("VoiceAgent", "hello", corner.namespace)
    status, pods = agent["status"], corner.children("pods").values()
    going = sum("deletionTimestamp" in pod["metadata"] for pod in pods)
    return (
        f"{status['phase']} {status['ready']}, {condition(agent, 'Steady')['reason']},"
        f" {status['sessions']} sessions, {len(pods) - going} pods and {going} that finish their calls"
    )


async def watched(corner: Operated, timeline: Timeline) -> None:
    """Until cancelled: every change of what is seen is noted."""
    before = ""
    while True:
        now = await asyncio.to_thread(seen, corner)
        if now != before:
            timeline.note(now)
            before = now
        await asyncio.sleep(0.5)


async def story(corner: Operated, timeline: Timeline, url: str, turns: int) -> list[Caller]:
    callers = [Caller(url) for _ in range(CALLS)]
    calls = []
    for caller in callers:
        calls.append(asyncio.create_task(caller.call(turns, waits_seconds=SECONDS_A_TURN - 1)))
        await asyncio.sleep(0.1)
    watching = asyncio.create_task(watched(corner, timeline))
    await asyncio.sleep(4)
    timeline.note("asr may run one variant only now, which needs new pods")
    asr = {"model": corner.model_name("asr"), "variants": ["quick"]}
    await asyncio.to_thread(corner.change, "hello", {"pipeline": {"asr": asr}})
    await asyncio.to_thread(corner.wait_condition, "hello", "Steady", "False", "RollingOut")
    await asyncio.to_thread(corner.wait_condition, "hello", "Steady", "True")
    over = [call for call in calls if call.done()]
    assert not over, f"{len(over)} calls were over before the rollout was: {[call.exception() for call in over]}"
    timeline.note("from 4 replicas to 1")
    await asyncio.to_thread(corner.cluster.kubectl, "scale", "-n", corner.namespace, "va/hello", "--replicas=1")
    await asyncio.to_thread(corner.wait_condition, "hello", "Steady", "True")
    timeline.note("a new call, while old ones go on")
    late = Caller(url)
    await late.call(1)
    await asyncio.gather(*calls)
    watching.cancel()
    return [*callers, late]


def test_a_rollout_and_a_scale_down_cut_no_call(corner: Operated) -> None:
    turns = 14
    corner.make(corner.agent(replicas=4))
    corner.wait_condition("hello", "Steady", "True", timeout=90)
    service = corner.cluster.get("services", "hello", corner.namespace)
    before = set(corner.children("pods"))
    timeline = Timeline()
    url = f"ws://{service['spec']['clusterIP']}:8080/v1/realtime"
    *callers, late = asyncio.run(story(corner, timeline, url, turns))
    asked = CALLS * turns
    completed = sum(caller.answers.count("completed") for caller in callers)
    timeline.note(f"{completed} of {asked} turns answered, {sum(caller.gaps for caller in callers)} gaps in the sound")
    assert [caller.close_code for caller in callers] == [1000] * CALLS
    assert [caller.answers for caller in callers] == [["completed"] * turns] * CALLS
    assert late.answers == ["completed"]
    pods = corner.cluster.wait_all(
        "pods", corner.namespace, lambda found: len(found) == 1, 60, labelSelector="antiphon.dev/agent=hello"
    )
    assert not before & {pod["metadata"]["name"] for pod in pods}
