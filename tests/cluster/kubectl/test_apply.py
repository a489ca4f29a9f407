"""kubectl apply, diff, delete, replace, patch, label, annotate and edit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cluster_objects import agent, condition, config_map, deployment, is_leaving
from kubectl_cli import Kubectl
from watching import Obj

from cluster import Cluster

_OBJECTS = [agent("one", description="red"), deployment("one", paused=True), config_map("one", color="red")]
_each_kind = pytest.mark.parametrize("manifest", _OBJECTS, ids=lambda one: one["kind"])


def _file(folder: Path, *manifests: Obj) -> str:
    path = folder / "manifests.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))
    return str(path)


class TestApply:
    @_each_kind
    def test_created_unchanged_configured(self, kubectl: Kubectl, manifest: Obj) -> None:
        labelled = {**manifest, "metadata": {"name": "one", "labels": {"tier": "web"}}}
        for wanted, said in ((manifest, "created"), (manifest, "unchanged"), (labelled, "configured")):
            assert kubectl("apply", "-f", "-", stdin=wanted).split()[-1] == said
        assert kubectl("apply", "-f", "-", stdin=manifest).split()[-1] == "configured"
        assert "tier" not in kubectl.object(manifest["kind"], "one")["metadata"].get("labels", {})

    def test_it_merges_with_what_others_set(self, kubectl: Kubectl) -> None:
        kubectl("apply", "-f", "-", stdin=deployment("one", 1, paused=True))
        kubectl("scale", "deployment/one", "--replicas=3")
        without = deployment("one", paused=True)
        del without["spec"]["replicas"]
        kubectl("apply", "-f", "-", stdin={**without, "metadata": {"name": "one", "labels": {"a": "b"}}})
        stored = kubectl.object("deployment", "one")
        assert stored["metadata"]["labels"] == {"a": "b"}
        last = json.loads(stored["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"])
        assert "replicas" not in last["spec"]

    @_each_kind
    def test_server_side(self, kubectl: Kubectl, manifest: Obj) -> None:
        said = kubectl("apply", "--server-side", "-f", "-", stdin=manifest)
        assert said.split()[-1] == "serverside-applied"
        entries = kubectl.object(manifest["kind"], "one", "--show-managed-fields")["metadata"]["managedFields"]
        assert ("kubectl", "Apply") in {(entry["manager"], entry["operation"]) for entry in entries}

    @pytest.mark.parametrize(
        ("mine", "yours", "field"),
        [
            (agent("one", description="a"), agent("one", description="b"), ".spec.description"),
            (deployment("one", 1, paused=True), deployment("one", 2, paused=True), ".spec.replicas"),
        ],
        ids=["VoiceAgent", "Deployment"],
    )
    def test_a_conflict(self, kubectl: Kubectl, mine: Obj, yours: Obj, field: str) -> None:
        kubectl("apply", "--server-side", "--field-manager=me", "-f", "-", stdin=mine)
        words = ("apply", "--server-side", "--field-manager=you", "-f", "-")
        said = kubectl.fails(*words, stdin=yours)
        assert "Apply failed with 1 conflict" in said
        assert 'conflict with "me"' in said
        assert field in said
        assert "--force-conflicts" in said
        assert kubectl(*words, "--force-conflicts", stdin=yours).split()[-1] == "serverside-applied"

    def test_from_one_side_to_the_other(self, kubectl: Kubectl) -> None:
        """What a client-side apply made is taken over by a server-side one: a dropped field goes."""
        kubectl("apply", "-f", "-", stdin=config_map("one", a="1", b="2"))
        kubectl("apply", "--server-side", "-f", "-", stdin=config_map("one", a="1"))
        assert kubectl.object("configmap", "one")["data"] == {"a": "1"}

    def test_a_wrong_field(self, kubectl: Kubectl) -> None:
        wrong = agent("one")
        wrong["spec"]["pipelin"] = {}
        said = kubectl.fails("apply", "-f", "-", stdin=wrong)
        assert "Error from server (BadRequest)" in said
        assert 'strict decoding error: unknown field "spec.pipelin"' in said

    def test_a_wrong_value(self, kubectl: Kubectl) -> None:
        said = kubectl.fails("apply", "-f", "-", stdin=agent("one", scaling={"minReplicas": 3, "maxReplicas": 1}))
        assert 'The VoiceAgent "one" is invalid' in said

    def test_dry_run(self, kubectl: Kubectl) -> None:
        said = kubectl("apply", "--dry-run=server", "-f", "-", stdin=agent("one"))
        assert said.strip() == "voiceagent.antiphon.dev/one created (server dry run)"
        assert "NotFound" in kubectl.fails("get", "va", "one")

    def test_several_at_once(self, kubectl: Kubectl, tmp_path: Path) -> None:
        file = _file(tmp_path, *_OBJECTS)
        assert [line.split()[-1] for line in kubectl("apply", "-f", file).splitlines()] == ["created"] * 3


def _is_left_alone(deployment: Obj) -> bool:
    """Its controller is not about to write its status."""
    seen = deployment.get("status", {}).get("observedGeneration") == deployment["metadata"]["generation"]
    return bool(seen and condition(deployment, "Available")["reason"])


class TestDiff:
    @_each_kind
    @pytest.mark.parametrize("how", [[], ["--server-side"]], ids=["client", "server"])
    def test_its_exit_code_tells(
        self, kubectl: Kubectl, cluster: Cluster, namespace: str, manifest: Obj, how: list[str]
    ) -> None:
        kubectl("apply", *how, "-f", "-", stdin=manifest)
        if manifest["kind"] == "Deployment":
            cluster.wait("Deployment", "one", namespace, _is_left_alone)
        assert kubectl("diff", *how, "-f", "-", stdin=manifest) == ""
        labelled = {**manifest, "metadata": {"name": "one", "labels": {"tier": "web"}}}
        changed = kubectl.run("diff", *how, "-f", "-", stdin=labelled)
        assert changed.returncode == 1, changed.stderr
        assert "+    tier: web" in changed.stdout.splitlines()

    def test_of_what_is_not_there(self, kubectl: Kubectl) -> None:
        changed = kubectl.run("diff", "-f", "-", stdin=agent("one", description="red"))
        assert changed.returncode == 1, changed.stderr
        assert "+  description: red" in changed.stdout


class TestDelete:
    def test_by_file(self, kubectl: Kubectl, tmp_path: Path) -> None:
        file = _file(tmp_path, *_OBJECTS)
        kubectl("apply", "-f", file)
        said = kubectl("delete", "-f", file)
        assert said.count("deleted") == 3
        assert 'voiceagent.antiphon.dev "one" deleted' in said
        assert kubectl.fails("delete", "-f", file).count("NotFound") == 3
        assert kubectl("delete", "-f", file, "--ignore-not-found") == ""

    def test_by_label(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        for name, tier in (("a", "web"), ("b", "web"), ("c", "db")):
            cluster.make(config_map(name, {"tier": tier}), namespace)
        kubectl("delete", "configmap", "-l", "tier=web")
        assert kubectl("get", "configmap", "-l", "tier", "-o", "name").split() == ["configmap/c"]

    def test_all_of_a_kind(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        for name in ("a", "b"):
            cluster.make(agent(name), namespace)
        assert kubectl("delete", "va", "--all").count("deleted") == 2
        assert kubectl("get", "va", "-o", "name") == ""

    @pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
    def test_with_what_it_owns(
        self, kubectl: Kubectl, cluster: Cluster, namespace: str, web: str, cascade: str
    ) -> None:
        kubectl("delete", web, f"--cascade={cascade}")
        assert kubectl("get", "deployment", "-o", "name") == ""
        if cascade == "orphan":
            assert len(kubectl("get", "replicaset,pod", "-o", "name").split()) == 3
            return
        kubectl("wait", "--for=delete", "pod", "-l", "app=web", "--timeout=60s")
        cluster.wait_all("ReplicaSet", namespace, lambda found: not found)

    def test_without_waiting(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        held = config_map("held")
        held["metadata"]["finalizers"] = ["example.com/wait"]
        cluster.make(held, namespace)
        kubectl("delete", "configmap", "held", "--wait=false")
        assert is_leaving(kubectl.object("configmap", "held"))
        kubectl("patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
        kubectl("wait", "--for=delete", "configmap/held", "--timeout=30s")

    @pytest.mark.usefixtures("web")
    def test_a_pod_now(self, kubectl: Kubectl) -> None:
        pod = kubectl("get", "pod", "-o", "name").split()[0]
        assert "deleted" in kubectl("delete", pod, "--now")
        assert "NotFound" in kubectl.fails("get", pod)


class TestChange:
    @pytest.fixture(autouse=True)
    def _stored(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one", description="red"), namespace)

    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            ("merge", {"spec": {"description": "blue"}}),
            ("json", [{"op": "replace", "path": "/spec/description", "value": "blue"}]),
        ],
    )
    def test_patch(self, kubectl: Kubectl, kind: str, change: Any) -> None:
        words = ("patch", "va", "one", f"--type={kind}", "-p", json.dumps(change))
        assert kubectl(*words).strip() == "voiceagent.antiphon.dev/one patched"
        assert kubectl(*words).strip() == "voiceagent.antiphon.dev/one patched (no change)"
        assert kubectl.object("va", "one")["spec"]["description"] == "blue"

    def test_a_strategic_patch(self, kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
        cluster.make(deployment("one", paused=True), namespace)
        change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "busybox:2"}]}}}}
        kubectl("patch", "deployment", "one", "-p", json.dumps(change))
        (main,) = kubectl.object("deployment", "one")["spec"]["template"]["spec"]["containers"]
        assert (main["image"], main["command"][0]) == ("busybox:2", "sh")
        assert "strategic-merge-patch" in kubectl.fails("patch", "va", "one", "-p", "{}")

    def test_patch_of_the_status(self, kubectl: Kubectl) -> None:
        kubectl("patch", "va", "one", "--type=merge", "--subresource=status", "-p", '{"status":{"phase":"Ready"}}')
        assert kubectl.object("va", "one")["status"]["phase"] == "Ready"

    def test_label_and_annotate(self, kubectl: Kubectl) -> None:
        assert kubectl("label", "va", "one", "tier=web").split()[-1] == "labeled"
        assert "already has a value (web), and --overwrite is false" in kubectl.fails("label", "va", "one", "tier=db")
        kubectl("label", "va", "one", "tier=db", "--overwrite")
        assert kubectl("annotate", "va", "one", "example.com/a=b").split()[-1] == "annotated"
        metadata = kubectl.object("va", "one")["metadata"]
        assert (metadata["labels"], metadata["annotations"]) == ({"tier": "db"}, {"example.com/a": "b"})
        assert kubectl("label", "va", "one", "tier-").split()[-1] == "unlabeled"

    @pytest.mark.parametrize("resource", ["va", "deployment"])
    def test_edit(self, kubectl: Kubectl, cluster: Cluster, namespace: str, tmp_path: Path, resource: str) -> None:
        cluster.make(deployment("one", paused=True, minReadySeconds=11), namespace)
        editor = tmp_path / "editor"
        editor.write_text('#!/bin/sh\nsed -i -e "s/description: red/description: blue/" -e "s/: 11$/: 12/" "$1"\n')
        editor.chmod(0o755)
        said = kubectl("edit", resource, "one", environment={"KUBE_EDITOR": str(editor)})
        assert said.split()[-1] == "edited"
        spec = kubectl.object(resource, "one")["spec"]
        assert spec.get("description") == "blue" or spec.get("minReadySeconds") == 12

    def test_replace(self, kubectl: Kubectl) -> None:
        assert kubectl("replace", "-f", "-", stdin=agent("one", description="blue")).split()[-1] == "replaced"
        assert kubectl.object("va", "one")["spec"]["description"] == "blue"
        before = kubectl.object("va", "one")["metadata"]["uid"]
        kubectl("replace", "--force", "-f", "-", stdin=agent("one"))
        assert kubectl.object("va", "one")["metadata"]["uid"] != before
        assert "NotFound" in kubectl.fails("replace", "-f", "-", stdin=agent("none"))
