"""A namespace with its own operator, its own emulated models and its own agents, for the cluster suite."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operator_process import OperatorProcess, operator_process
from voice_process import emulated_stage

from cluster import MERGE, Cluster

Obj = dict[str, Any]
API = "antiphon.dev/v1alpha1"
STAGES = ("vad", "asr", "llm", "tts")
TIMEOUT_SECONDS = 60.0


def runs_pods(cluster: Cluster) -> bool:
    """Whether pods become processes here: a sandbox, or a cluster with a kubelet. A control plane alone stores them."""
    return bool(cluster.items("nodes"))


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


def condition(agent: Obj, kind: str) -> Obj:
    """Empty where it was never set."""
    found = (agent.get("status") or {}).get("conditions") or ()
    return next((one for one in found if one["type"] == kind), {})


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
