"""The decision view: what is in it, and that people can read it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.control import State
from antiphon_crds.policy import SLAPolicy
from antiphon_operator.operate import reasons
from antiphon_operator.telling.description import describe
from antiphon_operator.telling.view import AgentView
from antiphon_operator.telling.viewing import Found, view_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLICY = SLAPolicy.from_manifest(
    {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "SLAPolicy",
        "metadata": {"name": "quick"},
        "spec": {
            "objectives": [
                {"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 450},
                {"name": "admitted", "indicator": "rejectedSessions", "maxRatio": 0.01},
                {"name": "llm-p95", "indicator": "stage", "stage": "llm", "percentile": 95, "targetMs": 100},
            ]
        },
    }
)
STATUS = {
    "observedGeneration": 2,
    "phase": "Degraded",
    "ready": "1/2",
    "sessions": 5,
    "capacity": 8,
    "p95Ms": 512.0,
    "sla": "Breached",
    "endpoint": "http://hello.shop.svc:8080",
    "conditions": [
        {"type": "Accepted", "status": "True", "reason": "Valid", "lastTransitionTime": "2026-05-01T11:00:00Z"},
        {
            "type": "Ready",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available",
            "lastTransitionTime": "2026-05-01T11:58:00Z",
        },
        {"type": "SLAMet", "status": "False", "reason": "SomethingNew", "message": "told by a newer operator"},
    ],
    "stages": [{"stage": "asr", "variant": "medium-int8", "batch": 8}],
    "objectives": [
        {
            "name": "turn-p95", "target": 450.0, "observed": 512.4, "samples": 90, "attainment": 0.91, "errorBudgetLeft": -0.8,
            "state": "Breached",
        },
        {"name": "old", "target": 7.0, "state": "Unknown"},
    ],
    "groups": [{"name": "voice", "replicas": 2, "readyReplicas": 1, "partition": "1g.18gb", "sessions": 5, "capacity": 8}],
    "tuning": {"generation": 7, "podsApplied": 1, "podsTotal": 2},
    "decisions": [
        {
            "id": "d1", "time": "2026-05-01T11:59:30Z", "actuator": "batch", "target": "asr", "before": "4", "after": "8",
            "reason": "QueueGrows", "message": "the queue of asr grew to 12", "expected": "p95 430 ms", "outcome": "Pending",
        }
    ],
}  # fmt: skip
POD: dict[str, Any] = {
    "metadata": {
        "name": "hello-voice-6d-x1",
        "labels": {"antiphon.dev/agent": "hello", "antiphon.dev/group": "voice"},
        "creationTimestamp": "2026-05-01T11:00:00Z",
    },
    "spec": {"nodeName": "gpu-3"},
    "status": {
        "phase": "Running",
        "containerStatuses": [{"name": "voice", "restartCount": 1, "state": {"running": {}}}],
    },
}
EVENT = {
    "metadata": {"name": "e", "uid": "e"},
    "involvedObject": {"kind": "Pod", "name": "hello-voice-6d-x2"},
    "reason": "FailedScheduling",
    "type": "Warning",
    "message": "0/3 nodes are available",
    "count": 4,
    "lastTimestamp": "2026-05-01T11:59:00Z",
}
STATE = State.from_manifest(
    {
        "generation": 6,
        "phase": "Starting",
        "message": "loading stage llm",
        "sessions": {"idle": 2, "speaking": 3},
        "capacity": 8,
    }
)


def agent(status: dict[str, Any] | None = None, **spec: Any) -> VoiceAgent:
    return VoiceAgent.from_manifest(
        {
            "apiVersion": "antiphon.dev/v1alpha1",
            "kind": "VoiceAgent",
            "metadata": {
                "name": "hello",
                "namespace": "shop",
                "generation": 2,
                "creationTimestamp": "2026-05-01T10:00:00Z",
            },
            "spec": {
                "slaPolicy": "quick",
                "pipeline": {
                    "vad": {"model": "silero"},
                    "asr": {"model": "whisper"},
                    "tts": {"model": "kokoro"},
                    "llm": {"model": "llama"},
                },
                "placement": {"groups": [{"name": "voice", "stages": ["vad", "asr", "llm", "tts"]}]},
                **spec,
            },
            **({"status": status} if status else {}),
        }
    )


@pytest.fixture
def view() -> AgentView:
    states = {"hello-voice-6d-x1": STATE}
    return view_of(Found(agent(STATUS), POLICY, [POD], [EVENT], states))


def text_of(view: AgentView) -> str:
    console = Console(width=300, color_system=None)
    with console.capture() as captured:
        console.print(describe(view, NOW), soft_wrap=True)
    return captured.get()


def test_conditions_say_what_they_mean_and_what_to_do(view: AgentView) -> None:
    ready = next(each for each in view.conditions if each.type == "Ready")
    assert ready.meaning == reasons.UNSCHEDULABLE.meaning
    assert ready.advice == reasons.UNSCHEDULABLE.advice
    assert view.advice == [f"Ready is False (Unschedulable): {reasons.UNSCHEDULABLE.advice}"]
    assert view.conditions[-1].meaning == "", "a reason that is not known is passed on as it is"


def test_pods_say_what_they_run_with(view: AgentView) -> None:
    (group,) = view.groups
    (pod,) = group.pods
    assert (group.partition, group.ready_replicas, group.replicas) == ("1g.18gb", 1, 2)
    assert (pod.node, pod.state, pod.ready, pod.restarts) == ("gpu-3", "Running", False, 1)
    assert (pod.sessions, pod.capacity, pod.tuning_generation, pod.why) == (5, 8, 6, "loading stage llm")


def test_objectives_are_those_in_force_with_what_was_observed(view: AgentView) -> None:
    by_name = {objective.name: objective for objective in view.objectives}
    assert list(by_name) == ["turn-p95", "admitted", "llm-p95", "old"]
    assert (by_name["turn-p95"].promise, by_name["turn-p95"].unit) == ("p95 of turn", "ms")
    assert by_name["turn-p95"].observed == 512.4
    assert (by_name["admitted"].unit, by_name["admitted"].state) == ("ratio", "Unknown")
    assert by_name["llm-p95"].promise == "p95 of stage llm"
    assert (by_name["old"].promise, by_name["old"].target) == ("", 7)


def test_stages_without_a_variant_in_force_are_there(view: AgentView) -> None:
    assert [(stage.stage, stage.variant) for stage in view.stages] == [
        ("vad", None),
        ("asr", "medium-int8"),
        ("llm", None),
        ("tts", None),
    ]


def test_the_json_form_is_of_plain_values_and_comes_back(view: AgentView) -> None:
    manifest = view.to_manifest()
    assert manifest["groups"][0]["pods"][0]["tuningGeneration"] == 6
    assert AgentView.from_manifest(manifest) == view


@pytest.mark.parametrize(
    "words",
    [
        "VoiceAgent shop/hello",
        "Degraded",
        "Breached (SLAPolicy quick), p95 of a turn 512 ms",
        "5 of 8",
        "generation 7, applied by 1 of 2 ready pods",
        "0/3 nodes are available",
        "loading stage llm",
        "gpu-3",
        "batch of asr: 4 -> 8",
        "the queue of asr grew to 12 (QueueGrows)",
        "expected: p95 430 ms; observed: awaited",
        "-80 %",
        "FailedScheduling",
        "(x4)",
        reasons.UNSCHEDULABLE.advice,
    ],
)
def test_people_can_read_it(view: AgentView, words: str) -> None:
    assert words in " ".join(text_of(view).split())


def test_an_agent_that_nobody_has_looked_at() -> None:
    view = view_of(Found(agent()))
    assert (view.phase, view.up_to_date, view.conditions) == ("Unknown", False, [])
    assert "antiphon install" in view.advice[0]
    assert "no pods" in text_of(view)


def test_a_status_about_an_earlier_spec_says_so() -> None:
    view = view_of(Found(agent({**STATUS, "observedGeneration": 1})))
    assert not view.up_to_date
    assert "earlier spec" in text_of(view)


def test_who_chooses_the_replicas() -> None:
    assert view_of(Found(agent())).scaling == "SLA: the control loop chooses between 1 and 8 replicas"
    external = {"mode": "External", "replicas": 3}
    assert "3 replicas" in view_of(Found(agent(scaling=external))).scaling
