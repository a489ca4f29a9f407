"""RBAC, replayed: the chart allows each call that the operator makes in an eventful life, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rendered_chart
from agent_fleet import cascade, fleet_models, fleet_policies
from api_recorder import ApiCall, ApiRecorder, recording
from gpu_nodes import mig_device, resource_slice
from operated import runs_pods
from operator_process import operator_process
from rbac_rules import Grant, Permissions, Rule, permissions_of

from cluster import MERGE, Cluster

PODS_TELL = "patch pods"
"""Pods are marked where some carry fewer calls than others: hollow ones do not say."""

DISCOVERY = Grant(
    "ClusterRole/system:discovery",
    Rule(("get",), urls=("/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version", "/readyz", "/livez")),
)
"""What every cluster allows everybody who is logged in."""
PROFILE = "1g.18gb"
CLAIM_TEMPLATES = "/apis/resource.k8s.io/v1/namespaces/{}/resourceclaimtemplates"
SLICES = "/apis/resource.k8s.io/v1/resourceslices"
SECONDS = 60

Obj = dict[str, Any]


class Story:
    """What happens to a few agents in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.node = next(
            node["metadata"]["name"] for node in cluster.items("Node") if not node["spec"].get("unschedulable")
        )
        self._late_model, *self._models = fleet_models()

    # --- the parts --------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """All that agents name but one model; a pool whose partitions are given out by claims."""
        for manifest in (*self._models, *fleet_policies(1), self._pool()):
            self.cluster.make(manifest)
        devices = [mig_device(0, start, PROFILE, "18Gi") for start in range(2)]
        answer = self.cluster.request("POST", SLICES, resource_slice(self.node, *devices))
        assert answer.status == 201, answer

    def clean_up(self) -> None:
        for manifest in (self._late_model, *self._models, *fleet_policies(1), self._pool()):
            self.cluster.delete(manifest["kind"], manifest["metadata"]["name"])
        name = resource_slice(self.node)["metadata"]["name"]
        self.cluster.request("DELETE", f"{SLICES}/{name}")

    def _pool(self) -> Obj:
        return {
            "apiVersion": "antiphon.dev/v1alpha1",
            "kind": "GPUPool",
            "metadata": {"name": "replay"},
            "spec": {"nodeSelector": {"kubernetes.io/hostname": self.node}, "backend": "DRA"},
        }

    def agent(self, name: str, *groups: Obj, **scaling: Any) -> Obj:
        return {
            "apiVersion": "antiphon.dev/v1alpha1",
            "kind": "VoiceAgent",
            "metadata": {"name": name},
            "spec": {
                "pipeline": cascade(),
                "slaPolicy": "fleet-0",
                "scaling": {"mode": "External", "minReplicas": 0, "maxReplicas": 4, "replicas": 1, **scaling},
                "placement": {"groups": list(groups)},
                "sessions": {"drain": "10s"},
            },
        }

    def group(self, name: str, *stages: str, **more: Any) -> Obj:
        return {"name": name, "stages": list(stages or cascade()), "partition": {"profile": "none"}, **more}

    # --- looking ----------------------------------------------------------------------------------------------------

    def wait_condition(self, agent: str, kind: str, status: str) -> None:
        def has_it(found: Obj) -> bool:
            told = (found.get("status") or {}).get("conditions") or ()
            current = found["metadata"]["generation"]
            return any(
                (one["type"], one["status"], one.get("observedGeneration", current)) == (kind, status, current)
                for one in told
            )

        self.cluster.wait("VoiceAgent", agent, self.namespace, has_it, SECONDS)

    def wait_replicas(self, deployment: str, replicas: int) -> None:
        def has_them(found: Obj) -> bool:
            return bool(found["spec"]["replicas"] == replicas)

        self.cluster.wait("Deployment", deployment, self.namespace, has_them, SECONDS)

    def wait_pods(self, agent: str, pods: int) -> None:
        self.cluster.wait_all(
            "Pod",
            self.namespace,
            lambda found: len(found) == pods,
            SECONDS,
            labelSelector=f"antiphon.dev/agent={agent}",
        )

    def patch(self, agent: str, change: Obj) -> None:
        answer = self.cluster.patch("VoiceAgent", agent, self.namespace, {"spec": change}, MERGE)
        assert answer.status == 200, answer

    # --- what happens -----------------------------------------------------------------------------------------------

    def tell(self) -> None:
        self._agents_begin()
        self._a_reference_appears()
        self._children_are_broken()
        self._scaled_up_and_down()
        self._changed()
        self._a_leftover_is_in_the_way()
        self._all_is_deleted()

    def _agents_begin(self) -> None:
        """One whose second pod finds no room, and one of three groups, of which one has a claim."""
        big = {"cpu": f"{self._cores() * 0.6:.1f}"}
        here = {"kubernetes.io/hostname": self.node}
        self.cluster.make(self.agent("one", self.group("main", resources=big, nodeSelector=here)), self.namespace)
        parts = self.agent(
            "parts",
            self.group("ears", "vad", "asr"),
            self.group("mind", "llm", pool="replay", partition={"profile": PROFILE}),
            self.group("mouth", "tts"),
            replicas=0,
        )
        self.cluster.make(parts, self.namespace)
        self.wait_condition("parts", "Accepted", "False")

    def _cores(self) -> float:
        text = str(self.cluster.get("Node", self.node)["status"]["allocatable"]["cpu"])
        return int(text[:-1]) / 1000 if text.endswith("m") else float(text)

    def _a_reference_appears(self) -> None:
        self.cluster.make(self._late_model)
        for agent in ("one", "parts"):
            self.wait_condition(agent, "Placed", "True")
        self.wait_replicas("one-main", 1)
        self.wait_replicas("parts-mouth", 0)
        assert len(self._claim_templates()) == 1

    def _claim_templates(self) -> list[Obj]:
        answer = self.cluster.request("GET", CLAIM_TEMPLATES.format(self.namespace))
        assert answer.status == 200, answer
        return list(answer.body["items"])

    def _children_are_broken(self) -> None:
        self.cluster.delete("Service", "one-main", self.namespace)
        self.cluster.patch("Deployment", "one-main", self.namespace, {"spec": {"replicas": 0}}, MERGE)
        self.cluster.wait("Service", "one-main", self.namespace, bool, SECONDS)
        self.wait_replicas("one-main", 1)

    def _scaled_up_and_down(self) -> None:
        """Down when one pod is ready and one is not: the operator marks which of them is to go."""
        self.cluster.wait(
            "Deployment",
            "one-main",
            self.namespace,
            lambda found: found.get("status", {}).get("readyReplicas"),
            SECONDS,
        )
        self.patch("one", {"scaling": {"replicas": 2}})
        self.wait_pods("one", 2)
        self.patch("one", {"scaling": {"replicas": 1}})
        self.wait_pods("one", 1)

    def _changed(self) -> None:
        """Three groups become one: the children of the others have to go."""
        self.patch("parts", {"placement": {"groups": [self.group("whole")]}})
        self.wait_replicas("parts-whole", 0)
        for kind in ("Deployment", "ConfigMap", "ServiceAccount", "Service"):
            self.cluster.wait_gone(kind, "parts-mind", self.namespace, SECONDS)
        self.wait_condition("parts", "Accepted", "True")
        assert not self._claim_templates()

    def _a_leftover_is_in_the_way(self) -> None:
        """A Secret of the same name, of another agent: as when an agent is made anew before the old one's children are gone."""
        uid = self.cluster.get("VoiceAgent", "one", self.namespace)["metadata"]["uid"]
        owner = {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceAgent", "name": "one", "uid": uid}
        labels = {"app.kubernetes.io/managed-by": "antiphon", "antiphon.dev/agent": "again"}
        metadata = {"name": "again-control", "labels": labels, "ownerReferences": [{**owner, "controller": True}]}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"token": "b2xk"}}
        self.cluster.make(secret, self.namespace)
        self.cluster.make(self.agent("again", self.group("main"), replicas=0), self.namespace)
        self.wait_replicas("again-main", 0)

    def _all_is_deleted(self) -> None:
        for agent in ("one", "parts", "again"):
            self.cluster.delete("VoiceAgent", agent, self.namespace)
        for kind in ("VoiceAgent", "Deployment"):
            self.cluster.wait_all(kind, self.namespace, lambda found: not found, SECONDS)


@pytest.fixture
def story(cluster: Cluster, namespace: str) -> Iterator[Story]:
    found = Story(cluster, namespace)
    found.prepare()
    yield found
    found.clean_up()


@pytest.fixture
def recorder(cluster: Cluster, tmp_path: Path) -> Iterator[ApiRecorder]:
    with recording(cluster.kubeconfig, tmp_path / "recorded") as running:
        yield running


@pytest.mark.parametrize("scope", ["cluster-wide", "one namespace"])
def test_every_call_is_allowed_and_every_rule_is_used(
    story: Story, recorder: ApiRecorder, tmp_path: Path, scope: str
) -> None:
    values = {"watchNamespaces": [story.namespace]} if scope == "one namespace" else {}
    objects = rendered_chart.rendered(values, namespace=story.namespace)
    with operator_process(
        recorder.kubeconfig,
        folder=tmp_path,
        namespace=story.namespace if values else None,
        arguments=["--operator-namespace", story.namespace, "--lease", argument(objects, "--lease")],
    ) as operator:
        operator.wait_leader()
        story.tell()
    account = rendered_chart.the_only("ServiceAccount", objects)["metadata"]["name"]
    granted = permissions_of(objects, story.namespace, account)
    made = distinct(recorder.calls())
    refused = Permissions([*granted.grants, DISCOVERY]).refused(made)
    assert not refused, f"not allowed: {'; '.join(map(str, refused))}"
    unused = [found for found in granted.unused(made) if runs_pods(story.cluster) or found.what != PODS_TELL]
    assert not unused, f"allowed and never done: {'; '.join(map(str, unused))}"
    assert granted.wildcards() == []


def argument(objects: list[Obj], name: str) -> str:
    """Of the operator's container, as the chart starts it."""
    (container,) = rendered_chart.the_only("Deployment", objects)["spec"]["template"]["spec"]["containers"]
    arguments = container["args"]
    return str(arguments[arguments.index(name) + 1])


def distinct(calls: list[ApiCall]) -> list[ApiCall]:
    """The first of those that look the same."""
    return list({str(call): call for call in reversed(calls)}.values())
