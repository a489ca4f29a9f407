"""The status that people and `kubectl wait` read, from what is judged, seen and heard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from agent_plans import agent_with, example_agents, example_catalog

from antiphon_crds.agent_status import ControlStatus, Decision, ObjectiveStatus, StageStatus, VoiceAgentStatus
from antiphon_operator.kube.resources import DEPLOYMENTS
from antiphon_operator.objects import Obj
from antiphon_operator.operate.agent_status import Heard, Looped, Seen, agent_status
from antiphon_operator.operate.changes import only_counts, same
from antiphon_operator.operate.conditions import condition_of
from antiphon_operator.operate.judging import Situation, judge
from antiphon_operator.operate.news import news
from antiphon_operator.placing.place import ClusterView

NOW = "2026-11-21T12:00:00Z"


def _deployment(wanted: int = 1, made: int = 1, updated: int = 1, ready: int = 1, behind: bool = False) -> Obj:
    return {
        "metadata": {"name": "hello-world-main", "namespace": "default", "generation": 2},
        "spec": {"replicas": wanted},
        "status": {
            "observedGeneration": 1 if behind else 2,
            "replicas": made,
            "updatedReplicas": updated,
            "readyReplicas": ready,
        },
    }


def _pod(**status: Any) -> Obj:
    return {"metadata": {"name": "hello-world-main-x", "namespace": "default"}, "status": status}


def _seen(
    deployment: Obj | None = None,
    policies: bool = True,
    status: Obj | None = None,
    spec: Obj | None = None,
    **more: Any,
) -> Seen:
    agent = agent_with(example_agents()["hello-world"], **(spec or {}))
    catalog = example_catalog() if policies else replace(example_catalog(), policies={})
    view = ClusterView(nodes=(), pools={}, slices=(), serves_dra=False, namespace="default")
    kids = [(DEPLOYMENTS, deployment)] if deployment else []
    raw = agent.to_manifest()
    raw["metadata"] |= {"generation": 7, **more.pop("metadata", {})}
    raw["status"] = status or {}
    judgement = judge(Situation(agent, catalog, view, kids, status or {}))
    return Seen(raw, judgement, kids, **more)


def _conditions(seen: Seen) -> dict[str, tuple[str, str]]:
    found = agent_status(seen, NOW)["conditions"]
    return {one["type"]: (one["status"], one["reason"]) for one in found}


def test_all_conditions_are_there_from_the_first_visit_on() -> None:
    status = agent_status(_seen(), NOW)
    assert [one["type"] for one in status["conditions"]] == ["Accepted", "Placed", "Ready", "SLAMet", "Steady"]
    assert {one["observedGeneration"] for one in status["conditions"]} == {7, status["observedGeneration"]}
    VoiceAgentStatus.from_manifest(status)


@pytest.mark.parametrize(
    ("deployment", "heard", "phase", "ready", "steady"),
    [
        (None, Heard(), "Starting", "Starting", "Scaling"),
        (_deployment(ready=0), Heard(), "Starting", "Starting", "Scaling"),
        (_deployment(), Heard(pods_applied=1, pods_total=1), "Ready", "Serving", "Settled"),
        (_deployment(), Heard(pods_applied=0, pods_total=1), "Ready", "Serving", "Tuning"),
        (_deployment(), Heard(pods_total=1, refusals=("pod x: NoMemory",)), "Ready", "Serving", "TuningRefused"),
        (_deployment(), Heard(pods_total=1, unreached=1), "Ready", "Serving", "PodsUnreachable"),
        (_deployment(made=2, updated=1), Heard(), "Ready", "Serving", "RollingOut"),
        (_deployment(behind=True), Heard(), "Ready", "Serving", "RollingOut"),
        (_deployment(wanted=2, made=2, updated=2), Heard(), "Ready", "Serving", "Scaling"),
    ],
)
def test_phase_and_reasons(deployment: Obj | None, heard: Heard, phase: str, ready: str, steady: str) -> None:
    seen = _seen(deployment, heard={"main": heard})
    assert agent_status(seen, NOW)["phase"] == phase
    assert (_conditions(seen)["Ready"][1], _conditions(seen)["Steady"][1]) == (ready, steady)


def test_one_that_is_deleted_drains() -> None:
    seen = _seen(_deployment(), metadata={"deletionTimestamp": NOW})
    assert agent_status(seen, NOW)["phase"] == "Draining"
    assert _conditions(seen)["Ready"] == ("False", "Deleting")


def test_what_stands_in_a_pods_way_is_told() -> None:
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}]}
    seen = _seen(_deployment(ready=0), pods=[_pod(**waiting)])
    status = agent_status(seen, NOW)
    assert condition_of(status, "Ready")["reason"] == "PodFailing"
    assert "no such image" in str(condition_of(status, "Ready")["message"])
    unplaced = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}
    status = agent_status(_seen(_deployment(ready=0), pods=[_pod(**unplaced)]), NOW)
    assert (status["phase"], condition_of(status, "Ready")["reason"]) == ("Pending", "Unschedulable")


def test_a_policy_that_goes_leaves_a_running_agent_running() -> None:
    before = agent_status(_seen(_deployment()), NOW)
    seen = _seen(_deployment(), policies=False, status=before)
    status = agent_status(seen, NOW)
    assert (status["phase"], status["ready"], status["partition"]) == ("Degraded", "1/1", "CPU only")
    assert _conditions(seen)["Accepted"] == ("False", "ReferenceMissing")
    assert _conditions(seen)["Ready"] == ("True", "Serving")


def test_an_agent_that_never_ran_and_can_not_is_invalid() -> None:
    seen = _seen(policies=False)
    assert agent_status(seen, NOW)["phase"] == "Invalid"
    assert _conditions(seen)["Ready"] == ("False", "NothingRuns")


def test_what_the_scale_subresource_reads() -> None:
    status = agent_status(_seen(_deployment(wanted=1, made=3)), NOW)
    assert status["replicas"] == 3
    assert status["selector"] == "antiphon.dev/agent=hello-world,antiphon.dev/group=main"


def test_what_pods_say() -> None:
    heard = Heard(3, 10, (StageStatus(stage="asr", variant="tiny.en-int8", batch=4),), 5, 1, 1)
    status = agent_status(_seen(_deployment(), heard={"main": heard}), NOW)
    assert (status["sessions"], status["capacity"]) == (3, 10)
    assert status["tuning"] == {"generation": 5, "podsApplied": 1, "podsTotal": 1}
    assert status["stages"] == [{"stage": "asr", "variant": "tiny.en-int8", "batch": 4}]


def test_counts_alone_may_wait_and_anything_else_may_not() -> None:
    def status(sessions: int, ready: int = 1) -> Obj:
        return agent_status(_seen(_deployment(ready=ready), heard={"main": Heard(sessions, 10)}), NOW)

    assert same(status(1), status(1))
    assert not same(status(1), status(2))
    assert only_counts(status(1), status(2))
    assert not only_counts(status(1), status(2, ready=0))


def test_fields_that_the_api_server_adds_are_no_difference() -> None:
    status = agent_status(_seen(_deployment()), NOW)
    assert "stages" not in status
    assert same({**status, "objectives": [], "decisions": [], "stages": []}, status)


def test_a_field_that_is_no_longer_said_is_a_difference() -> None:
    status = agent_status(_seen(_deployment()), NOW)
    assert not same({**status, "stages": [{"stage": "asr", "variant": "a", "batch": 1}]}, status)


# --- what the control loop says --------------------------------------------------------------------------------------

_PROMISE = ObjectiveStatus(
    name="turn-p95", target=1500, observed=1720.0, samples=120, attainment=0.91, state="Breached"
)
_DECISION = Decision(
    id="20261121T120000.000-replicas-main", time=NOW, actuator="replicas", target="main", before="1", after="2",
    reason="ObjectiveBroken", message="60 sessions on 1 ready pod",
)  # fmt: skip
_CONTROL = ControlStatus(settling={"group/main": 1_800_000_000})
_SAID = Looped("Breached", "turn-p95: 1720 ms of 1500 ms", 1720.0, (_PROMISE,), (_DECISION,), _CONTROL)


@pytest.mark.parametrize(
    ("sla", "truth"), [("Met", "True"), ("AtRisk", "True"), ("Breached", "False"), ("Unknown", "Unknown")]
)
def test_the_promise_is_told_as_the_loop_judges_it(sla: Any, truth: str) -> None:
    status = agent_status(_seen(_deployment(), looped=replace(_SAID, sla=sla)), NOW)
    assert status["sla"] == sla
    assert condition_of(status, "SLAMet")["status"] == truth


def test_what_the_loop_says_is_in_the_status_and_can_be_read_again() -> None:
    status = agent_status(_seen(_deployment(), looped=_SAID), NOW)
    read = VoiceAgentStatus.from_manifest(
        {name: status[name] for name in ("objectives", "decisions", "control", "p95Ms")}
    )
    assert read.objectives == [_PROMISE]
    assert read.decisions == [_DECISION]
    assert read.control == _CONTROL
    assert read.p95_ms == 1720.0
    assert condition_of(status, "SLAMet")["message"] == _SAID.told


def test_until_a_new_leader_has_looked_what_was_said_stays() -> None:
    before = agent_status(_seen(_deployment(), looped=_SAID), NOW)
    after = agent_status(_seen(_deployment(), status=before), NOW)
    assert same(before, after)


def test_an_agent_without_a_policy_has_promised_nothing() -> None:
    before = agent_status(_seen(_deployment(), looped=_SAID), NOW)
    seen = _seen(_deployment(), status=before, looped=replace(_SAID, sla="Unknown"))
    del seen.agent["spec"]["slaPolicy"]
    status = agent_status(seen, NOW)
    assert condition_of(status, "SLAMet")["reason"] == "NoPolicy"
    assert not {"objectives", "decisions", "control"} & status.keys()
    assert not same(before, status), "and it is written that they are gone"


def test_figures_may_wait_and_states_and_decisions_may_not() -> None:
    before = agent_status(_seen(_deployment(), looped=_SAID), NOW)

    def with_(**change: Any) -> Obj:
        return agent_status(_seen(_deployment(), status=before, looped=replace(_SAID, **change)), NOW)

    moved = _PROMISE.model_copy(update={"observed": 1730.0, "samples": 130, "attainment": 0.9})
    assert only_counts(before, with_(objectives=(moved,), p95_ms=1730.0, told="turn-p95: 1730 ms of 1500 ms"))
    assert not only_counts(before, with_(objectives=(_PROMISE.model_copy(update={"state": "Met"}),)))
    assert not only_counts(before, with_(decisions=()))
    assert not only_counts(before, with_(sla="Met"))
    assert not only_counts(before, with_(control=ControlStatus()))


def test_decisions_are_events_and_so_is_what_was_taken_back() -> None:
    plain = agent_status(_seen(_deployment(), looped=replace(_SAID, decisions=())), NOW)
    made = agent_status(_seen(_deployment(), looped=_SAID), NOW)
    back = _DECISION.model_copy(update={"outcome": "RolledBack", "observed": "900 ms over 40 turns"})
    taken = agent_status(_seen(_deployment(), looped=replace(_SAID, decisions=(back,))), NOW)
    (told,) = [one for one in news(plain, made) if one.reason == "ObjectiveBroken"]
    assert (told.kind, told.message) == ("Normal", "replicas of main: 1 to 2; 60 sessions on 1 ready pod")
    (undone,) = news(made, taken)
    assert (undone.kind, undone.reason) == ("Warning", "RolledBack")
    assert not list(news(made, made))


def test_sessions_live_in_the_group_that_callers_reach() -> None:
    groups = [{"name": "main", "stages": ["vad", "asr", "tts"]}, {"name": "brain", "stages": ["llm"]}]
    heard = {"main": Heard(3, 10), "brain": Heard(0, 40)}
    status = agent_status(_seen(_deployment(), spec={"placement": {"groups": groups}}, heard=heard), NOW)
    assert [(group["name"], group["capacity"]) for group in status["groups"]] == [("main", 10), ("brain", 40)]
    assert (status["sessions"], status["capacity"]) == (3, 10)
