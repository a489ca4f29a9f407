from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from objects import policy

from antiphon_crds.policy import Objective
from antiphon_crds.stages import Stage
from antiphon_policies.objectives import effective_objectives, loosens, target_of

_STAGES: list[Stage] = ["vad", "asr", "llm"]


def _objective(name: str = "turn-p95", **more: Any) -> Objective:
    return Objective.model_validate({"name": name, "indicator": "turn", "percentile": 95, "targetMs": 450, **more})


def test_the_agents_objective_takes_the_place_of_the_policys() -> None:
    found = effective_objectives(policy(), [_objective(targetMs=400), _objective("own", indicator="response")], _STAGES)
    assert [(each.objective.name, each.objective.target_ms, each.from_agent) for each in found] == [
        ("turn-p95", 400, True),
        ("own", 450, True),
    ]


def test_what_the_agent_does_not_say_comes_from_the_policy() -> None:
    (found,) = effective_objectives(policy(), [], _STAGES)
    assert (found.objective.target_ms, found.from_agent) == (450, False)


def test_an_objective_about_a_stage_that_the_agent_lacks_does_not_hold() -> None:
    stages = [
        {"name": name, "indicator": "stage", "stage": name, "mean": True, "targetMs": 9} for name in ("asr", "tts")
    ]
    found = effective_objectives(policy(*stages), [], _STAGES)
    assert [each.objective.name for each in found] == ["asr"]


def test_without_a_policy_only_the_agents_hold() -> None:
    assert effective_objectives(None, [], _STAGES) == []


def test_the_budget_is_taken_off_a_mouth_to_ear_target_before_planning() -> None:
    ear = {"name": "ear", "indicator": "mouthToEar", "percentile": 95, "targetMs": 200}
    turn = {"name": "turn", "indicator": "turn", "percentile": 95, "targetMs": 200}
    budget = {"captureMs": 20, "networkRttMs": 40, "playbackMs": 20}
    found = effective_objectives(policy(ear, turn, budget=budget), [], _STAGES)
    assert [each.planning_target_ms for each in found] == [120, 200]


@pytest.mark.parametrize(
    ("field", "indicator", "looser", "stricter"),
    [("targetMs", "turn", 500, 400), ("maxRatio", "failedTurns", 0.2, 0.05), ("minPerSecond", "frameRate", 24.0, 30.0)],
)
def test_what_loosens(field: str, indicator: str, looser: float, stricter: float) -> None:
    middle = {"targetMs": 450, "maxRatio": 0.1, "minPerSecond": 25.0}[field]

    def objective(target: float) -> Objective:
        share = {} if field == "maxRatio" else {"percentile": 95}
        return Objective.model_validate({"name": "x", "indicator": indicator, field: target, **share})

    assert loosens(objective(looser), objective(middle))
    assert not loosens(objective(stricter), objective(middle))
    assert not loosens(objective(middle), objective(middle))


@given(st.integers(1, 10000), st.integers(1, 10000))
def test_of_two_different_targets_exactly_one_loosens_the_other(one: int, other: int) -> None:
    first, second = _objective(targetMs=one), _objective(targetMs=other)
    assert (loosens(first, second) + loosens(second, first)) == (target_of(first) != target_of(second))
