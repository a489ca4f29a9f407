"""ReplicaSets: as many pods of a template as asked for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from antiphon_sandbox.controllers import pod_health
from antiphon_sandbox.controllers.claims import claim, claimants
from antiphon_sandbox.controllers.controller import Controller, Key, key_of
from antiphon_sandbox.controllers.pod_control import BURST, PODS, RETRY_SECONDS, create_pods, delete_pods, pod_from
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj, controller_of, is_deleting, labels_of, uid_of, walk, with_condition

REPLICASETS = "replicasets.apps"


class ReplicaSetController(Controller):
    name: ClassVar[str] = "replicaset-controller"
    watched: ClassVar[tuple[str, ...]] = (REPLICASETS, PODS)

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        return [key_of(obj)] if resource == REPLICASETS else claimants(self.kube, REPLICASETS, "ReplicaSet", obj)

    def reconcile(self, key: Key) -> None:
        replica_set = self.kube.get(REPLICASETS, *key)
        if replica_set is None:
            return
        pods = [pod for pod in claim(self.kube, PODS, replica_set) if pod_health.is_active(pod)]
        refusal = None if is_deleting(replica_set) else self._manage(replica_set, pods)
        waits = [RETRY_SECONDS if refusal else None, self._write_status(replica_set, refusal)]
        if any(waits):
            self.due.mark_after(key, min(filter(None, waits)))

    def _manage(self, replica_set: Obj, pods: list[Obj]) -> ApiError | None:
        surplus = len(pods) - wanted(replica_set)
        if surplus < 0:
            pod = pod_from(replica_set["spec"]["template"], replica_set)
            return create_pods(self.kube, replica_set, pod, min(-surplus, BURST), self.name)
        if surplus > 0:
            going = pod_health.first_to_go(pods, self._related(replica_set))
            delete_pods(self.kube, replica_set, going[: min(surplus, BURST)], self.name)
        return None

    def _related(self, replica_set: Obj) -> list[Obj]:
        """The pods of all the ReplicaSets of the same Deployment."""
        owner = controller_of(replica_set)
        siblings = self.kube.owned(REPLICASETS, owner["uid"]) if owner else [replica_set]
        return [pod for sibling in siblings for pod in self.kube.owned(PODS, uid_of(sibling))]

    def _write_status(self, replica_set: Obj, refusal: ApiError | None) -> float | None:
        """Says in how many seconds time alone will change the status."""
        pods = [pod for pod in self.kube.owned(PODS, uid_of(replica_set)) if pod_health.is_active(pod)]
        now, seconds = self.kube.now(), int(replica_set["spec"].get("minReadySeconds") or 0)
        status = status_of(replica_set, pods, refusal, now)
        self.kube.update_status(REPLICASETS, {**replica_set, "status": status})
        return pod_health.seconds_to_next_available(pods, seconds, now)


def wanted(replica_set: Obj) -> int:
    replicas = replica_set["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def status_of(replica_set: Obj, pods: list[Obj], refusal: ApiError | None, now: datetime) -> Obj:
    """What is, told as a status; `pods` are the active ones."""
    spec = replica_set["spec"]
    seconds = int(spec.get("minReadySeconds") or 0)
    template_labels = (walk(spec, "template", "metadata", "labels") or {}).items()
    counts = {
        "fullyLabeledReplicas": sum(template_labels <= labels_of(pod).items() for pod in pods),
        "readyReplicas": sum(map(pod_health.is_ready, pods)),
        "availableReplicas": sum(pod_health.is_available(pod, seconds, now) for pod in pods),
        "observedGeneration": replica_set["metadata"].get("generation", 0),
    }
    conditions = _conditions(replica_set, refusal, now)
    told = {field: count for field, count in counts.items() if count}
    return {"replicas": len(pods), **told, **({"conditions": conditions} if conditions else {})}


def _conditions(replica_set: Obj, refusal: ApiError | None, now: datetime) -> list[Obj]:
    """ReplicaFailure is there while creation is refused, and only then."""
    present: list[Obj] = walk(replica_set, "status", "conditions") or []
    if refusal is None:
        return [each for each in present if each["type"] != "ReplicaFailure"]
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": refusal.message}
    return with_condition(present, failure, now)
