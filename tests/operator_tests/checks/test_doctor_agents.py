"""What agents name, their claims, their pods, and whether their namespaces would take one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from manifest_files import PRESETS, documents
from objects import model, policy
from pod_security import restricted_violations

from antiphon_operator.checks.check import Result
from antiphon_operator.checks.cluster import Scope
from antiphon_operator.checks.pods import probe_pod

ok, warning, failed, skipped = Result.ok, Result.warning, Result.failed, Result.skipped
STAGES = ("vad", "asr", "llm")


def agent(world: Any, name: str = "hello", namespace: str = "default", **spec: Any) -> None:
    pipeline = {stage: {"model": f"{stage}-model"} for stage in STAGES}
    world.put("VoiceAgent", name, namespace, spec={"pipeline": pipeline, "slaPolicy": "promise", **spec})


def catalog(world: Any, *, without: tuple[str, ...] = ()) -> None:
    named = [policy(), *(model(stage) for stage in STAGES)]
    for each in named:
        if each.metadata.name not in without:
            world.add(each.to_manifest())


# --- references -----------------------------------------------------------------------------------------------------


def test_agents_whose_references_exist_are_well(world: Any, found: Any) -> None:
    assert found("references").result is skipped
    catalog(world)
    agent(world)
    finding = found("references")
    assert finding.result is ok, finding


def test_presets_and_examples_fit_together(world: Any, found: Any) -> None:
    hello = next(path for path in PRESETS[0].parents[1].rglob("examples/hello-world.yaml"))
    for path in [*PRESETS, hello]:
        for document in documents(path):
            world.add(document.data)
    assert found("references").result is ok


@pytest.mark.parametrize(
    ("without", "spec", "says"),
    [
        (("promise",), {}, "default/hello: spec.slaPolicy: there is no SLAPolicy promise"),
        (("llm-model",), {}, "there is no VoiceModel llm-model"),
        ((), {"placement": {"groups": [{"name": "main", "stages": list(STAGES), "pool": "gone"}]}}, "no GPUPool gone"),
        ((), {"runtime": {"modelCache": {"claim": "models"}}}, "there is no PersistentVolumeClaim models"),
        ((), {"runtime": {"imagePullSecrets": ["registry"]}}, "there is no Secret registry"),
        ((), {"access": {"apiKeys": {"name": "callers"}}}, "there is no Secret callers"),
    ],
)
def test_what_is_missing_is_named(world: Any, found: Any, without: Any, spec: Any, says: str) -> None:
    catalog(world, without=without)
    agent(world, **spec)
    finding = found("references")
    assert finding.result is failed
    assert says in finding.message
    assert finding.advice


def test_what_does_not_fit_together_is_told(world: Any, found: Any) -> None:
    catalog(world)
    agent(world, objectives=[{"name": "turn-p95", "indicator": "turn", "percentile": 95, "targetMs": 9000}])
    finding = found("references")
    assert finding.result is failed
    assert "loosens" in finding.message


def test_another_namespace_is_not_looked_at(world: Any, found: Any) -> None:
    world.put("Namespace", "other")
    agent(world)
    assert found("references", Scope(namespace="other")).result is skipped


# --- storage --------------------------------------------------------------------------------------------------------


def claim(world: Any, phase: str, **spec: Any) -> None:
    resources = {"requests": {"storage": "1Gi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec}
    world.put("PersistentVolumeClaim", "models", spec=spec, status={"phase": phase})
    agent(world, runtime={"modelCache": {"claim": "models"}})


def storage_class(world: Any, name: str, *, default: bool = False, binding: str = "Immediate") -> None:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true" if default else "false"}
    world.put("StorageClass", name, metadata={"annotations": annotations}, provisioner="x", volumeBindingMode=binding)


def test_agents_that_keep_no_models_on_claims_need_no_storage(world: Any, found: Any) -> None:
    agent(world)
    assert found("storage").result is skipped


@pytest.mark.parametrize(
    ("phase", "spec", "classes", "result", "says"),
    [
        ("Bound", {}, [], ok, "1 claim with models"),
        ("Pending", {}, [], failed, "no StorageClass and there is no default one"),
        ("Pending", {"storageClassName": "fast"}, [("slow", "Immediate")], failed, "StorageClass fast, which does not"),
        ("Pending", {"storageClassName": "slow"}, [("slow", "Immediate")], warning, "waits for a volume"),
        ("Pending", {"storageClassName": "slow"}, [("slow", "WaitForFirstConsumer")], ok, "1 claim with models"),
        ("Lost", {}, [], failed, "has lost its volume"),
    ],
)
def test_claims_are_judged(
    world: Any, found: Any, phase: str, spec: Any, classes: Any, result: Result, says: str
) -> None:
    for name, binding in classes:
        storage_class(world, name, binding=binding)
    claim(world, phase, **spec)
    finding = found("storage")
    assert finding.result is result, finding
    assert says in finding.message


# --- pods -----------------------------------------------------------------------------------------------------------

OURS = {"app.kubernetes.io/managed-by": "antiphon", "antiphon.dev/agent": "hello"}


def pod(
    world: Any, state: Any, *, ready: bool = False, name: str = "hello-1", conditions: Any = None, labels: Any = OURS
) -> Any:
    container = {
        "name": "voice",
        "image": "runtime:1",
        "imageID": "",
        "ready": ready,
        "restartCount": 0,
        "state": state,
    }
    told = conditions or [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {"phase": "Running" if ready else "Pending", "conditions": told, "containerStatuses": [container]}
    spec = {"containers": [{"name": "voice", "image": "runtime:1"}]}
    return world.put("Pod", name, metadata={"labels": labels}, spec=spec, status=status)


def test_ready_pods_are_well_and_those_of_others_are_passed_over(world: Any, found: Any) -> None:
    pod(world, {"waiting": {"reason": "ImagePullBackOff"}}, name="stranger", labels={"app": "other"})
    assert found("pods").result is skipped
    pod(world, {"running": {}}, ready=True)
    pod(world, {"waiting": {"reason": "ContainerCreating"}}, name="hello-2")
    finding = found("pods")
    assert (finding.result, finding.message) == (ok, "1 of 2 pods are ready; 1 are starting")


@pytest.mark.parametrize(
    ("state", "says", "advice"),
    [
        (
            {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}},
            "ImagePullBackOff: not found",
            "registry",
        ),
        ({"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}}, "no secret", "Secret"),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, "CrashLoopBackOff", "antiphon logs"),
    ],
)
def test_pods_that_wait_for_a_reason_say_it(world: Any, found: Any, state: Any, says: str, advice: str) -> None:
    pod(world, state)
    finding = found("pods")
    assert finding.result is failed
    assert says in finding.message
    assert advice in finding.advice


def test_pods_without_a_node_say_what_the_scheduler_says(world: Any, found: Any) -> None:
    told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
    pod(world, {}, conditions=[told])
    finding = found("pods")
    assert finding.result is failed
    assert "0/3 nodes are available" in finding.message


def test_a_pod_that_is_made_for_long_says_what_its_events_say(world: Any, found: Any) -> None:
    pod(world, {"waiting": {"reason": "ContainerCreating"}})
    involved = {"kind": "Pod", "name": "hello-1", "namespace": "default"}
    world.put("Event", "e", type="Warning", reason="FailedMount", message="no such volume", involvedObject=involved)
    assert found("pods").result is ok
    finding = found("pods", now=lambda: datetime.now(UTC) + timedelta(minutes=10))
    assert finding.result is warning
    assert "no such volume" in finding.message


def test_pods_of_the_operator_are_looked_at_too(world: Any, found: Any) -> None:
    labels = {"app.kubernetes.io/name": "antiphon-operator"}
    pod(world, {"waiting": {"reason": "ErrImagePull"}}, name="antiphon-operator-1", labels=labels)
    assert found("pods").result is failed


# --- pod-security ---------------------------------------------------------------------------------------------------


def test_a_namespace_that_takes_a_pod_is_well_and_none_is_made(world: Any, found: Any) -> None:
    enforce = {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    world.put("Namespace", "prod", metadata=enforce)
    agent(world, namespace="prod")
    finding = found("pod-security")
    assert (finding.result, finding.message) == (ok, "a pod like an agent's is taken in prod (restricted)")
    assert found("pods").result is skipped


def test_a_namespace_that_refuses_says_why(world: Any, found: Any) -> None:
    world.put("Namespace", "going", metadata={"finalizers": ["test/keep"]})
    world.put("Pod", "held", "going", metadata={"finalizers": ["test/keep"]}, spec=probe_pod()["spec"])
    world.deleted_namespaces.append("going")
    finding = found("pod-security", Scope(namespace="going"))
    assert finding.result is failed
    assert "being terminated" in finding.message


def test_a_namespace_that_is_not_there_is_told(found: Any) -> None:
    finding = found("pod-security", Scope(namespace="nowhere"))
    assert (finding.result, finding.message) == (failed, "there is no namespace nowhere")


@pytest.mark.parametrize("image", ["", "ghcr.io/models/all:1"])
def test_the_pod_that_is_asked_about_is_restricted_as_agents_pods_are(image: str) -> None:
    assert restricted_violations(probe_pod(image)["spec"]) == []
