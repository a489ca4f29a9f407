"""kubectl create and run, whose bodies are protobuf."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cluster_objects import ENDS, STAYS, is_ready, is_rolled_out, is_true
from kubectl_cli import Kubectl

from cluster import Cluster


def _within(stored: Any, *path: str | int) -> Any:
    for step in path:
        stored = stored[step]
    return stored


_MADE: list[tuple[list[str], tuple[str | int, ...], Any]] = [
    (["configmap", "one", "--from-literal=a=b"], ("data",), {"a": "b"}),
    (["secret", "generic", "one", "--from-literal=a=b"], ("data", "a"), base64.b64encode(b"b").decode()),
    (["serviceaccount", "one"], ("metadata", "name"), "one"),
    (["role", "one", "--verb=get,list", "--resource=pods"], ("rules", 0, "verbs"), ["get", "list"]),
    (["role", "one", "--verb=get", "--resource=voiceagents"], ("rules", 0, "apiGroups"), ["antiphon.dev"]),
    (["rolebinding", "one", "--role=r", "--serviceaccount=a:b"], ("subjects", 0, "namespace"), "a"),
    (["quota", "one", "--hard=pods=3"], ("spec", "hard"), {"pods": "3"}),
    (["cronjob", "one", "--image=busybox", "--schedule=0 9 * * *"], ("spec", "schedule"), "0 9 * * *"),
    (["ingress", "one", "--rule=a.example.com/b=web:80"], ("spec", "rules", 0, "host"), "a.example.com"),
    (["pdb", "one", "--selector=app=web", "--min-available=1"], ("spec", "minAvailable"), 1),
    (["service", "clusterip", "one", "--tcp=80:8080"], ("spec", "ports", 0, "targetPort"), 8080),
    (["service", "nodeport", "one", "--tcp=80:8080"], ("spec", "type"), "NodePort"),
]


@pytest.mark.parametrize(
    ("words", "path", "expected"), _MADE, ids=lambda one: " ".join(one[:2]) if isinstance(one, list) else ""
)
def test_create(kubectl: Kubectl, words: list[str], path: tuple[str | int, ...], expected: Any) -> None:
    said = kubectl("create", *words)
    assert said.split()[-1] == "created"
    stored = kubectl.object(said.split()[0])
    assert _within(stored, *path) == expected
    assert "already exists" in kubectl.fails("create", *words)


def test_a_deployment(kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
    said = kubectl("create", "deployment", "web", "--image=busybox", "--replicas=2", "--port=80", "--", *STAYS)
    assert said == "deployment.apps/web created\n"
    done = cluster.wait("Deployment", "web", namespace, is_rolled_out)
    (main,) = done["spec"]["template"]["spec"]["containers"]
    assert (main["name"], main["command"]) == ("busybox", STAYS)
    assert main["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


def test_a_job(kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
    assert kubectl("create", "job", "one", "--image=busybox", "--", *ENDS) == "job.batch/one created\n"
    cluster.wait("Job", "one", namespace, lambda one: is_true(one, "Complete"))


def test_a_pod(kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
    words = ("--image=busybox", "--labels=app=one", "--env=A=b", "--command", "--", *STAYS)
    assert kubectl("run", "one", *words) == "pod/one created\n"
    stored = cluster.wait("Pod", "one", namespace, is_ready)
    assert stored["metadata"]["labels"] == {"app": "one"}
    assert stored["spec"]["containers"][0]["env"] == [{"name": "A", "value": "b"}]


def test_a_namespace(kubectl: Kubectl, cluster: Cluster, namespace: str) -> None:
    name = f"{namespace}-more"
    assert kubectl("create", "namespace", name) == f"namespace/{name} created\n"
    assert f'namespaces "{name}" already exists' in kubectl.fails("create", "ns", name)
    cluster.delete("Namespace", name)


def test_from_a_file_with_a_generated_name(kubectl: Kubectl) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "some-"}}
    made = {kubectl("create", "-f", "-", stdin=manifest).split()[0] for _ in range(2)}
    assert len(made) == 2
    assert all(name.startswith("configmap/some-") for name in made)


def test_dry_run(kubectl: Kubectl) -> None:
    words = ("create", "configmap", "one", "--from-literal=a=b", "--dry-run=server")
    assert kubectl(*words) == "configmap/one created (server dry run)\n"
    assert "uid:" in kubectl(*words, "-o", "yaml")
    assert "NotFound" in kubectl.fails("get", "configmap", "one")
