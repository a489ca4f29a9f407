"""Defaults of built-in kinds are those of Kubernetes."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from builtin_samples import ANSWERS, key_of, resource_of, samples
from hypothesis import given
from hypothesis import strategies as st
from partial_values import parts

from antiphon_sandbox.api.defaults import prepare, set_defaults, set_field_defaults
from antiphon_sandbox.api.defaults_containers import pull_policy
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj
from antiphon_sandbox.quantities import amount_of, canonical

SAMPLES = {key_of(sample): sample for sample in samples()}
SYSTEM_METADATA = ("uid", "creationTimestamp", "managedFields", "generation", "namespace")

DIFFERENCES = {
    "spec.clusterIP": "given out by the API, not by default",
    "spec.clusterIPs": "given out by the API, not by default",
    "spec.serviceAccount": "the recording server has no ServiceAccount admission",
    "spec.serviceAccountName": "the recording server has no ServiceAccount admission",
    "spec.template.spec.serviceAccount": "the recording server does not mirror the name of old; Kubernetes does",
    "spec.template.spec.containers.0.ports.0.hostPort": "Kubernetes gives templates no host ports since 1.30",
    "spec.taints": "here the nodes say themselves when they are not ready",
    "metadata.finalizers": "there is no controller for pvc-protection and pv-protection",
    "status.lastPhaseTransitionTime": "written by who changes the phase",
    "status.replicas": "a client's status is dropped by the API",
    "spec.behavior": "the recording server does not fill in behaviors; Kubernetes does",
    "spec.seLinuxMount": "the recording server knows no defaults of it; Kubernetes does",
    "spec.volumeClaimTemplates.0.apiVersion": "Kubernetes names the kind of claims",
    "spec.volumeClaimTemplates.0.kind": "Kubernetes names the kind of claims",
    "spec.backoffLimit": "with backoffLimitPerIndex, Kubernetes sets no other limit",
    "spec.podFailurePolicy.rules.0.onPodConditions.0.status": "Kubernetes sets True",
}
"""Where we differ from what was recorded, and why."""


def answers() -> dict[str, Obj]:
    found: dict[str, Obj] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    return found


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Paths; a null of theirs is as good as nothing."""
    if path in DIFFERENCES:
        return
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in {*ours, *theirs}:
            yield from differences(ours.get(name), theirs.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(our, their, f"{path}.{index}")
    elif ours != theirs:
        yield f"{path}: ours {ours!r}, recorded {theirs!r}"


def defaulted(sample: Obj, uid: str = "0") -> Obj:
    obj = copy.deepcopy(sample)
    obj["metadata"]["uid"] = uid
    set_defaults(resource_of(sample), obj)
    return obj


@pytest.mark.parametrize("key", SAMPLES)
def test_a_new_object_is_what_an_api_server_makes_of_it(key: str) -> None:
    recorded = answers()[key]
    assert recorded["kind"] == SAMPLES[key]["kind"], recorded.get("message")

    ours = defaulted(SAMPLES[key], recorded["metadata"]["uid"])
    for name in SYSTEM_METADATA:
        ours["metadata"].pop(name, None)
        recorded["metadata"].pop(name, None)

    assert list(differences(ours, recorded)) == []


@pytest.mark.parametrize("key", SAMPLES)
def test_a_second_time_changes_nothing(key: str) -> None:
    once = defaulted(SAMPLES[key])

    assert defaulted(once) == once


@given(st.data())
def test_any_part_of_an_object_gets_its_defaults_once(data: st.DataObject) -> None:
    sample = SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))]
    fields = {name: value for name, value in sample.items() if name not in ("kind", "apiVersion", "metadata")}
    part = {**data.draw(parts(fields)), "metadata": dict(sample["metadata"], uid="0")}
    resource = resource_of(sample)

    set_defaults(resource, part)
    again = copy.deepcopy(part)
    set_defaults(resource, again)

    assert again == part


def pod(**spec: Any) -> Obj:
    made = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}], **spec}}
    set_defaults("pods", made)
    return made


def test_a_pod_gets_an_account_both_ways() -> None:
    assert pod()["spec"]["serviceAccountName"] == pod()["spec"]["serviceAccount"] == "default"
    assert pod(serviceAccount="old")["spec"]["serviceAccountName"] == "old"


def test_a_pod_template_gets_no_account_and_no_tolerations() -> None:
    spec = defaulted(SAMPLES["Deployment/plain"])["spec"]["template"]["spec"]

    assert not {"serviceAccountName", "tolerations", "priority", "enableServiceLinks"} & set(spec)
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "1"}}


def test_the_priority_of_a_class_is_left_to_who_knows_the_classes() -> None:
    assert "priority" not in pod(priorityClassName="mine")["spec"]
    assert pod(priorityClassName="system-cluster-critical")["spec"]["priority"] == 2_000_000_000


def test_what_the_client_set_is_told_apart_from_what_the_server_added() -> None:
    made: Obj = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}

    set_field_defaults("pods", made)
    assert not {"tolerations", "priority", "serviceAccountName"} & set(made["spec"])
    prepare("pods", made)
    assert {"tolerations", "priority", "serviceAccountName"} <= set(made["spec"])


def test_a_quantity_that_is_none_cannot_be_read() -> None:
    container = {"name": "a", "image": "a", "resources": {"requests": {"cpu": "much"}}}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [container]}}

    with pytest.raises(
        ApiError, match='400 BadRequest: Pod in version "v1" cannot be handled as a Pod: quantities must'
    ):
        set_defaults("pods", made)


def test_zero_goes_where_go_leaves_it_out_and_stays_where_it_says_something() -> None:
    made = pod(terminationGracePeriodSeconds=0, hostNetwork=False, nodeName="")

    assert made["spec"]["terminationGracePeriodSeconds"] == 0
    assert not {"hostNetwork", "nodeName"} & set(made["spec"])


def test_a_resource_of_no_built_in_kind_is_left_alone() -> None:
    made: Obj = {"metadata": {}, "spec": {"a": None}}

    set_defaults("sheep.example.com", made)

    assert made == {"metadata": {}, "spec": {"a": None}}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:abc", "IfNotPresent"),
        ("nginx:latest@sha256:abc", "IfNotPresent"),
    ],
)
def test_only_the_newest_of_an_image_is_pulled_always(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


@pytest.mark.parametrize(
    ("given_as", "stored_as"),
    [
        (1, "1"),
        (0.5, "500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1000Mi", "1000Mi"),
        ("1000", "1k"),
        ("1e3", "1e3"),
        ("0.1Mi", "104857600m"),
        ("512", "512"),
        ("0", "0"),
        ("-1.5", "-1500m"),
        ("0.0000000001", "1n"),
    ],
)
def test_quantities_are_stored_in_one_way(given_as: Any, stored_as: str) -> None:
    assert canonical(given_as) == stored_as


@given(st.integers(0, 10**15), st.sampled_from(["", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "e2"]))
def test_the_canonical_quantity_is_the_same_amount(number: int, suffix: str) -> None:
    quantity = f"{number}{suffix}"

    assert amount_of(canonical(quantity)) == amount_of(quantity)
    assert canonical(canonical(quantity)) == canonical(quantity)


def test_a_pod_takes_less_than_60_microseconds() -> None:
    """Ten times that are allowed here, for busy machines."""
    pods = [copy.deepcopy(SAMPLES["Pod/plain"]) for _ in range(200)]
    set_defaults("pods", copy.deepcopy(pods[0]))

    started = time.perf_counter()
    for made in pods:
        set_defaults("pods", made)

    assert (time.perf_counter() - started) / len(pods) < 600e-6
