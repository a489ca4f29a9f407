"""Pods and what makes them, as small as they may be, and a node agent that has them running at once."""

from __future__ import annotations

from typing import Any

from antiphon_sandbox.controllers.pod_health import phase_of
from antiphon_sandbox.kube import ApiError, Kube
from antiphon_sandbox.objects import Obj, is_deleting, name_of, namespace_of, timestamp, uid_of
from antiphon_sandbox.reconciler import Reconciler

NAMESPACE = "default"


def described(kind: str, name: str, spec: Obj, api_version: str = "apps/v1", **metadata: Any) -> Obj:
    named = {"name": name, "namespace": NAMESPACE, **metadata}
    return {"apiVersion": api_version, "kind": kind, "metadata": named, "spec": spec}


def pod_spec(image: str = "one", **more: Any) -> Obj:
    return {"containers": [{"name": "main", "image": image}], **more}


def template(app: str, image: str = "one", **more: Any) -> Obj:
    return {"metadata": {"labels": {"app": app}}, "spec": pod_spec(image, **more)}


def deployment(name: str, replicas: int = 3, image: str = "one", **more: Any) -> Obj:
    selector = {"matchLabels": {"app": name}}
    return described(
        "Deployment", name, {"replicas": replicas, "selector": selector, "template": template(name, image), **more}
    )


def replica_set(name: str, replicas: int = 3, **more: Any) -> Obj:
    selector = {"matchLabels": {"app": name}}
    return described(
        "ReplicaSet", name, {"replicas": replicas, "selector": selector, "template": template(name), **more}
    )


def job(name: str, **more: Any) -> Obj:
    return described("Job", name, {"template": template(name, restartPolicy="Never"), **more}, "batch/v1")


def pod(name: str, spec: Obj | None = None, **metadata: Any) -> Obj:
    return described("Pod", name, spec or pod_spec(), "v1", **metadata)


def put_state(kube: Kube, pod: Obj, phase: str, *, ready: bool = False, address: str = "") -> Obj:
    """The pod's status, as its node would write it."""
    moment = timestamp(kube.now())
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": moment}]
    found = {"podIP": address, "podIPs": [{"ip": address}]} if address else {}
    return kube.update_status("pods", {**pod, "status": {"phase": phase, "conditions": conditions, **found}})


class PromptNode:
    """Every pod is running and ready at once, unless its image is `broken`; one that is to go is gone at once."""

    def __init__(self, kube: Kube, name: str = "prompt") -> None:
        self.name = name
        self._kube = kube
        self._due: Reconciler[tuple[str, str]] = Reconciler("prompt-node", self._visit)

    async def run(self) -> None:
        unsubscribe = self._kube.subscribe(["pods"], lambda event: self._due.mark(_key(event.object)))
        try:
            for each in self._kube.list("pods"):
                self._due.mark(_key(each))
            await self._due.run()
        finally:
            unsubscribe()

    def _visit(self, key: tuple[str, str]) -> None:
        found = self._kube.get("pods", *key)
        if found is None:
            return
        if is_deleting(found):
            self._remove(found)
        elif not found["spec"].get("nodeName"):
            self._kube.bind(found, self.name)
        elif phase_of(found) == "Pending":
            broken = found["spec"]["containers"][0]["image"] == "broken"
            put_state(self._kube, found, "Running", ready=not broken)

    def _remove(self, found: Obj) -> None:
        try:
            self._kube.delete("pods", namespace_of(found), name_of(found), uid=uid_of(found), grace_seconds=0)
        except ApiError as error:
            if error.code != 404:
                raise


def _key(obj: Obj) -> tuple[str, str]:
    return namespace_of(obj), name_of(obj)
