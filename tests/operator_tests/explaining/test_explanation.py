"""The explanation of an agent: what is in it, and that a person understands it without more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.policy import SLAPolicy
from antiphon_operator.explaining.operator_reach import Asked
from antiphon_operator.explaining.text import explanation
from antiphon_operator.explaining.thoughts import Thoughts
from antiphon_operator.explaining.view import ExplanationView
from antiphon_operator.explaining.viewing import Known, explanation_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLICY = SLAPolicy.from_manifest(
    {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "SLAPolicy",
        "metadata": {"name": "quick"},
        "spec": {
            "objectives": [
                {"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 450},
                {"name": "admitted", "indicator": "rejectedSessions", "maxRatio": 0.01, "window": "15m"},
            ]
        },
    }
)
DECISIONS = [
    {
        "id": "d3", "time": "2026-05-01T11:59:50Z", "actuator": "replicas", "target": "main", "before": "4", "after": "3",
        "reason": "stabilization", "message": "held: 40 s of 300 s have passed", "outcome": "Held",
    },
    {
        "id": "d2", "time": "2026-05-01T11:57:00Z", "actuator": "variant", "target": "asr", "before": "large-fp16",
        "after": "medium-fp8", "reason": "LoadExpected", "message": "p95 of a turn was 512 ms of 450 ms with 42 sessions.",
        "expected": "p95 of a turn 430 ms", "observed": "p95 of a turn 425 ms", "outcome": "Kept",
    },
    {
        "id": "d1", "time": "2026-05-01T11:56:00Z", "actuator": "batch", "target": "asr", "before": "4", "after": "8",
        "reason": "QueueGrows", "message": "the queue of asr grew to 12", "expected": "p95 of a turn 440 ms",
        "outcome": "Pending",
    },
]  # fmt: skip
STATUS: dict[str, Any] = {
    "sessions": 42,
    "capacity": 60,
    "stages": [{"stage": "asr", "variant": "medium-fp8", "batch": 8}],
    "groups": [
        {"name": "main", "replicas": 4, "readyReplicas": 3, "partition": "1g.18gb", "sessions": 42, "capacity": 60}
    ],
    "tuning": {"generation": 7, "podsApplied": 2, "podsTotal": 3},
    "objectives": [
        {
            "name": "turn-p95", "target": 450.0, "observed": 425.4, "samples": 230, "attainment": 0.961,
            "errorBudgetLeft": -0.25, "state": "AtRisk",
        },
        {"name": "old", "target": 7.0},
    ],
    "decisions": DECISIONS,
}  # fmt: skip
THOUGHTS = Thoughts.model_validate(
    {
        "at": NOW.timestamp() - 3,
        "observation": {
            "source": "prometheus", "age_seconds": 4.0, "sessions": 42, "arrivals_per_second": 0.5,
            "errors": ["hello-main-1 does not answer"],
        },
        "plan": {
            "turn_p95_ms": 428.4, "feasible": True, "cost_per_hour": 4.0, "quality": 0.97, "message": "8 replicas are the most",
        },
        "alternatives": [
            {"what": "asr large-fp16 instead of medium-fp8", "feasible": False, "cost_per_hour": 4.0, "quality": 1.0},
            {"what": "5 replicas of main", "turn_p95_ms": 391.0, "feasible": True, "cost_per_hour": 5.0, "quality": 0.97},
        ],
        "held": [
            {
                "change": "replicas of main: 4 -> 3", "rule": "stabilization", "message": "40 s of 300 s have passed.",
                "until": NOW.timestamp() + 260,
            },
        ],
        "forecast": {"sessions": 48.2, "ahead_seconds": 30, "method": "of a newer operator"},
    }
)  # fmt: skip


def agent(status: dict[str, Any] | None = STATUS, **spec: Any) -> VoiceAgent:
    pipeline = {"vad": {"model": "silero"}, "asr": {"model": "whisper"}, "llm": {"model": "llama"}}
    return VoiceAgent.from_manifest(
        {
            "apiVersion": "antiphon.dev/v1alpha1",
            "kind": "VoiceAgent",
            "metadata": {"name": "hello", "namespace": "shop"},
            "spec": {"pipeline": pipeline, "slaPolicy": "quick", **spec},
            **({"status": status} if status else {}),
        }
    )


def told(asked: Asked, last: int | None = None) -> ExplanationView:
    return explanation_of(Known(agent(), POLICY, asked, NOW), last)


def test_traffic_that_is_not_followed_is_told() -> None:
    since = {"status": "True", "lastTransitionTime": "2026-05-01T11:00:00Z"}
    message = "traffic 'sale': '0 9 31 2 *' in UTC never begins, or the time zone is not known"
    conditions = [{"type": "Accepted", "reason": "TrafficNotFollowed", "message": message, **since}]
    for asked in (Asked(THOUGHTS), Asked(None, "it did not answer")):
        view = explanation_of(Known(agent({**STATUS, "conditions": conditions}), POLICY, asked, NOW))
        assert view.seen.words[-1] == f"Not followed: {message}."
        assert not any("Not followed" in words for words in told(asked).seen.words)


def text_of(view: ExplanationView) -> str:
    console = Console(width=300, color_system=None)
    with console.capture() as captured:
        console.print(explanation(view, NOW), soft_wrap=True)
    return " ".join(captured.get().split())


WORDS = """
VoiceAgent shop/hello (SLAPolicy quick) The policy says Enforce: decisions are carried out.
p95 of a turn (from the user's last sound to the agent's first) is to be at most 450 ms, over 2m. Seen: 425 ms
425 ms of 230 observations. 96.1 % of them were within it. It is kept, but not by much.
The error budget is overspent by 25 %.
Sessions refused are to be at most 1 % of all, over 15m. Nothing was measured: whether it is kept is unknown.
old Target 7. Policy and agent no longer promise it.
3 of 4 replicas of main on 1g.18gb are ready; 42 sessions of 60 that they hold.
asr runs medium-fp8, with at most 8 in a batch.
2 of 3 ready pods have applied the last tuning, 7.
What was seen, 7 s ago (by prometheus) 42 live sessions; ready replicas hold 60. In a minute, 30 sessions begin.
48 sessions are expected in 30 s, when a replica that is asked for now would serve.
Not seen: hello-main-1 does not answer.
what was planned 428 ms yes 4.00 97 %
asr large-fp16 instead of medium-fp8 can't keep up no 4.00 100 %
5 replicas of main 391 ms yes 5.00 97 %
8 replicas are the most.
replicas of main: 4 -> 3: 40 s of 300 s have passed (stabilization). It may pass in 260 s.
10s ago The number of replicas of main stayed at 4; 3 was wanted, and stabilization held it back. Held
Held Evidence: held: 40 s of 300 s have passed.
The variant of asr was changed from large-fp16 to medium-fp8 (LoadExpected). Kept The load that is expected would break an
takes it. Evidence: p95 of a turn was 512 ms of 450 ms with 42 sessions. Expected: p95 of a turn 430 ms. Seen since:
Seen since: p95 of a turn 425 ms. It was kept.
The largest batch of asr was raised from 4 to 8 (QueueGrows). Pending Evidence: the queue of asr grew to 12. Expected:
Expected: p95 of a turn 440 ms. What comes of it is not known yet.
"""


@pytest.mark.parametrize("words", WORDS.strip().splitlines())
def test_people_can_read_it(words: str) -> None:
    assert words in text_of(told(Asked(THOUGHTS)))


def test_without_the_operator_the_status_tells_what_it_knows() -> None:
    view = told(Asked(why_not="you may not list the operator's pods"))
    text = text_of(view)
    assert "The operator could not be asked: you may not list the operator's pods." in text
    assert "What was seen (as the status has it) 42 live sessions; ready replicas hold 60." in text
    (held,) = view.held
    assert (held.change, held.rule) == ("the number of replicas of main: 4 -> 3", "stabilization")
    assert "held: 40 s of 300 s have passed (stabilization), at 2026-05-01T11:59:50Z." in text
    assert len(view.done) == 3


def test_the_form_for_programs_comes_back() -> None:
    view = told(Asked(THOUGHTS), last=1)
    manifest = view.to_manifest()
    assert ExplanationView.from_manifest(manifest) == view
    assert [done["decision"]["id"] for done in manifest["done"]] == ["d3"]
    assert manifest["held"][0]["until"] == "2026-05-01T12:04:20Z"
    assert [(each["what"], each.get("turnP95Ms")) for each in manifest["considered"]] == [
        ("what was planned", 428.4),
        ("asr large-fp16 instead of medium-fp8", None),
        ("5 replicas of main", 391.0),
    ]
    assert (manifest["seen"]["expectedSessions"], manifest["seen"]["ageSeconds"]) == (48.2, 7.0)


def test_an_agent_of_which_nothing_is_known() -> None:
    view = explanation_of(
        Known(agent(None, slaPolicy=None, scaling={"mode": "External"}), None, Asked(why_not="it is not there"), NOW)
    )
    text = text_of(view)
    for words in ("(no SLAPolicy)", "neither the policy nor the agent", "no replica has told", "no decision was made"):
        assert words in text
    assert "What was held back Nothing." in text


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("RolledBack", "It made things worse and was taken back."),
        ("Inconclusive", "Too little was seen to tell what came of it."),
        ("Failed", "The largest batch of asr was to be lowered from 8 to 4 (NoMemory). Failed It could not be done."),
    ],
)
def test_what_came_of_it(outcome: str, words: str) -> None:
    decision = {
        "id": "d", "time": "2026-05-01T11:59:50Z", "actuator": "batch", "target": "asr", "before": "8", "after": "4",
        "reason": "NoMemory", "outcome": outcome,
    }  # fmt: skip
    view = explanation_of(Known(agent({"decisions": [decision]}), POLICY, Asked(THOUGHTS), NOW))
    assert words in text_of(view)
