"""What an agent is to become: accepted, placed, counted, tuned; and what is left as it is."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest
from agent_plans import SETTINGS, agent_with, example_agents, example_catalog, plan_of
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.control import Features, StageTuning, Tuning
from antiphon_crds.placement import PlacementGroup, Scaling
from antiphon_operator.kube.resources import CONFIG_MAPS, DEPLOYMENTS, SECRETS, Resource
from antiphon_operator.names import CONFIG_KEY, ROTATE_ANNOTATION, TOKEN_KEY
from antiphon_operator.objects import Obj
from antiphon_operator.operate import reasons
from antiphon_operator.operate.judging import Situation, Wish, in_force, judge, merged, wanted_replicas
from antiphon_operator.placing.place import ClusterView
from antiphon_operator.rendering.children import children
from antiphon_policies.resolution import Catalog

_RESOURCES = {resource.kind: resource for resource in (CONFIG_MAPS, DEPLOYMENTS, SECRETS)}


def _view(*nodes: Obj) -> ClusterView:
    return ClusterView(nodes=nodes, pools=example_catalog().pools, slices=(), serves_dra=False, namespace="default")


def _situation(name: str = "hello-world", **more: Any) -> Situation:
    agent = agent_with(example_agents()[name])
    return replace(Situation(agent, example_catalog(), _view(), fresh_token="fresh"), **more)


def _children_of(situation: Situation) -> list[tuple[Resource, Obj]]:
    plan = judge(situation).plan
    assert plan is not None
    return [(_RESOURCES[child["kind"]], child) for child in children(plan, SETTINGS) if child["kind"] in _RESOURCES]


def test_an_agent_whose_names_are_all_there_gets_a_plan() -> None:
    found = judge(_situation())
    assert (found.accepted.reason, found.placed.reason) == (reasons.VALID, reasons.ALL_PLACED)
    assert found.plan is not None
    assert [(group.group.name, group.choice.partition, group.replicas) for group in found.plan.groups] == [
        ("main", "CPU only", 1)
    ]
    assert found.plan.token == "fresh"


@pytest.mark.parametrize("kind", ["policies", "models"])
def test_what_is_missing_is_named_and_nothing_is_changed(kind: str) -> None:
    catalog = replace(example_catalog(), **{kind: {}})
    found = judge(_situation(catalog=catalog))
    assert found.plan is None
    assert found.accepted.reason is reasons.REFERENCE_MISSING
    assert ("cpu-laptop" if kind == "policies" else "whisper-cpu") in found.accepted.message
    assert found.placed.reason is reasons.NOT_JUDGED


def test_what_is_wrong_goes_before_what_is_missing() -> None:
    agent = example_agents()["hello-world"]
    pipeline = agent.spec.pipeline.to_manifest() | {"asr": {"model": "smollm2"}}
    catalog = Catalog(policies={}, models=example_catalog().models)
    found = judge(_situation(agent=agent_with(agent, pipeline=pipeline), catalog=catalog))
    assert found.accepted.reason is reasons.INVALID
    assert "spec.pipeline.asr.model" in found.accepted.message


def test_traffic_that_never_begins_is_told_and_the_agent_runs() -> None:
    traffic = [
        {"name": "morning", "cron": "0 9 * * *", "sessions": 5},
        {"name": "nowhere", "cron": "0 9 * * *", "timeZone": "Europe/Atlantis", "sessions": 5},
        {"name": "never", "cron": "0 9 31 2 *", "sessions": 5},
    ]
    found = judge(_situation(agent=agent_with(example_agents()["hello-world"], traffic=traffic)))
    assert found.accepted.reason is reasons.TRAFFIC_NOT_FOLLOWED
    assert "'nowhere'" in found.accepted.message
    assert "'never'" in found.accepted.message
    assert "'morning'" not in found.accepted.message
    assert found.is_accepted
    assert found.placed.reason is reasons.ALL_PLACED
    assert found.plan is not None


def test_what_fits_nowhere_is_said_and_nothing_is_changed() -> None:
    found = judge(_situation("cascade"))
    assert found.plan is None
    assert found.accepted.reason is reasons.VALID
    assert found.placed.reason.status == "False"
    assert "group " in found.placed.message


def test_the_token_is_kept_until_another_is_asked_for() -> None:
    made = _children_of(_situation())
    assert judge(_situation(children=made, fresh_token="other")).plan.token == "fresh"  # type: ignore[union-attr]
    manifest = example_agents()["hello-world"].to_manifest()
    manifest["metadata"] |= {"namespace": "default", "annotations": {ROTATE_ANNOTATION: "today"}}
    agent = type(example_agents()["hello-world"]).from_manifest(manifest)
    rotated = _situation(agent=agent, children=made, fresh_token="other")
    plan = judge(rotated).plan
    assert plan is not None
    assert (plan.token, plan.rotation) == ("other", "today")
    again = judge(replace(rotated, children=_children_of(rotated), fresh_token="third")).plan
    assert again is not None
    assert again.token == "other"


def test_a_spoilt_token_is_made_anew() -> None:
    made = _children_of(_situation())
    for resource, child in made:
        if resource is SECRETS:
            child["data"][TOKEN_KEY] = base64.b64encode(b"\xff\xfe").decode()
    assert judge(_situation(children=made, fresh_token="new")).plan.token == "new"  # type: ignore[union-attr]


# --- tunings ----------------------------------------------------------------------------------------------------------


def _tuning(situation: Situation) -> Tuning:
    plan = judge(situation).plan
    assert plan is not None
    return plan.groups[0].tuning


def test_generations_count_the_changes_of_a_tuning() -> None:
    situation = _situation()
    assert _tuning(situation).generation == 1
    made = _children_of(situation)
    assert _tuning(replace(situation, children=made)).generation == 1
    faster = {"main": Wish(tuning=Tuning(generation=0, stages=[StageTuning(stage="asr", max_batch=7)]))}
    changed = _tuning(replace(situation, children=made, wishes=faster))
    assert changed.generation == 2
    assert next(stage.max_batch for stage in changed.stages if stage.stage == "asr") == 7


def test_a_generation_that_pods_have_already_is_overtaken() -> None:
    situation = _situation()
    ahead = replace(situation, children=_children_of(situation), newer_tunings={"main": 41})
    assert _tuning(ahead).generation == 42


def test_a_lost_configuration_does_not_set_generations_back() -> None:
    assert _tuning(_situation(status={"tuning": {"generation": 9}})).generation == 10


def test_an_unreadable_configuration_is_written_anew() -> None:
    made = _children_of(_situation())
    for resource, child in made:
        if resource is CONFIG_MAPS:
            child["data"][CONFIG_KEY] = "no: [configuration"
    assert _tuning(_situation(children=made, status={"tuning": {"generation": 3}})).generation == 4


_STAGES = st.sampled_from(["vad", "asr", "llm", "tts"])
_TUNINGS = st.builds(
    lambda stages, sessions, beams: Tuning(
        generation=0,
        stages=[StageTuning(stage=stage, max_batch=batch) for stage, batch in stages.items()],
        features=Features(beam_size=beams),
        max_sessions=sessions,
    ),
    st.dictionaries(_STAGES, st.none() | st.integers(1, 64)),
    st.none() | st.integers(0, 99),
    st.none() | st.integers(1, 8),
)


@given(_TUNINGS, _TUNINGS)
def test_a_wish_goes_before_the_spec_and_says_nothing_of_the_rest(spec: Tuning, wish: Tuning) -> None:
    found = merged(spec, wish)
    said = {stage.stage: stage.max_batch for stage in found.stages}
    for stage in [*spec.stages, *wish.stages]:
        wished = next((other.max_batch for other in wish.stages if other.stage == stage.stage), None)
        own = next((other.max_batch for other in spec.stages if other.stage == stage.stage), None)
        known = [size for size in (wished, own) if size is not None]
        assert said[stage.stage] == min(known, default=None), "no batch goes beyond the spec's"
    assert found.max_sessions == (spec.max_sessions if wish.max_sessions is None else wish.max_sessions)
    assert found.features.beam_size == (wish.features.beam_size or spec.features.beam_size)
    assert orjson.loads(found.model_dump_json(by_alias=True))


def test_what_the_loop_wanted_holds_until_it_speaks_and_the_rest_is_the_specs() -> None:
    agent = agent_with(example_agents()["hello-world"], namespace="team")
    plan = plan_of(agent)
    group = plan.groups[0]
    stages = [stage.model_copy(update={"max_batch": 3, "max_queue": 5}) for stage in group.tuning.stages]
    tuning = group.tuning.model_copy(update={"generation": 7, "stages": stages, "max_sessions": 9})
    written = replace(plan, groups=(replace(group, tuning=tuning),))
    left = [(_RESOURCES[child["kind"]], child) for child in children(written, SETTINGS) if child["kind"] in _RESOURCES]
    found = in_force(agent, None, left, ["main", "other"])
    assert set(found) == {"main"}
    wish = found["main"]
    assert wish.replicas is None
    assert wish.tuning is not None
    assert {(stage.max_batch, stage.max_queue) for stage in wish.tuning.stages} == {(3, None)}
    assert wish.tuning.max_sessions is None
    free = agent.model_copy(update={"spec": agent.spec.model_copy(update={"sla_policy": None})})
    assert in_force(agent, {"main": Wish(replicas=2)}, left, ["main"]) == {"main": Wish(replicas=2)}
    assert in_force(free, None, left, ["main"]) == in_force(free, found, left, ["main"]) == {}


# --- replicas ---------------------------------------------------------------------------------------------------------

_COUNTS = st.integers(0, 12)


@given(st.sampled_from(["SLA", "External"]), _COUNTS, _COUNTS, _COUNTS, st.none() | _COUNTS, st.none() | _COUNTS)
def test_replicas_keep_to_their_bounds(
    mode: Any, low: int, more: int, own: int, live: int | None, wished: int | None
) -> None:
    most = max(low + more, 1)
    replicas = own if mode == "SLA" else (0 if own < low else min(own, most))
    scaling = Scaling(mode=mode, min_replicas=low, max_replicas=most, replicas=min(replicas, most))
    agent = agent_with(example_agents()["hello-world"], scaling=scaling.to_manifest())
    found = wanted_replicas(PlacementGroup(name="main", stages=["asr"]), agent, live, Wish(replicas=wished))
    if mode == "External":
        assert found == scaling.replicas
    else:
        assert low <= found <= most
        chosen = next(number for number in (wished, live, scaling.replicas) if number is not None)
        assert found == chosen or found in (low, most)


def test_the_groups_own_bounds_go_first() -> None:
    agent = agent_with(example_agents()["hello-world"], scaling={"minReplicas": 1, "maxReplicas": 2})
    group = PlacementGroup(name="main", stages=["asr"], min_replicas=3, max_replicas=5)
    assert wanted_replicas(group, agent, None, Wish()) == 3
    assert wanted_replicas(group, agent, 9, Wish()) == 5
