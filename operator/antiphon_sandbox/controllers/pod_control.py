"""Creating and deleting pods in the name of their controller, with the Events that tell of it."""

from __future__ import annotations

import copy

from antiphon_sandbox.kube import ApiError, Kube
from antiphon_sandbox.objects import Obj, is_deleting, name_of, namespace_of, owned_by, uid_of

PODS = "pods"
BURST = 50
"""Pods that one visit creates or deletes at most, so that requests are not kept waiting; the next visit goes on."""

RETRY_SECONDS = 5.0
"""Until a visit after a refused creation: quotas and admission change, the template seldom does."""


def pod_from(template: Obj, owner: Obj, labels: dict[str, str] | None = None) -> Obj:
    """The pod that an owner's template describes."""
    described = template.get("metadata") or {}
    metadata: Obj = {
        "generateName": f"{name_of(owner)}-",
        "namespace": namespace_of(owner),
        "labels": {**(described.get("labels") or {}), **(labels or {})},
        "ownerReferences": [owned_by(owner)],
    }
    for field in ("annotations", "finalizers"):
        if described.get(field):
            metadata[field] = copy.deepcopy(described[field])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copy.deepcopy(template["spec"])}


def create_pods(kube: Kube, owner: Obj, pod: Obj, count: int, source: str) -> ApiError | None:
    """Creates so many, up to the first refusal, which it returns and an Event tells of."""
    if _namespace_is_going(kube, owner):
        return None
    for _ in range(count):
        try:
            created = kube.create(PODS, copy.deepcopy(pod))
        except ApiError as error:
            kube.record(owner, "Warning", "FailedCreate", f"Error creating: {error.message}", source)
            return error
        kube.record(owner, "Normal", "SuccessfulCreate", f"Created pod: {name_of(created)}", source)
    return None


def delete_pods(kube: Kube, owner: Obj, pods: list[Obj], source: str) -> None:
    """Asks for their end; those that are gone already do not matter."""
    for pod in pods:
        try:
            kube.delete(PODS, namespace_of(pod), name_of(pod), uid=uid_of(pod))
        except ApiError as error:
            if error.code != 404:
                raise
        else:
            kube.record(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name_of(pod)}", source)


def _namespace_is_going(kube: Kube, owner: Obj) -> bool:
    namespace = kube.get("namespaces", "", namespace_of(owner))
    return namespace is not None and is_deleting(namespace)
