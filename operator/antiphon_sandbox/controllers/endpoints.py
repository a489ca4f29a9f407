"""Endpoints and EndpointSlices of the Services that have a selector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from antiphon_sandbox.controllers import endpoint_addresses as addresses
from antiphon_sandbox.controllers import endpoint_slices
from antiphon_sandbox.controllers.controller import Controller, Key, key_of
from antiphon_sandbox.controllers.endpoint_slices import HEADLESS_LABEL, SERVICE_LABEL, SLICES
from antiphon_sandbox.controllers.pod_control import PODS
from antiphon_sandbox.controllers.pod_health import node_of
from antiphon_sandbox.kube import ApiError, Kube
from antiphon_sandbox.objects import Obj, is_deleting, labels_of, name_of, namespace_of

SERVICES = "services"
ENDPOINTS = "endpoints"
MANAGED_BY = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}


class EndpointsController(Controller):
    name: ClassVar[str] = "endpoint-slice-controller"
    watched: ClassVar[tuple[str, ...]] = (SERVICES, PODS, ENDPOINTS, SLICES)

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        if resource == PODS:
            services = self.kube.list(SERVICES, namespace_of(obj))
            return [key_of(service) for service in services if _selects(service, obj)]
        if resource == SLICES:
            service = labels_of(obj).get(SERVICE_LABEL)
            return [(namespace_of(obj), service)] if service else []
        return [key_of(obj)]

    def reconcile(self, key: Key) -> None:
        service = self.kube.get(SERVICES, *key)
        if service is None:
            self._forget(key)
            return
        if not self._is_ours(service):
            return
        pods = self.kube.list(PODS, key[0], {"matchLabels": service["spec"]["selector"]})
        write_endpoints(self.kube, service, addresses.subsets(service, pods))
        nodes = {name: node for name in map(node_of, pods) if name and (node := self.kube.get("nodes", "", name))}
        endpoint_slices.reconcile(self.kube, service, endpoint_slices.wanted(service, pods, nodes))

    def _is_ours(self, service: Obj) -> bool:
        namespace = self.kube.get("namespaces", "", namespace_of(service))
        going = is_deleting(service) or (namespace is not None and is_deleting(namespace))
        return bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName" and not going

    def _forget(self, key: Key) -> None:
        """Endpoints have no owner; those that nobody else made go with their Service."""
        present = self.kube.get(ENDPOINTS, *key)
        if present is None or not MANAGED_BY.items() <= labels_of(present).items():
            return
        try:
            self.kube.delete(ENDPOINTS, *key)
        except ApiError as error:
            if error.code != 404:
                raise


def _selects(service: Obj, pod: Obj) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and selector.items() <= labels_of(pod).items()


def write_endpoints(kube: Kube, service: Obj, subsets: list[Obj]) -> None:
    """Creates or replaces what has the Service's name."""
    headless = {HEADLESS_LABEL: ""} if addresses.is_headless(service) else {}
    labels = {**labels_of(service), **MANAGED_BY, **headless}
    present = kube.get(ENDPOINTS, namespace_of(service), name_of(service))
    body: Obj = {"apiVersion": "v1", "kind": "Endpoints", **({"subsets": subsets} if subsets else {})}
    if present is None:
        metadata = {"name": name_of(service), "namespace": namespace_of(service), "labels": labels}
        kube.create(ENDPOINTS, {**body, "metadata": metadata})
    elif labels_of(present) != labels or (present.get("subsets") or []) != subsets:
        kube.update(ENDPOINTS, {**body, "metadata": {**present["metadata"], "labels": labels}})
