"""What every child has to be, whatever the agent."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace

import kubernetes_validate
import orjson
import pytest
from agent_plans import SETTINGS, UID, agent_with, example_agents, example_plan, plan_of
from drawn_plans import drawn_plans, drawn_settings
from hypothesis import given, settings
from pod_security import restricted_violations

from antiphon_operator import names
from antiphon_operator.kube.resources import CHILDREN
from antiphon_operator.objects import Obj, annotations_of, labels_of, name_of, namespace_of
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.digest import digest
from antiphon_operator.rendering.plan import AgentPlan, RenderSettings

_LABEL = re.compile("[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def _kinds(objects: tuple[Obj, ...]) -> list[str]:
    return [str(obj["kind"]) for obj in objects]


def _of_kind(objects: tuple[Obj, ...], kind: str) -> list[Obj]:
    return [obj for obj in objects if obj["kind"] == kind]


def test_hello_world_becomes_nine_objects_in_the_order_of_writing() -> None:
    found = children(example_plan(), SETTINGS)
    assert [f"{obj['kind']}/{name_of(obj)}" for obj in found] == [
        "ServiceAccount/hello-world-main",
        "Secret/hello-world-control",
        "ConfigMap/hello-world-main",
        "NetworkPolicy/hello-world-main",
        "PodDisruptionBudget/hello-world-main",
        "Service/hello-world",
        "Service/hello-world-main",
        "Service/hello-world-main-pods",
        "Deployment/hello-world-main",
    ]


@given(drawn_plans(), drawn_settings)
@settings(max_examples=15, deadline=None)
def test_children_are_valid_and_no_field_is_unknown(plan: AgentPlan, render: RenderSettings) -> None:
    for obj in children(plan, render):
        kubernetes_validate.validate(obj, "1.36", strict=True)


@given(drawn_plans(), drawn_settings)
@settings(max_examples=30, deadline=None)
def test_each_child_is_the_agents_own(plan: AgentPlan, render: RenderSettings) -> None:
    found = children(plan, render)
    order = [resource.kind for resource in CHILDREN]
    assert [order.index(kind) for kind in _kinds(found)] == sorted(order.index(kind) for kind in _kinds(found))
    assert len({(obj["kind"], name_of(obj)) for obj in found}) == len(found)
    for obj in found:
        assert _LABEL.fullmatch(name_of(obj)), name_of(obj)
        assert namespace_of(obj) == plan.namespace
        assert labels_of(obj).items() >= names.agent_labels(plan.name).items()
        (owner,) = obj["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("VoiceAgent", plan.name, UID)
        assert owner["controller"] is True
        assert "blockOwnerDeletion" not in owner
        bare = deepcopy(obj)
        assert bare["metadata"]["annotations"].pop(names.CONTENT_ANNOTATION) == digest(bare)


@given(drawn_plans(), drawn_settings)
@settings(max_examples=40, deadline=None)
def test_the_same_plan_gives_the_same_bytes(plan: AgentPlan, render: RenderSettings) -> None:
    first = children(plan, render)
    assert orjson.dumps(children(deepcopy(plan), render)) == orjson.dumps(first)


@given(drawn_plans(), drawn_settings)
@settings(max_examples=30, deadline=None)
def test_pods_meet_the_restricted_standard(plan: AgentPlan, render: RenderSettings) -> None:
    for obj in _of_kind(children(plan, render), "Deployment"):
        assert restricted_violations(obj["spec"]["template"]["spec"]) == []


def test_the_restricted_standard_finds_what_is_wrong() -> None:
    spec = deepcopy(_of_kind(children(example_plan(), SETTINGS), "Deployment")[0]["spec"]["template"]["spec"])
    spec["hostNetwork"] = True
    spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}})
    spec["securityContext"]["runAsNonRoot"] = None
    spec["containers"][0]["securityContext"] = {"privileged": True}
    assert restricted_violations(spec) == [
        "hostNetwork is set",
        "volume host is a hostPath",
        "voice: runAsNonRoot is not true",
        "voice: privileged",
        "voice: allowPrivilegeEscalation is not false",
        "voice: capabilities.drop has not ALL",
    ]


@given(drawn_plans(), drawn_settings)
@settings(max_examples=40, deadline=None)
def test_selectors_find_the_groups_pods_and_volumes_are_there(plan: AgentPlan, render: RenderSettings) -> None:
    found = children(plan, render)
    there = {(obj["kind"], name_of(obj)) for obj in found}
    for deployment in _of_kind(found, "Deployment"):
        pod = deployment["spec"]["template"]
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert selector.items() <= pod["metadata"]["labels"].items()
        assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in there
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        (container,) = pod["spec"]["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        assert ("ConfigMap", volumes["config"]["configMap"]["name"]) in there
        assert ("Secret", volumes["control"]["secret"]["secretName"]) in there
        for claim in pod["spec"].get("resourceClaims", ()):
            assert ("ResourceClaimTemplate", claim["resourceClaimTemplateName"]) in there
        assert [selector] == [
            obj["spec"]["selector"]["matchLabels"]
            for obj in _of_kind(found, "PodDisruptionBudget")
            if name_of(obj) == name_of(deployment)
        ]


def test_names_of_the_longest_agent_and_group_fit() -> None:
    agent = example_agents()["hello-world"].to_manifest()
    groups = [{**agent["spec"]["placement"]["groups"][0], "name": "g" * 20}]
    longest = agent_with(example_agents()["hello-world"], "a" * 40, placement={"groups": groups})
    found = {name_of(obj) for obj in children(plan_of(longest), SETTINGS)}
    assert max(map(len, found)) == 63
    assert len(found) == 4


@pytest.mark.parametrize("rotation", ["", "2026-11-21T10:00:00Z"])
def test_the_secret_holds_the_token_and_the_rotation_that_it_answers(rotation: str) -> None:
    (secret,) = _of_kind(children(replace(example_plan(), rotation=rotation), SETTINGS), "Secret")
    assert secret["data"] == {"token": "YS10b2tlbi1mb3ItdGVzdHM="}
    assert annotations_of(secret)[names.ROTATE_ANNOTATION] == rotation
