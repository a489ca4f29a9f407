"""PodDisruptionBudgets: how many of their pods may be evicted at this moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from antiphon_sandbox.controllers import pod_health
from antiphon_sandbox.controllers.controller import Controller, Key, key_of
from antiphon_sandbox.controllers.int_or_percent import scaled
from antiphon_sandbox.controllers.pod_control import PODS
from antiphon_sandbox.kube import Kube
from antiphon_sandbox.objects import (
    Obj,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    parse_time,
    selector_matches,
    uid_of,
    walk,
    with_condition,
)

BUDGETS = "poddisruptionbudgets.policy"
DELETION_SECONDS = 120.0
"""An evicted pod that is not deleted within this time is no longer held to be going."""

SCALES = {
    ("apps", "ReplicaSet"): "replicasets.apps",
    ("apps", "Deployment"): "deployments.apps",
    ("apps", "StatefulSet"): "statefulsets.apps",
    ("", "ReplicationController"): "replicationcontrollers",
}


@dataclass(frozen=True, slots=True)
class Demand:
    """Pods that there should be, and how many of them healthy."""

    expected: int
    desired_healthy: int


class DisruptionController(Controller):
    name: ClassVar[str] = "controllermanager"  # the source of its Events upstream
    watched: ClassVar[tuple[str, ...]] = (BUDGETS, PODS, *SCALES.values())

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        if resource == BUDGETS:
            return [key_of(obj)]
        labels = labels_of(obj) if resource == PODS else walk(obj, "spec", "template", "metadata", "labels") or {}
        budgets = self.kube.list(BUDGETS, namespace_of(obj))
        return [key_of(budget) for budget in budgets if selector_matches(budget["spec"].get("selector"), labels)]

    def reconcile(self, key: Key) -> None:
        budget = self.kube.get(BUDGETS, *key)
        if budget is None or is_deleting(budget):
            return
        selector = budget["spec"].get("selector")
        pods = [] if selector is None else self.kube.list(PODS, key[0], selector)
        going, overdue = disrupted(budget, pods, self.kube.now())
        for pod in overdue:
            message = f"Pod was expected by PDB {key[0]}/{key[1]} to be deleted but it wasn't"
            self.kube.record(pod, "Warning", "NotDeleted", message, self.name)
        status = status_of(budget, pods, demand(budget, pods, expected_scale(self.kube, pods)), going, self.kube.now())
        self.kube.update_status(BUDGETS, {**budget, "status": status})
        if going:
            oldest = min(map(parse_time, going.values())) + timedelta(seconds=DELETION_SECONDS)
            self.due.mark_after(key, max((oldest - self.kube.now()).total_seconds(), 0.0))


def expected_scale(kube: Kube, pods: Iterable[Obj]) -> int:
    """Replicas asked for by the controllers of the pods; pods with a controller of another kind are counted.

    As upstream, a pod without a controller is none: nobody says how many of its kind there should be.
    """
    fellows: dict[str, list[Obj]] = {}
    for pod in pods:
        if owner := controller_of(pod):
            fellows.setdefault(owner["uid"], []).append(pod)
    tops = [(_top_of(kube, group[0]), len(group)) for group in fellows.values()]
    return sum({uid_of(top): _replicas(top, count) for top, count in tops}.values())


def _top_of(kube: Kube, obj: Obj) -> Obj:
    """The controller of its controller, and so on, as far as their kinds have a scale."""
    owner = controller_of(obj)
    group = owner["apiVersion"].rpartition("/")[0] if owner else ""
    resource = SCALES.get((group, owner["kind"])) if owner else None
    found = kube.get(resource, namespace_of(obj), owner["name"]) if owner and resource else None
    return _top_of(kube, found) if found and owner and uid_of(found) == owner["uid"] else obj


def _replicas(top: Obj, pods: int) -> int:
    """What it asks for; a pod that is its own top stands for its fellows."""
    if top["kind"] == "Pod":
        return pods
    replicas = top["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def demand(budget: Obj, pods: list[Obj], scale: int) -> Demand:
    """What minAvailable or maxUnavailable come to; a percentage is of the scale, and rounds up."""
    spec = budget["spec"]
    if "maxUnavailable" in spec:
        return Demand(scale, max(scale - scaled(spec["maxUnavailable"], scale, "up"), 0))
    minimum = spec.get("minAvailable", 1)
    if isinstance(minimum, int):
        return Demand(len(pods), minimum)
    return Demand(scale, scaled(minimum, scale, "up"))


def disrupted(budget: Obj, pods: Iterable[Obj], now: datetime) -> tuple[dict[str, str], list[Obj]]:
    """Evicted pods that are still to be deleted, with the moment of their eviction; and those that should have been."""
    noted: dict[str, str] = walk(budget, "status", "disruptedPods") or {}
    going, overdue = {}, []
    for pod in pods:
        moment = noted.get(name_of(pod))
        if moment is None or is_deleting(pod):
            continue
        if parse_time(moment) + timedelta(seconds=DELETION_SECONDS) > now:
            going[name_of(pod)] = moment
        else:
            overdue.append(pod)
    return going, overdue


def status_of(budget: Obj, pods: Iterable[Obj], asked: Demand, going: dict[str, str], now: datetime) -> Obj:
    healthy = sum(pod_health.is_ready(pod) and not is_deleting(pod) and name_of(pod) not in going for pod in pods)
    allowed = max(healthy - asked.desired_healthy, 0) if asked.expected > 0 else 0
    generation = budget["metadata"].get("generation", 0)
    verdict = {
        "type": "DisruptionAllowed",
        "status": "True" if allowed else "False",
        "observedGeneration": generation,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "message": "",
    }
    return {
        "currentHealthy": healthy,
        "desiredHealthy": asked.desired_healthy,
        "disruptionsAllowed": allowed,
        "expectedPods": asked.expected,
        "observedGeneration": generation,
        **({"disruptedPods": going} if going else {}),
        "conditions": with_condition(walk(budget, "status", "conditions") or [], verdict, now),
    }
