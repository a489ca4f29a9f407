"""Deployments: one ReplicaSet for each template, and an orderly passage from one to the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from antiphon_sandbox.controllers import deployment_status as news
from antiphon_sandbox.controllers.claims import claim, claimants
from antiphon_sandbox.controllers.controller import Controller, Key, key_of
from antiphon_sandbox.controllers.deployment_visit import DEPLOYMENTS, Visit
from antiphon_sandbox.controllers.pod_control import PODS, RETRY_SECONDS
from antiphon_sandbox.controllers.replicasets import REPLICASETS
from antiphon_sandbox.objects import Obj, controller_of, is_deleting, namespace_of


class DeploymentController(Controller):
    name: ClassVar[str] = "deployment-controller"
    watched: ClassVar[tuple[str, ...]] = (DEPLOYMENTS, REPLICASETS, PODS)

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        if resource == DEPLOYMENTS:
            return [key_of(obj)]
        if resource == REPLICASETS:
            return claimants(self.kube, DEPLOYMENTS, "Deployment", obj)
        return self._waiting_for_the_end_of(obj)

    def _waiting_for_the_end_of(self, pod: Obj) -> Iterable[Key]:
        """Recreate starts the new pods when the last of the old ones is gone."""
        owner = controller_of(pod)
        replica_set = self.kube.get(REPLICASETS, namespace_of(pod), owner["name"]) if owner else None
        grand = controller_of(replica_set) if replica_set else None
        deployment = self.kube.get(DEPLOYMENTS, namespace_of(pod), grand["name"]) if grand else None
        return [key_of(deployment)] if deployment and recreates(deployment) else []

    def reconcile(self, key: Key) -> None:
        deployment = self.kube.get(DEPLOYMENTS, *key)
        if deployment is None:
            return
        visit = Visit(self.kube, deployment, claim(self.kube, REPLICASETS, deployment), self.name)
        status = self._act(visit)
        written = visit.write(status)
        left = news.seconds_left(written, status, self.kube.now())
        if visit.was_refused:
            self.due.mark_after(key, RETRY_SECONDS)
        elif left is not None:
            self.due.mark_after(key, max(left, 0) + 1)  # the times in conditions are whole seconds

    def _act(self, visit: Visit) -> Obj:
        """What there is to do at this moment; the status to tell afterwards."""
        if is_deleting(visit.deployment):
            return news.counted(visit.scene())
        visit.note_pause()
        if visit.is_paused or (visit.is_rescaled() and not recreates(visit.deployment)):
            visit.rescale()
            return news.counted(visit.scene())
        if recreates(visit.deployment):
            visit.recreate()
        else:
            visit.roll()
        return news.progressed(visit.scene())


def recreates(deployment: Obj) -> bool:
    return bool((deployment["spec"].get("strategy") or {}).get("type") == "Recreate")
