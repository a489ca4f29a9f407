"""What agents name, and what becomes of them when it is missing, wrong, gone, or back; and what is told of those who name it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from operated import Operated, condition, operated_module

from antiphon_operator.kube.resources import DEPLOYMENTS, GPU_POOLS, SLA_POLICIES, VOICE_AGENTS, VOICE_MODELS, Resource
from cluster import Cluster

Obj = dict[str, Any]


@pytest.fixture(scope="module")
def corner(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated_module(cluster, tmp_path_factory) as (found, _):
        yield found
        for resource in (SLA_POLICIES, GPU_POOLS, VOICE_MODELS):
            for obj in found.cluster.items(resource.kind):
                if obj["metadata"]["name"].endswith(found.suffix):
                    found.remove(resource, obj["metadata"]["name"])


def _policy(corner: Operated, word: str) -> Obj:
    objective = {"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 900}
    return {"metadata": {"name": f"{word}-{corner.suffix}"}, "spec": {"objectives": [objective]}}


def _model(corner: Operated, word: str) -> Obj:
    asr = next(model for model in corner.models() if model["spec"]["stage"] == "asr")
    return {"metadata": {"name": f"{word}-{corner.suffix}"}, "spec": asr["spec"]}


def _pool(corner: Operated, word: str) -> Obj:
    selector = {"kubernetes.io/os": "linux"}
    return {"metadata": {"name": f"{word}-{corner.suffix}"}, "spec": {"nodeSelector": selector}}


def _with_policy(_: Operated, name: str) -> Obj:
    return {"slaPolicy": name}


def _with_model(corner: Operated, name: str) -> Obj:
    pipeline = corner.agent()["spec"]["pipeline"]
    return {"pipeline": {**pipeline, "asr": {"model": name}}}


def _with_pool(corner: Operated, name: str) -> Obj:
    (group,) = corner.agent()["spec"]["placement"]["groups"]
    return {"placement": {"groups": [{**group, "pool": name}]}}


REFERENCES: dict[str, tuple[Resource, Callable[[Operated, str], Obj], Callable[[Operated, str], Obj], str]] = {
    "policy": (SLA_POLICIES, _policy, _with_policy, "spec.slaPolicy"),
    "model": (VOICE_MODELS, _model, _with_model, "spec.pipeline.asr.model"),
    "pool": (GPU_POOLS, _pool, _with_pool, "spec.placement.groups[0].pool"),
}
each_reference = pytest.mark.parametrize("word", REFERENCES)


@each_reference
def test_a_reference_comes_goes_and_comes_back(corner: Operated, word: str) -> None:
    resource, manifest, naming, field = REFERENCES[word]
    name = manifest(corner, word)["metadata"]["name"]
    corner.make(corner.agent(word, replicas=0, **naming(corner, name)))
    missing = corner.wait_condition(word, "Accepted", "False", "ReferenceMissing")
    message = condition(missing, "Accepted")["message"]
    assert field in message
    assert name in message
    assert missing["status"]["phase"] == "Invalid"
    assert corner.all_children(word) == {}

    corner.post(resource, manifest(corner, word))
    corner.wait_condition(word, "Accepted", "True")
    before = corner.versions(word)
    assert before

    corner.remove(resource, name)
    held = corner.wait_condition(word, "Accepted", "False", "ReferenceMissing")
    assert condition(held, "Steady")["reason"] == "HeldBack"
    corner.change(word, {"scaling": {"maxReplicas": 5}})
    corner.wait_condition(word, "Accepted", "False", "ReferenceMissing")
    assert corner.versions(word) == before

    corner.post(resource, manifest(corner, word))
    corner.wait_condition(word, "Accepted", "True")
    assert corner.versions(word) == before


def test_a_model_that_loses_a_variant_holds_its_agents_where_they_are(corner: Operated) -> None:
    name = corner.post(VOICE_MODELS, _model(corner, "shrinking"))["metadata"]["name"]
    asr = {"asr": {"model": name, "variants": ["quick"]}}
    pipeline = {**corner.agent()["spec"]["pipeline"], **asr}
    corner.made(corner.agent("choosy", replicas=0, pipeline=pipeline))
    before = corner.versions("choosy")
    variants = _model(corner, "shrinking")["spec"]["variants"]
    corner.edit(VOICE_MODELS, name, {"spec": {"variants": [one for one in variants if one["name"] == "good"]}})
    wrong = corner.wait_condition("choosy", "Accepted", "False", "Invalid")
    assert "spec.pipeline.asr.variants" in condition(wrong, "Accepted")["message"]
    assert corner.versions("choosy") == before
    corner.edit(VOICE_MODELS, name, {"spec": {"variants": variants}})
    corner.wait_condition("choosy", "Accepted", "True")
    assert corner.versions("choosy") == before


def test_a_spec_that_contradicts_itself_names_the_field_and_hurts_nobody_else(corner: Operated) -> None:
    policy = corner.post(SLA_POLICIES, _policy(corner, "strict"))["metadata"]["name"]
    looser = {"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 2000}
    unknown = {"model": corner.model_name("asr"), "variants": ["unheard-of"]}
    corner.made(corner.agent("sound", replicas=0, slaPolicy=policy))
    before = corner.versions("sound")
    wrong: dict[str, tuple[Obj, str]] = {
        "loose": ({"slaPolicy": policy, "objectives": [looser]}, "spec.objectives[0]"),
        "odd": ({"pipeline": {**corner.agent()["spec"]["pipeline"], "asr": unknown}}, "spec.pipeline.asr.variants"),
    }
    for name, (spec, field) in wrong.items():
        corner.make(corner.agent(name, replicas=0, **spec))
        refused = corner.wait_condition(name, "Accepted", "False", "Invalid")
        assert field in condition(refused, "Accepted")["message"]
        assert condition(refused, "Placed")["status"] == "Unknown"
        assert refused["status"]["phase"] == "Invalid"
        assert corner.all_children(name) == {}
    assert corner.versions("sound") == before
    corner.change("loose", {"objectives": [{**looser, "targetMs": 800}]})
    corner.wait_condition("loose", "Accepted", "True")


def test_all_conditions_are_there_from_the_first_visit(corner: Operated) -> None:
    corner.make(corner.agent("early", slaPolicy="nowhere"))
    agent = corner.wait_condition("early", "Accepted", "False")
    found = {one["type"]: one["status"] for one in agent["status"]["conditions"]}
    assert found == {"Accepted": "False", "Placed": "Unknown", "Ready": "False", "SLAMet": "Unknown", "Steady": "False"}
    assert agent["status"]["observedGeneration"] == agent["metadata"]["generation"]


def test_who_uses_it_is_told(corner: Operated) -> None:
    policy = corner.post(SLA_POLICIES, _policy(corner, "counted"))["metadata"]["name"]
    model = corner.post(VOICE_MODELS, _model(corner, "counted"))["metadata"]["name"]
    spec = {**_with_policy(corner, policy), **_with_model(corner, model)}
    names = ("first", "second")
    for name in names:
        corner.make(corner.agent(name, replicas=0, **spec))
    for resource, counted in ((SLA_POLICIES, policy), (VOICE_MODELS, model)):
        told = corner.wait(resource, counted, lambda found: (found.get("status") or {}).get("agents") == len(names))
        assert condition(told, "Accepted")["status"] == "True"
        assert told["status"]["observedGeneration"] == told["metadata"]["generation"]
    assert corner.the(SLA_POLICIES, policy)["status"]["breached"] == 0
    for name in names:
        corner.remove(VOICE_AGENTS, name)
    for resource, counted in ((SLA_POLICIES, policy), (VOICE_MODELS, model)):
        corner.wait(resource, counted, lambda found: found["status"]["agents"] == 0)


def test_a_pool_tells_its_nodes(corner: Operated) -> None:
    name = corner.post(GPU_POOLS, _pool(corner, "told"))["metadata"]["name"]
    linux = [
        node for node in corner.cluster.items("Node") if node["metadata"]["labels"].get("kubernetes.io/os") == "linux"
    ]
    told = corner.wait(GPU_POOLS, name, lambda found: "nodes" in (found.get("status") or {}))
    assert told["status"]["nodes"] == len(linux)
    assert condition(told, "Accepted")["status"] == "True"


def test_another_model_for_a_stage_rolls_its_pods_out(corner: Operated) -> None:
    corner.made(corner.agent("moving", replicas=0))
    before = corner.the(DEPLOYMENTS, "moving-main")
    name = corner.post(VOICE_MODELS, _model(corner, "better"))["metadata"]["name"]
    corner.change("moving", {"pipeline": {"asr": {"model": name}}})
    corner.wait_condition("moving", "Accepted", "True")
    after = corner.the(DEPLOYMENTS, "moving-main")
    assert after["spec"]["template"] != before["spec"]["template"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
