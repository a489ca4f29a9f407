"""The downward API: what a container may ask about its own pod, for variables and for files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from antiphon_sandbox.objects import Obj, annotations_of, labels_of, name_of, namespace_of, uid_of, walk
from antiphon_sandbox.quantities import amount_of

HOST_IP = "127.0.0.1"
_KEYED = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the node knows beyond the pod itself: its address, and the room of its node for missing limits."""

    pod: Obj
    address: str
    allocatable: Obj


class UnknownFieldError(Exception):
    """A reference to what is not there; the text is upstream's."""


def field_value(facts: PodFacts, path: str) -> str:
    if keyed := _KEYED.fullmatch(path):
        values = labels_of(facts.pod) if keyed[1] == "labels" else annotations_of(facts.pod)
        return values.get(keyed[2], "")
    if (known := _FIELDS.get(path)) is None:
        raise UnknownFieldError(f"unsupported fieldPath: {path}")
    return known(facts)


def _as_lines(values: dict[str, str]) -> str:
    return "\n".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in sorted(values.items()))


_FIELDS: dict[str, Callable[[PodFacts], str]] = {
    "metadata.name": lambda facts: name_of(facts.pod),
    "metadata.namespace": lambda facts: namespace_of(facts.pod),
    "metadata.uid": lambda facts: uid_of(facts.pod),
    "metadata.labels": lambda facts: _as_lines(labels_of(facts.pod)),
    "metadata.annotations": lambda facts: _as_lines(annotations_of(facts.pod)),
    "spec.nodeName": lambda facts: str(facts.pod["spec"]["nodeName"]),
    "spec.serviceAccountName": lambda facts: str(facts.pod["spec"].get("serviceAccountName", "default")),
    "status.podIP": lambda facts: facts.address,
    "status.podIPs": lambda facts: facts.address,
    "status.hostIP": lambda _: HOST_IP,
    "status.hostIPs": lambda _: HOST_IP,
}


def resource_value(facts: PodFacts, container: str, reference: Obj) -> str:
    """A request or limit in units of the divisor, rounded up; a missing limit is all that the node has."""
    name = reference.get("containerName") or container
    spec = facts.pod["spec"]
    everyone = [*(spec.get("initContainers") or ()), *spec["containers"]]
    found = next((candidate for candidate in everyone if candidate["name"] == name), None)
    if found is None:
        raise UnknownFieldError(f"container {name} not found")
    kind, _, resource = reference["resource"].partition(".")
    if kind not in ("limits", "requests"):
        raise UnknownFieldError(f"Unsupported container resource : {reference['resource']}")
    said = walk(found, "resources", kind, resource)
    if said is None:
        said = facts.allocatable.get(resource, "0") if kind == "limits" else "0"
    divisor = amount_of(reference.get("divisor") or "1") or 1
    return str(math.ceil(amount_of(said) / divisor))
