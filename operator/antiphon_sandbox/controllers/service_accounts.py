"""The ServiceAccount `default`, which every namespace has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from antiphon_sandbox.controllers.controller import Controller, Key
from antiphon_sandbox.objects import Obj, is_deleting, name_of, namespace_of

NAMESPACES = "namespaces"
SERVICE_ACCOUNTS = "serviceaccounts"


class ServiceAccountController(Controller):
    name: ClassVar[str] = "serviceaccount-controller"
    watched: ClassVar[tuple[str, ...]] = (NAMESPACES, SERVICE_ACCOUNTS)

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        return [("", name_of(obj) if resource == NAMESPACES else namespace_of(obj))]

    def reconcile(self, key: Key) -> None:
        namespace = self.kube.get(NAMESPACES, *key)
        if namespace is None or is_deleting(namespace) or self.kube.get(SERVICE_ACCOUNTS, key[1], "default"):
            return
        metadata = {"name": "default", "namespace": key[1]}
        self.kube.create(SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
