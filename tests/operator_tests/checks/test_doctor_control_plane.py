"""The API server, its clock, our kinds in it, and the operator."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from offline_apiserver import committed_crds

from antiphon_operator.checks.check import Result
from antiphon_operator.checks.cluster import Scope
from antiphon_operator.checks.definitions import compared
from antiphon_sandbox.api import http_server

ok, warning, failed, skipped = Result.ok, Result.warning, Result.failed, Result.skipped


# --- api-server -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minor", "result", "says"),
    [
        ("36", ok, "v1.36"),
        ("34+", ok, "image volumes"),
        ("33", ok, "resource.k8s.io/v1"),
        ("31", failed, "too old"),
        ("what", warning, "can't be judged"),
    ],
)
def test_the_version_is_judged(found: Any, monkeypatch: Any, minor: str, result: Result, says: str) -> None:
    version = {**http_server._VERSION, "minor": minor, "gitVersion": f"v1.{minor}.0"}
    monkeypatch.setattr(http_server, "_VERSION", version)
    finding = found("api-server")
    assert finding.result is result
    assert says in finding.message


# --- clock ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_seconds", "result", "says"),
    [(0, ok, "agrees"), (10, warning, "10.0 s behind ours"), (-10, warning, "ahead of ours"), (-120, failed, "ahead")],
)
def test_a_clock_that_differs_is_noticed(found: Any, ahead_seconds: float, result: Result, says: str) -> None:
    finding = found("clock", now=lambda: datetime.now(UTC) + timedelta(seconds=ahead_seconds))
    assert finding.result is result
    assert says.replace("10.0 s ", "") in finding.message
    if result is warning:
        seconds = float(finding.message.split(" s ")[0].split()[-1])
        assert seconds == pytest.approx(10, abs=1.5)


def test_an_operator_whose_clock_is_ahead_is_noticed(world: Any, found: Any) -> None:
    lease(world, renewed_seconds_ago=-20)
    finding = found("clock")
    assert finding.result is warning
    assert "holder of Lease antiphon-operator" in finding.message


# --- crds -----------------------------------------------------------------------------------------------------------


def test_our_kinds_are_as_we_have_them(found: Any) -> None:
    assert found("crds").result is ok


def test_kinds_that_are_not_installed_are_named(world: Any, found: Any) -> None:
    world.has_kinds = False
    finding = found("crds")
    assert finding.result is failed
    assert "voiceagents.antiphon.dev" in finding.message
    assert "antiphon install" in finding.advice


def agent_kind() -> Any:
    return copy.deepcopy(committed_crds()["VoiceAgent"])


def spec_fields(definition: Any) -> Any:
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema["properties"]["spec"]["properties"]


def test_older_newer_and_other_kinds_are_told_apart() -> None:
    ours = agent_kind()
    assert compared(ours, agent_kind()) == ("same", [])
    older, newer, both, text, version = (agent_kind() for _ in range(5))
    del spec_fields(older)["sessions"]
    spec_fields(newer)["mood"] = {"type": "string"}
    del spec_fields(both)["sessions"]
    spec_fields(both)["mood"] = {"type": "string"}
    spec_fields(text)["slaPolicy"]["description"] = "another"
    version["spec"]["versions"][0]["name"] = "v1"
    assert compared(ours, older)[0] == "older"
    assert "spec.sessions.dutyCycle" in compared(ours, older)[1]
    assert compared(ours, newer) == ("newer", ["spec.mood"])
    assert compared(ours, both)[0] == "other"
    assert compared(ours, text) == ("other", [])
    assert compared(ours, version) == ("older", ["version v1alpha1"])


@pytest.mark.parametrize(
    ("change", "result", "says"),
    [
        (lambda fields: fields.pop("traffic"), failed, "is older than this version: it lacks spec.traffic"),
        (
            lambda fields: fields.update(mood={"type": "string"}),
            warning,
            "is newer than this version: it also has spec.mood",
        ),
        (lambda fields: fields["description"].update(description="x"), warning, "differs from this version in rules"),
    ],
)
def test_kinds_of_another_version_are_told(world: Any, found: Any, change: Any, result: Result, says: str) -> None:
    world.has_kinds = False
    for kind, definition in committed_crds().items():
        changed = copy.deepcopy(definition)
        if kind == "VoiceAgent":
            change(spec_fields(changed))
        world.add(changed)
    finding = found("crds")
    assert finding.result is result
    assert says in finding.message


# --- operator -------------------------------------------------------------------------------------------------------


def deployment(world: Any, *, ready: int = 2, replicas: int = 2, args: tuple[str, ...] = ()) -> None:
    labels = {"app.kubernetes.io/name": "antiphon-operator"}
    container = {"name": "operator", "image": "operator:1", "args": ["operator", *args]}
    template = {"metadata": {"labels": labels}, "spec": {"serviceAccountName": "operator", "containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    status = {"replicas": replicas, "readyReplicas": ready}
    world.put("Namespace", "antiphon-system")
    world.put(
        "Deployment", "antiphon-operator", "antiphon-system", metadata={"labels": labels}, spec=spec, status=status
    )


def lease(
    world: Any, *, renewed_seconds_ago: float = 3, holder: str = "operator-1", name: str = "antiphon-operator"
) -> None:
    renewed = datetime.now(UTC) - timedelta(seconds=renewed_seconds_ago)
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": 15,
        "renewTime": renewed.isoformat(timespec="microseconds").replace("+00:00", "Z"),
    }
    if not any(each["kind"] == "Namespace" for each in world._objects):
        world.put("Namespace", "antiphon-system")
    world.put("Lease", name, "antiphon-system", spec=spec)


def test_one_that_leads_is_well(world: Any, found: Any) -> None:
    deployment(world)
    lease(world)
    finding = found("operator")
    assert finding.result is ok, finding
    assert "2 ready replicas" in finding.message
    assert "operator-1 leads" in finding.message


def test_one_outside_of_the_cluster_is_known_by_its_lease(world: Any, found: Any) -> None:
    lease(world)
    finding = found("operator")
    assert finding.result is ok
    assert "outside of the cluster" in finding.message


def test_none_at_all_is_a_failure(found: Any) -> None:
    finding = found("operator")
    assert (finding.result, finding.advice) == (failed, "`antiphon install` installs it.")


@pytest.mark.parametrize(
    ("its_deployment", "its_lease", "result", "says"),
    [
        ({"ready": 0}, {}, failed, "0 of 2 replicas are ready"),
        ({"ready": 1}, {}, warning, "1 of 2 replicas are ready"),
        ({"ready": 0, "replicas": 0}, {}, failed, "0 of 0 replicas"),
        ({}, None, failed, "nobody leads: there is no Lease antiphon-system.antiphon-operator"),
        ({}, {"renewed_seconds_ago": 60}, failed, "has not renewed Lease"),
        ({}, {"holder": ""}, failed, "has no holder"),
        ({"args": ("--no-election",)}, None, ok, "2 ready replicas"),
        ({"args": ("--lease", "mine")}, {"name": "mine"}, ok, "leads"),
        ({"args": ("--lease=mine",)}, {}, failed, "antiphon-system.mine"),
    ],
)
def test_what_ails_the_operator_is_told(
    world: Any, found: Any, its_deployment: Any, its_lease: Any, result: Result, says: str
) -> None:
    deployment(world, **its_deployment)
    if its_lease is not None:
        lease(world, **its_lease)
    finding = found("operator")
    assert finding.result is result, finding
    assert says in finding.message


def test_agents_where_the_operator_does_not_look_are_told(world: Any, found: Any) -> None:
    deployment(world, args=("--namespace", "prod"))
    lease(world)
    pipeline = {stage: {"model": "a-model"} for stage in ("vad", "asr", "llm")}
    world.put("VoiceAgent", "hello", spec={"pipeline": pipeline, "scaling": {"mode": "External"}})
    finding = found("operator")
    assert finding.result is warning
    assert "does not look into default" in finding.message


def test_its_namespace_can_be_told(world: Any, found: Any) -> None:
    lease(world)
    assert found("operator", Scope(operator_namespace="elsewhere")).result is failed
