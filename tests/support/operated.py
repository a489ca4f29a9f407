"""A namespace with its own operator, its own emulated models and its own agents, for the cluster suite."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import watching
from operator_process import OperatorProcess, operator_process
from voice_process import emulated_stage

from antiphon_operator.kube.resources import CHILDREN, Resource
from cluster import MERGE, Answer, Cluster

Obj = dict[str, Any]
API = "antiphon.dev/v1alpha1"
STAGES = ("vad", "asr", "llm", "tts")
Child = tuple[Resource, str]
"""Its resource and its name."""
TIMEOUT_SECONDS = 60.0
COLLECTED_SECONDS = 240.0
"""A real garbage collector sends 20 requests a second by default, and what other tests left behind comes first."""
QUIET_SECONDS = 2.5
"""Long enough for whatever an operator has to write after a change."""
_NOTHING_RUNS = ("fake://", "antiphon-sandbox://hollow")
"""How nodes without a container runtime begin to speak of it; some say nothing."""


def runs_pods(cluster: Cluster) -> bool:
    """Whether pods become processes here: a sandbox, or a cluster with a kubelet. Hollow nodes only say so."""
    told = [_runtime_of(node) for node in cluster.items("nodes")]
    return any(one and not one.startswith(_NOTHING_RUNS) for one in told)


def _runtime_of(node: Obj) -> str:
    return str(((node.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion") or "")


@dataclass
class Operated:
    """The tests' own corner of a cluster. Models are cluster-scoped: their names are the tests' own, too."""

    cluster: Cluster
    namespace: str
    suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:6])

    def model_name(self, stage: str) -> str:
        return f"test-{stage}-{self.suffix}"

    def models(self, variants: tuple[str, ...] = ("good", "quick")) -> list[Obj]:
        """Emulated models of a cascade."""
        found = []
        for stage in STAGES:
            made = emulated_stage(stage, variants=variants)["variants"]
            spec = {"stage": stage, "license": "Apache-2.0", "variants": [{**one, "cpu": "20m"} for one in made]}
            metadata = {"name": self.model_name(stage)}
            found.append({"apiVersion": API, "kind": "VoiceModel", "metadata": metadata, "spec": spec})
        return found

    def agent(self, name: str = "hello", replicas: int = 1, **spec: Any) -> Obj:
        """A whole cascade on a CPU, in mode External: nobody but the test scales it."""
        pipeline = {stage: {"model": self.model_name(stage)} for stage in STAGES}
        group = {
            "name": "main",
            "stages": [*STAGES],
            "partition": {"profile": "none"},
            "resources": {"cpu": "50m", "memory": "128Mi"},
        }
        return {
            "apiVersion": API,
            "kind": "VoiceAgent",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "pipeline": pipeline,
                "scaling": {"mode": "External", "minReplicas": 0, "maxReplicas": 8, "replicas": replicas},
                "placement": {"groups": [group]},
                "sessions": {"drain": "120s", "maxPerReplica": 20},
                **spec,
            },
        }

    def make_models(self) -> None:
        for model in self.models():
            self.cluster.make(model)

    def remove_models(self) -> None:
        for stage in STAGES:
            self.cluster.delete("VoiceModel", self.model_name(stage))

    def make(self, agent: Obj) -> Obj:
        return self.cluster.make(agent, self.namespace)

    def change(self, name: str, spec: Any) -> Obj:
        answer = self.cluster.patch("VoiceAgent", name, self.namespace, {"spec": spec}, MERGE)
        assert answer.status == 200, answer
        return answer.body

    def wait_condition(
        self, name: str, kind: str, status: str, reason: str = "", timeout: float = TIMEOUT_SECONDS
    ) -> Obj:
        """The agent, as soon as the condition of its present generation is that."""

        def holds(agent: Obj) -> bool:
            found = condition(agent, kind)
            current = found.get("observedGeneration") == agent["metadata"]["generation"]
            return current and found["status"] == status and (not reason or found["reason"] == reason)

        return self.cluster.wait("VoiceAgent", name, self.namespace, holds, timeout)

    def children(self, kind: str, agent: str = "hello") -> dict[str, Obj]:
        found = self.cluster.items(kind, self.namespace, labelSelector=f"antiphon.dev/agent={agent}")
        return {obj["metadata"]["name"]: obj for obj in found}

    # --- objects of any kind, by the operator's own table of resources -------------------------------------------------

    def path(self, resource: Resource, name: str = "") -> str:
        root = "apis" if resource.group else "api"
        middle = f"/namespaces/{self.namespace}" if resource.namespaced else ""
        return f"/{root}/{resource.api_version}{middle}/{resource.plural}" + (f"/{name}" if name else "")

    def find(self, resource: Resource, name: str) -> Obj | None:
        answer = self.cluster.request("GET", self.path(resource, name))
        assert answer.status in (200, 404), answer
        return answer.body if answer.status == 200 else None

    def the(self, resource: Resource, name: str) -> Obj:
        found = self.find(resource, name)
        assert found is not None, f"there is no {resource} {name}"
        return found

    def post(self, resource: Resource, manifest: Obj) -> Obj:
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **manifest}
        answer = self.cluster.request("POST", self.path(resource), body)
        assert answer.status == 201, answer
        return answer.body

    def edit(self, resource: Resource, name: str, change: Any, how: str = MERGE) -> Obj:
        """As somebody with kubectl does."""
        answer = self.cluster.request("PATCH", self.path(resource, name), change, {"fieldManager": "kubectl-edit"}, how)
        assert answer.status == 200, answer
        return answer.body

    def remove(self, resource: Resource, name: str) -> Answer:
        return self.cluster.request("DELETE", self.path(resource, name), {"kind": "DeleteOptions", "apiVersion": "v1"})

    def wait(
        self, resource: Resource, name: str, holds: Callable[[Obj], Any] = bool, timeout: float = TIMEOUT_SECONDS
    ) -> Obj:
        """The object, as soon as it is there and `holds` says yes to it."""
        query = {"fieldSelector": f"metadata.name={name}"}
        path = self.path(resource)
        return watching.wait(self.cluster, path, lambda found: bool(found) and holds(found[0]), timeout, query)[0]

    def wait_gone(self, resource: Resource, name: str, timeout: float = TIMEOUT_SECONDS) -> None:
        query = {"fieldSelector": f"metadata.name={name}"}
        watching.wait(self.cluster, self.path(resource), lambda found: not found, timeout, query)

    def wait_replaced(self, resource: Resource, name: str, old: Obj, timeout: float = TIMEOUT_SECONDS) -> None:
        """Until that object is gone; there may be another one of its name already."""
        uid, query = old["metadata"]["uid"], {"fieldSelector": f"metadata.name={name}"}

        def is_gone(found: list[Obj]) -> bool:
            return not found or found[0]["metadata"]["uid"] != uid

        watching.wait(self.cluster, self.path(resource), is_gone, timeout, query)

    def wait_no_children(self, agent: str, timeout: float = COLLECTED_SECONDS) -> None:
        query = {"labelSelector": f"antiphon.dev/agent={agent}"}
        for resource in CHILDREN:
            watching.wait(self.cluster, self.path(resource), lambda found: not found, timeout, query)

    def children_of(self, resource: Resource, agent: str) -> list[Obj]:
        answer = self.cluster.request(
            "GET", self.path(resource), query={"labelSelector": f"antiphon.dev/agent={agent}"}
        )
        assert answer.status == 200, answer
        return list(answer.body["items"])

    def all_children(self, agent: str = "hello") -> dict[Child, Obj]:
        """Of all kinds that an agent becomes."""
        return {
            (resource, obj["metadata"]["name"]): obj
            for resource in CHILDREN
            for obj in self.children_of(resource, agent)
        }

    def versions(self, agent: str = "hello") -> dict[Child, str]:
        """What changes with each write. A Deployment's status is its controller's to write: its generation is told."""
        found = self.all_children(agent)
        return {child: f"{_written(child[0], obj)} {obj['metadata']['uid']}" for child, obj in found.items()}

    def agent_version(self, name: str) -> str:
        return str(self.cluster.get("VoiceAgent", name, self.namespace)["metadata"]["resourceVersion"])

    def made(self, agent: Obj) -> Obj:
        """The agent, as soon as all that it becomes is there."""
        self.make(agent)
        return self.wait_condition(agent["metadata"]["name"], "Accepted", "True")


def _written(resource: Resource, obj: Obj) -> Any:
    others_write = resource.plural in ("deployments", "poddisruptionbudgets", "serviceaccounts")
    if not others_write:
        return obj["metadata"]["resourceVersion"]
    ours = [one for one in obj["metadata"]["managedFields"] if one["manager"] == "antiphon"]
    return obj["metadata"].get("generation"), [one["time"] for one in ours]


def condition(agent: Obj, kind: str) -> Obj:
    """Empty where it was never set."""
    found = (agent.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one["type"] == kind), {})


@contextmanager
def own_namespace(cluster: Cluster) -> Iterator[str]:
    """For the tests of a whole module."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    cluster.delete("Namespace", name)


@contextmanager
def operated_module(cluster: Cluster, factory: Any) -> Iterator[tuple[Operated, OperatorProcess]]:
    """One operator and one namespace for all tests of a module; `factory` is pytest's of temporary folders."""
    with (
        own_namespace(cluster) as namespace,
        operated(cluster, namespace, factory.mktemp("operator")) as running,
    ):
        yield running


@contextmanager
def operated(cluster: Cluster, namespace: str, folder: Path, **more: Any) -> Iterator[tuple[Operated, OperatorProcess]]:
    """An operator of this namespace alone, and the models of its agents."""
    corner = Operated(cluster, namespace)
    corner.make_models()
    try:
        with operator_process(cluster.kubeconfig, folder=folder, namespace=namespace, **more) as operator:
            operator.wait_leader()
            yield corner, operator
    finally:
        corner.remove_models()
