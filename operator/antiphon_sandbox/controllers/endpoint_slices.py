"""EndpointSlices of one Service: as many as needed, reused before others are made or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from antiphon_sandbox.controllers import endpoint_addresses as addresses
from antiphon_sandbox.kube import Kube
from antiphon_sandbox.objects import Obj, labels_of, name_of, namespace_of, owned_by, uid_of

SLICES = "endpointslices.discovery.k8s.io"
SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGED_BY = "endpointslice-controller.k8s.io"
HEADLESS_LABEL = "service.kubernetes.io/headless"
MOST_ENDPOINTS = 100
"""In one slice, as upstream: a change of one pod rewrites no more than this."""


def wanted(service: Obj, pods: Iterable[Obj], nodes: Mapping[str, Obj]) -> list[Obj]:
    """The slices that should be there, without names: one for each family, set of ports and hundred of pods."""
    pods = list(pods)
    return [part for family in addresses.families(service) for part in _of_family(service, pods, nodes, family)]


def _of_family(service: Obj, pods: list[Obj], nodes: Mapping[str, Obj], family: str) -> list[Obj]:
    groups: dict[addresses.Ports, list[Obj]] = {}
    for pod in sorted((each for each in pods if addresses.has_endpoint(each, family)), key=name_of):
        node = nodes.get(str(pod["spec"].get("nodeName")))
        groups.setdefault(addresses.ports_on(pod, service), []).append(addresses.endpoint(pod, service, family, node))
    groups = groups or {(): []}
    return [
        _slice(service, family, ports, found[start : start + MOST_ENDPOINTS])
        for ports, found in groups.items()
        for start in range(0, max(len(found), 1), MOST_ENDPOINTS)
    ]


def _slice(service: Obj, family: str, ports: addresses.Ports, endpoints: list[Obj]) -> Obj:
    headless = {HEADLESS_LABEL: ""} if addresses.is_headless(service) else {}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{name_of(service)}-",
            "namespace": namespace_of(service),
            "labels": {
                **labels_of(service),
                SERVICE_LABEL: name_of(service),
                MANAGED_BY_LABEL: MANAGED_BY,
                **headless,
            },
            "ownerReferences": [owned_by(service)],
        },
        "addressType": family,
        "ports": [port.in_slice() for port in ports],
        "endpoints": endpoints,
    }


def reconcile(kube: Kube, service: Obj, wanted_slices: list[Obj]) -> None:
    """Those that are right stay; the others are rewritten to be those that are missing; the rest goes."""
    ours = [each for each in kube.owned(SLICES, uid_of(service)) if labels_of(each).get(MANAGED_BY_LABEL) == MANAGED_BY]
    free, missing = list(ours), []
    for each in wanted_slices:
        same = next((one for one in free if _content(one) == _content(each)), None)
        if same is None:
            missing.append(each)
        else:
            free.remove(same)
    for each in missing:
        _place(kube, each, free)
    for each in free:
        kube.delete(SLICES, namespace_of(each), name_of(each), uid=uid_of(each))


def _place(kube: Kube, wanted_slice: Obj, free: list[Obj]) -> None:
    """Into a free slice, best one of the same ports; else into a new one. An addressType never changes."""
    candidates = [each for each in free if each["addressType"] == wanted_slice["addressType"]]
    if not candidates:
        kube.create(SLICES, wanted_slice)
        return
    reused = next((each for each in candidates if (each.get("ports") or []) == wanted_slice["ports"]), candidates[0])
    free.remove(reused)
    metadata = {**reused["metadata"], "labels": wanted_slice["metadata"]["labels"]}
    kube.update(SLICES, {**wanted_slice, "metadata": metadata})


def _content(endpoint_slice: Obj) -> tuple[Any, ...]:
    return (
        endpoint_slice["addressType"],
        labels_of(endpoint_slice),
        endpoint_slice.get("ports") or [],
        endpoint_slice.get("endpoints") or [],
    )
