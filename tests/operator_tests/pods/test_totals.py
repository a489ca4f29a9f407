"""What pods amount to."""

from __future__ import annotations

from typing import Any

from control_pods import address_of

from antiphon_crds.agent_status import StageStatus
from antiphon_crds.control import SessionCounts, StageState, State
from antiphon_operator.pods.known import PodAddress, PodKey
from antiphon_operator.pods.progress import Failure, Progress
from antiphon_operator.pods.reports import PodReport
from antiphon_operator.pods.totals import GroupTotals, group_totals


def told(variant: str, batch: int, *, phase: Any = "Ready", sessions: int = 0) -> State:
    stages = [StageState(stage="asr", model="whisper", variant=variant, engine="e", max_batch=batch)]
    return State(phase=phase, capacity=5, sessions=SessionCounts(speaking=sessions), stages=stages)


def group(*pods: tuple[State | None, dict[str, Any]]) -> GroupTotals:
    known = [address_of(f"pod-{index}", "10.0.0.1", **more) for index, (_, more) in enumerate(pods)]
    by_key: dict[PodKey, PodAddress] = {pod.key: pod for pod in known}
    reports = {pod.key: PodReport(state, uid=pod.uid) for pod, (state, _) in zip(known, pods, strict=True)}
    return group_totals(by_key, reports)


def test_nothing_is_nothing() -> None:
    assert group() == GroupTotals()


def test_a_group_is_the_sum_of_its_pods_and_runs_with_what_most_run_with() -> None:
    totals = group(
        (told("large", 4, sessions=1), {}),
        (told("small", 8, sessions=2), {}),
        (told("small", 16), {}),
        (told("small", 16), {}),
        (None, {}),
        (told("large", 4, phase="Draining", sessions=4), {"going": True}),
        (told("large", 4, phase="Starting"), {"ready": False}),
    )
    assert totals == GroupTotals(
        ready=5,
        sessions=7,
        capacity=20,
        unknown=1,
        stages=(StageStatus(stage="asr", variant="small", batch=16),),
    )


def test_of_equally_many_the_first_and_without_ready_ones_any() -> None:
    assert [each.variant for each in group((told("b", 1), {}), (told("a", 1), {})).stages] == ["b"]
    starting = group((told("a", 1, phase="Starting"), {"ready": False}))
    assert (starting.ready, starting.capacity, [each.variant for each in starting.stages]) == (0, 0, ["a"])


def test_a_tuning_is_done_when_every_ready_pod_has_it() -> None:
    key = PodKey("team", "pod")
    one, other = Progress(3, 1, 2, {key: Failure("NoMemory", "")}), Progress(5, 4, 4)
    assert (one.is_done, other.is_done, str(one.failures[key])) == (False, True, "NoMemory")
