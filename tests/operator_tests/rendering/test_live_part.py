"""What is changed while pods run, and what restarts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from agent_plans import SETTINGS, agent_with, example_agents, example_catalog, example_plan, plan_of
from drawn_plans import drawn_plans
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_crds.control import StageTuning, Tuning
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.names import RESTART_ANNOTATION
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.live_part import fitting, live_tuning
from antiphon_operator.rendering.plan import AgentPlan
from antiphon_operator.rendering.runtime_config import runtime_config
from antiphon_policies.resolution import Catalog
from antiphon_runtime.stages.limits import limits_of

Spec = dict[str, Any]
Change = Callable[[Spec], Any]

_AGENT = example_agents()["cascade-emulated"]
_LIVE: dict[str, Change] = {
    "cap of the batch": lambda spec: spec["pipeline"]["asr"].update(batch={"max": 4}),
    "wait for the batch": lambda spec: spec["pipeline"]["llm"].update(batch={"maxWaitMs": 20}),
    "queue": lambda spec: spec["pipeline"]["tts"].update(concurrency={"maxQueue": 7}),
    "order of variants": lambda spec: spec["pipeline"]["asr"].update(variants=["medium-fp8", "large-fp16"]),
    "sessions of a group": lambda spec: spec["placement"]["groups"][0].update(maxSessions=12),
    "sessions of the agent": lambda spec: spec["sessions"].update(maxPerReplica=9),
    "scaling": lambda spec: spec["scaling"].update(maxReplicas=7),
    "description": lambda spec: spec.update(description="another"),
}
_RESTARTING: dict[str, Change] = {
    "a variant less": lambda spec: spec["pipeline"]["llm"].update(variants=["fp16"]),
    "another model": lambda spec: spec["pipeline"]["tts"].update(model="hibari"),
    "options": lambda spec: spec["pipeline"]["llm"].update(options={"maxNewTokens": 11}),
    "workers": lambda spec: spec["pipeline"]["asr"].update(concurrency={"workers": 3}),
    "load steps": lambda spec: spec["pipeline"]["vad"].update(loadSteps=[{"batch": 3}]),
    "drain": lambda spec: spec["sessions"].update(drain="17s"),
    "audio": lambda spec: spec["audio"].update(sampleRateHz=16000),
    "origins": lambda spec: spec.update(access={"allowedOrigins": ["https://shop.example"]}),
    "log": lambda spec: spec.update(runtime={"logLevel": "debug"}),
    "topology": lambda spec: spec["placement"]["groups"][0].update(topology={"numa": "Ignore"}),
}


def _plan(*changes: Change, catalog: Catalog | None = None) -> AgentPlan:
    spec = _AGENT.to_manifest()["spec"]
    for change in changes:
        change(spec)
    return plan_of(agent_with(_AGENT, **spec), catalog)


def _restart_on(plan: AgentPlan) -> list[str]:
    deployments = [obj for obj in children(plan, SETTINGS) if obj["kind"] == "Deployment"]
    return [obj["spec"]["template"]["metadata"]["annotations"][RESTART_ANNOTATION] for obj in deployments]


_UNCHANGED = _restart_on(_plan())


@given(st.sets(st.sampled_from(sorted({**_LIVE, **_RESTARTING}))))
@settings(max_examples=40, deadline=None)
def test_pods_restart_exactly_for_what_they_cant_take_over(changed: set[str]) -> None:
    plan = _plan(*({**_LIVE, **_RESTARTING}[name] for name in sorted(changed)))
    assert (_restart_on(plan) == _UNCHANGED) == (changed <= set(_LIVE))


@pytest.mark.parametrize("name", [name for name in _LIVE if name not in ("scaling", "description")])
def test_what_restarts_nobody_is_delivered(name: str) -> None:
    assert _plan(_LIVE[name]).groups[0].tuning != _plan().groups[0].tuning


@given(drawn_plans())
@settings(max_examples=40, deadline=None)
def test_a_tuning_alone_restarts_nobody(plan: AgentPlan) -> None:
    bare = [runtime_config(plan, group_plan, SETTINGS) for group_plan in plan.groups]
    for config in bare:
        assert all(stage.batch.max is None and stage.batch.max_wait_ms == 0 for stage in config.stages)
        assert all(stage.concurrency.max_queue is None for stage in config.stages)
        assert config.sessions.max_sessions is None


def test_a_measurement_of_quality_restarts_nobody() -> None:
    assert (
        _restart_on(_plan(catalog=_measured(quality=[{"metric": "wer", "value": 0.01, "dataset": "x"}]))) == _UNCHANGED
    )


def test_another_profile_does() -> None:
    assert _restart_on(_plan(catalog=_measured(loadTime="9s"))) != _UNCHANGED


def _measured(**more: Any) -> Catalog:
    """The presets, with `more` in a variant of emulated-whisper."""
    catalog = example_catalog()
    manifest = catalog.models["emulated-whisper"].to_manifest()
    manifest["spec"]["variants"][0] |= more
    models = {**catalog.models, "emulated-whisper": VoiceModel.from_manifest(manifest)}
    return Catalog(catalog.policies, models, catalog.pools)


class TestLiveTuning:
    def test_of_each_stage_what_the_spec_says(self) -> None:
        plan = _plan(*_LIVE.values())
        assert plan.groups[0].tuning == Tuning(
            generation=0,
            stages=[
                StageTuning(stage="vad", variant="v6-fp32"),
                StageTuning(stage="asr", variant="medium-fp8", max_batch=4),
                StageTuning(stage="llm", variant="fp16", max_wait_ms=20),
                StageTuning(stage="tts", variant=plan.resolution.stages[3].variants[0].name, max_queue=7),
            ],
            max_sessions=12,
        )

    def test_only_of_the_groups_own_stages(self) -> None:
        plan = example_plan("cascade")
        assert [[tuned.stage for tuned in each.tuning.stages] for each in plan.groups] == [
            ["vad", "asr"],
            ["tts"],
            ["llm"],
        ]

    def test_load_steps_choose_the_batch_themselves(self) -> None:
        steps: Change = lambda spec: spec["pipeline"]["asr"].update(batch={"max": 16}, loadSteps=[{"batch": 5}])  # noqa: E731
        plan = _plan(steps)
        config = runtime_config(plan, plan.groups[0], SETTINGS)
        asr, tuned = config.stages[1], config.tuning.stages[1]
        assert tuned.max_batch is None
        assert limits_of(asr, asr.variants[0], 64, tuned, active_sessions=1).max_batch == 5

    def test_the_runtime_runs_with_what_is_delivered(self) -> None:
        changes: Change = lambda spec: spec["pipeline"]["asr"].update(  # noqa: E731
            batch={"max": 4, "maxWaitMs": 30}, concurrency={"maxQueue": 50}
        )
        plan = _plan(changes)
        config = runtime_config(plan, plan.groups[0], SETTINGS)
        asr = config.stages[1]
        limits = limits_of(asr, asr.variants[0], 64, config.tuning.stages[1])
        assert (limits.max_batch, limits.max_wait_seconds, limits.max_queue) == (4, 0.03, 50)


@given(drawn_plans())
@settings(max_examples=30, deadline=None)
def test_what_the_spec_wants_always_fits(plan: AgentPlan) -> None:
    for group_plan in plan.groups:
        group: PlacementGroup = group_plan.group
        wanted = live_tuning(group, plan.resolution, group_plan.choice)
        assert fitting(wanted, group, plan.resolution, group_plan.choice) == wanted
