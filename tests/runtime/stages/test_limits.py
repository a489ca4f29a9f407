from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from voice_world import stage_config, variant

from antiphon_crds.control import StageTuning
from antiphon_crds.runtime_config import StageConfig
from antiphon_runtime.stages.limits import limits_of, load_step

STEPS = [{"upTo": 10, "batch": 10}, {"upTo": 15, "batch": 15}, {"batch": 25}]


def config(**more: Any) -> StageConfig:
    return StageConfig.model_validate(stage_config("asr").to_manifest() | more)


def test_without_a_word_the_engine_decides() -> None:
    limits = limits_of(config(), variant(), 8)
    assert (limits.max_batch, limits.max_wait_seconds) == (8, 0)


def test_tuning_goes_before_load_and_load_before_configuration() -> None:
    told = config(batch={"max": 4, "maxWaitMs": 20}, concurrency={"maxQueue": 7})
    assert limits_of(told, variant(), 64).max_batch == 4
    assert limits_of(told, variant(), 64).max_wait_seconds == 0.02
    assert limits_of(told, variant(), 64).max_queue == 7
    loaded = config(batch={"max": 4}, loadSteps=STEPS)
    assert limits_of(loaded, variant(), 64, active_sessions=12).max_batch == 15
    tuned = StageTuning(stage="asr", max_batch=3, max_wait_ms=0, max_queue=5)
    limits = limits_of(loaded, variant(), 64, tuned, 12)
    assert (limits.max_batch, limits.max_wait_seconds, limits.max_queue) == (3, 0, 5)


@given(st.integers(0, 100), st.integers(1, 64), st.integers(1, 1024) | st.none())
def test_never_more_than_the_engine_takes(active: int, most: int, asked: int | None) -> None:
    limits = limits_of(config(loadSteps=STEPS), variant(), most, StageTuning(stage="asr", max_batch=asked), active)
    assert 1 <= limits.max_batch <= most


@given(st.integers(0, 100))
def test_the_first_step_that_holds_is_in_force(active: int) -> None:
    step = load_step(config(loadSteps=[STEPS[1], STEPS[0], STEPS[2]]), active)
    assert step is not None
    assert step.batch == (10 if active <= 10 else 15 if active <= 15 else 25)
