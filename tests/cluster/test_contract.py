"""The contract on a real API server: it takes the CRDs, the presets and the examples, and refuses the wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from manifest_files import EXAMPLES, PRESETS, WRONG, right_documents, wrong_manifest
from mutations import mutated
from offline_apiserver import admit, committed_crds

from antiphon_crds.definitions import KINDS
from antiphon_crds.documents import Document
from antiphon_crds.manifests import load
from cluster import MERGE, Cluster, collection

_ORIGINALS = [document.data for document in right_documents()] + [wrong_manifest(path).data for path in WRONG]


@pytest.fixture
def applied(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A namespace into which every preset and example is applied."""
    files = [argument for path in [*PRESETS, *EXAMPLES] for argument in ("-f", str(path))]
    cluster.kubectl("apply", "--server-side", "-n", namespace, *files)
    yield namespace
    cluster.kubectl("delete", "-n", namespace, "--wait=false", *files)


@pytest.mark.parametrize("kind", sorted(committed_crds()))
def test_the_api_server_finds_nothing_wrong_with_the_crds(cluster: Cluster, kind: str) -> None:
    name = committed_crds()[kind]["metadata"]["name"]
    crd = cluster.request("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}").body
    conditions = {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
    assert conditions["Established"] == "True"
    assert conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_presets_and_examples_apply_and_the_server_fills_in_our_defaults(cluster: Cluster, applied: str) -> None:
    for document in right_documents():
        stored = cluster.get(document.data["kind"], document.data["metadata"]["name"], applied)
        ours: Any = load(document).object
        theirs: Any = KINDS[document.data["kind"]].from_manifest(stored, ignore_unknown=True)
        assert theirs.spec == ours.spec, document.file
        assert stored["spec"] == ours.spec.to_manifest(), document.file


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_the_wrong_ones_are_refused_with_the_expected_message(cluster: Cluster, path: Path) -> None:
    wrong = wrong_manifest(path)
    answer = cluster.create_dry(wrong.data, "default")
    assert answer.status in (400, 422), answer
    if wrong.by == "rule":
        assert wrong.says in answer.message
    else:
        assert wrong.field.split("[")[0].split(".")[-1] in answer.message


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(manifest=mutated(_ORIGINALS))
def test_three_verdicts_never_disagree(cluster: Cluster, manifest: Any) -> None:
    """The API server's, the types', and the offline reading of the CRDs."""
    answer = cluster.create_dry(manifest, "default")
    assert answer.status in (201, 400, 422), answer
    problems = list(map(str, load(Document("generated", manifest, {(): 1})).problems))
    refusals = admit(manifest)
    assert (answer.status == 201) == (not problems) == (not refusals), (
        f"{json.dumps(manifest)}\nserver: {answer.message}\ntypes: {problems}\noffline: {refusals}"
    )


def _agent(name: str, **spec: Any) -> dict[str, Any]:
    pipeline = {"diarization": {"model": "ear"}}
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceAgent",
        "metadata": {"name": name},
        "spec": {"pipeline": pipeline, **spec},
    }


_ODD: list[dict[str, Any]] = [
    {"scaling": {"replicas": 1.5}},
    {"scaling": {"replicas": True}},
    {"scaling": {"replicas": 2**63}},
    {"scaling": None},
    {"scaling": []},
    {"scaling": "x"},
    {"sessions": {"dutyCycle": 1}},
    {"sessions": {"dutyCycle": "0.3"}},
    {"sessions": {"drain": "1ns"}},
    {"sessions": {"drain": "15m\n"}},
    {"sessions": {"drain": "99999999999999999999h"}},
    {"sessions": {"dutyCycle": 0}},
    {"sessions": {"dutyCycle": -1}},
    {"sessions": {"drain": "0"}},
    {"scaling": {"min_replicas": 1}},
    {"objectives": [{"name": "a", "indicator": "turn", "mean": 1, "targetMs": 1}]},
    {"objectives": [{"name": "a", "indicator": "turn", "mean": False, "targetMs": 1}]},
    {"runtime": {"tracesEndpoint": "http://a/\u00a0b"}},
    {"runtime": {"tracesEndpoint": "http://a/\u000bb"}},
    {"access": {"allowedOrigins": ["https://a\u2003b"]}},
    {"slaPolicy": ""},
    {"slaPolicy": "a..b"},
    {"slaPolicy": "a-.b"},
    {"slaPolicy": "abc\n"},
    {"description": "\U0001f600" * 1024},
    {"description": "\U0001f600" * 1025},
    {"objectives": [None]},
    {"objectives": [{"name": None, "indicator": "turn", "mean": True, "targetMs": 1}]},
    {"placement": {"groups": [{"name": "g", "stages": ["diarization"], "nodeSelector": {"a": None}}]}},
    {"placement": {"groups": [{"name": "g", "stages": ["diarization"], "nodeSelector": {"": "x"}}]}},
    {"placement": {"groups": [{"name": "g", "stages": ["diarization"], "nodeSelector": {"a": 1}}]}},
    {"traffic": [{"name": "a", "cron": "0 9 * * *\x00", "sessions": 1}]},
]
_ODD_METADATA: list[dict[str, Any]] = [
    {},
    {"generateName": "odd-"},
    {"generateName": "Odd-"},
    {"generateName": "odd-", "name": None},
    {"generateName": "odd-", "name": ""},
    {"generateName": "odd."},
    {"name": "odd", "annotations": {"a": None}},
    {"name": "odd", "annotations": {"": "b"}},
    {"name": "odd", "annotations": {"a/b/c": "d"}},
    {"name": "odd", "annotations": {"example.org/a": "d e f"}},
    {"name": "1a"},
    {"name": "a.b"},
    {"name": "a" * 40},
    {"name": "a" * 41},
    {"name": "odd", "labels": {"a b": "c"}},
    {"name": "odd", "labels": {"a": 1}},
    {"name": "odd", "labels": None},
    {"name": "odd", "unknown": "x"},
    {"name": "odd", "annotations": {"a": "b"}, "finalizers": []},
]


class TestOddInput:
    """What generated objects seldom hit: the types and the API server still agree."""

    @pytest.mark.parametrize("spec", _ODD, ids=lambda spec: json.dumps(spec)[:60])
    def test_specs(self, cluster: Cluster, spec: dict[str, Any]) -> None:
        self._agree(cluster, _agent("odd", **{"slaPolicy": "p", **spec}))

    @pytest.mark.parametrize("metadata", _ODD_METADATA, ids=lambda metadata: json.dumps(metadata)[:60])
    def test_metadata(self, cluster: Cluster, metadata: dict[str, Any]) -> None:
        self._agree(cluster, {**_agent("odd", slaPolicy="p"), "metadata": metadata})

    @pytest.mark.parametrize("status", [{"phase": "Ready"}, {"phase": "Nope"}])
    def test_a_status_is_passed_over(self, cluster: Cluster, status: dict[str, Any]) -> None:
        self._agree(cluster, {**_agent("odd", slaPolicy="p"), "status": status})

    def _agree(self, cluster: Cluster, manifest: Any) -> None:
        answer = cluster.create_dry(manifest, "default")
        problems = list(map(str, load(Document("odd", manifest, {(): 1})).problems))
        assert (answer.status == 201) == (not problems), f"server: {answer}\ntypes: {problems}"


class TestUse:
    """What people and controllers do with the objects."""

    def test_two_owners_of_one_list_lose_nothing(self, cluster: Cluster, namespace: str) -> None:
        def traffic(name: str, sessions: int) -> dict[str, Any]:
            return {"name": name, "cron": "0 9 * * 1-5", "sessions": sessions}

        team = _agent("shop", slaPolicy="p", traffic=[traffic("weekdays", 80)])
        assistant = {**_agent("shop"), "spec": {"traffic": [traffic("sale", 200)]}}
        assert cluster.apply(team, namespace, "team").status == 201
        assert cluster.apply(assistant, namespace, "assistant").status == 200
        assert cluster.apply(team, namespace, "team").status == 200
        stored = cluster.get("VoiceAgent", "shop", namespace)["spec"]["traffic"]
        assert sorted((entry["name"], entry["sessions"]) for entry in stored) == [("sale", 200), ("weekdays", 80)]

    def test_two_owners_of_one_field_conflict(self, cluster: Cluster, namespace: str) -> None:
        assert cluster.apply(_agent("shop", slaPolicy="p", scaling={"maxReplicas": 4}), namespace, "team").status == 201
        answer = cluster.apply(_agent("shop", slaPolicy="p", scaling={"maxReplicas": 5}), namespace, "other")
        assert answer.status == 409
        assert ".spec.scaling.maxReplicas" in answer.message

    def test_scale(self, cluster: Cluster, namespace: str) -> None:
        scaling = {"mode": "External", "minReplicas": 1, "maxReplicas": 4}
        assert cluster.apply(_agent("shop", scaling=scaling), namespace, "team").status == 201
        cluster.kubectl("scale", "-n", namespace, "va/shop", "--replicas=3")
        assert cluster.get("VoiceAgent", "shop", namespace)["spec"]["scaling"]["replicas"] == 3
        refused = cluster.kubectl("scale", "-n", namespace, "va/shop", "--replicas=9", check=False)
        assert refused.returncode != 0
        assert "replicas is 9; it must be at most maxReplicas, 4" in refused.stderr

    def test_the_status_has_an_end_of_its_own(self, cluster: Cluster, namespace: str) -> None:
        assert cluster.apply(_agent("shop", slaPolicy="p"), namespace, "team").status == 201
        path = f"{collection('VoiceAgent', namespace)}/shop"
        status = {
            "phase": "Ready", "ready": "1/1", "replicas": 1, "sessions": 3, "p95Ms": 412.5, "sla": "Met", "partition": "none",
            "conditions": [{"type": "Ready", "status": "True", "reason": "AllReplicasReady"}],
        }  # fmt: skip
        patched = cluster.request("PATCH", f"{path}/status", {"status": status}, content_type=MERGE)
        assert patched.status == 200, patched
        assert patched.body["metadata"]["generation"] == 1
        shown = cluster.kubectl("get", "va", "-n", namespace).stdout.splitlines()
        assert shown[0].split() == ["NAME", "PHASE", "READY", "SESSIONS", "P95", "SLA", "PARTITION", "AGE"]
        assert shown[1].split()[:7] == ["shop", "Ready", "1/1", "3", "412.5", "Met", "none"]
        cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "--timeout=5s", "va/shop")

    def test_a_wrong_status_is_refused(self, cluster: Cluster, namespace: str) -> None:
        assert cluster.apply(_agent("shop", slaPolicy="p"), namespace, "team").status == 201
        path = f"{collection('VoiceAgent', namespace)}/shop/status"
        answer = cluster.request("PATCH", path, {"status": {"sla": "Fine"}}, content_type=MERGE)
        assert answer.status == 422
        assert 'supported values: "Met", "AtRisk", "Breached", "Unknown"' in answer.message

    def test_a_model_shows_its_best_variant(self, cluster: Cluster, applied: str) -> None:
        shown = cluster.kubectl("get", "vm", "whisper-cpu", "-n", applied, "--no-headers").stdout.split()
        assert shown[:3] == ["whisper-cpu", "asr", "base-fp32"]

    @pytest.mark.parametrize("name", ["va", "slap", "vm", "gpool", "antiphon"])
    def test_short_names_and_the_category(self, cluster: Cluster, applied: str, name: str) -> None:
        lines = cluster.kubectl("get", name, "-n", applied, "--no-headers").stdout.splitlines()
        assert lines

    @pytest.mark.parametrize(
        ("field", "expected"),
        [
            ("va.spec.scaling.mode", "the control loop chooses between minReplicas and maxReplicas"),
            ("va.spec.placement.groups.partition", "exactly one of profile, memory and gpus"),
            ("slap.spec.objectives.percentile", "Share of the observations, in percent"),
            ("vm.spec.variants.profiles.alphaMs", "Time of a batch that does not depend on its size, in milliseconds"),
            ("gpool.spec.backend", "extended resources, or claims of resource.k8s.io/v1"),
        ],
    )
    def test_kubectl_explains(self, cluster: Cluster, field: str, expected: str) -> None:
        assert expected in " ".join(cluster.kubectl("explain", field).stdout.split())
