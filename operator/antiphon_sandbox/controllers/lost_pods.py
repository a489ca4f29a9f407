"""Pods whose node is no more: nobody else can end them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from antiphon_sandbox.controllers.controller import Controller, Key
from antiphon_sandbox.controllers.pod_control import PODS
from antiphon_sandbox.controllers.pod_health import node_of
from antiphon_sandbox.kube import ApiError, Event
from antiphon_sandbox.objects import Obj, name_of, namespace_of, uid_of

NODES = "nodes"
GRACE_SECONDS = 40.0
"""For a node that nobody has seen yet, as upstream: at a restart pods may be there before their node is."""


class LostPodsController(Controller):
    """Keyed by node."""

    name: ClassVar[str] = "pod-garbage-collector"
    watched: ClassVar[tuple[str, ...]] = (NODES, PODS)

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        """Pods on a node that is not there; it may yet come."""
        if resource == PODS and node_of(obj) and self.kube.get(NODES, "", node_of(obj)) is None:
            self.due.mark_after(("", node_of(obj)), GRACE_SECONDS)
        return ()

    def on_event(self, event: Event) -> None:
        if event.resource == NODES and event.type == "DELETED":
            self.due.mark(("", name_of(event.object)))
        super().on_event(event)

    def reconcile(self, key: Key) -> None:
        if self.kube.get(NODES, *key):
            return
        for pod in self.kube.list(PODS):
            if node_of(pod) == key[1]:
                self._delete(pod)

    def _delete(self, pod: Obj) -> None:
        try:
            self.kube.delete(PODS, namespace_of(pod), name_of(pod), uid=uid_of(pod), grace_seconds=0)
        except ApiError as error:
            if error.code != 404:
                raise
