"""Where a Service's pods are reached: addresses and ports, in the words of Endpoints and of EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import chain

from antiphon_sandbox.controllers import pod_health
from antiphon_sandbox.objects import Obj, is_deleting, labels_of, name_of, namespace_of, uid_of

ZONE_LABEL = "topology.kubernetes.io/zone"


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the Service, and its number on the pods at hand."""

    name: str
    protocol: str
    number: int
    app_protocol: str = ""

    def in_slice(self) -> Obj:
        app = {"appProtocol": self.app_protocol} if self.app_protocol else {}
        return {"name": self.name, "port": self.number, "protocol": self.protocol, **app}

    def in_endpoints(self) -> Obj:
        """Here a missing name is left out."""
        return {field: value for field, value in self.in_slice().items() if value}


Ports = tuple[Port, ...]


def ports_on(pod: Obj, service: Obj) -> Ports:
    """The Service's ports, as far as the pod has them: a name may stand for another number on another pod."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number_on(pod, port)
        if number is not None:
            app_protocol = port.get("appProtocol") or ""
            found.append(Port(port.get("name") or "", port.get("protocol") or "TCP", number, app_protocol))
    return tuple(sorted(found, key=lambda port: (port.name, port.number)))


def _number_on(pod: Obj, port: Obj) -> int | None:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    sidecars = (each for each in pod["spec"].get("initContainers") or () if each.get("restartPolicy") == "Always")
    offered = (each for one in chain(pod["spec"]["containers"], sidecars) for each in one.get("ports") or ())
    protocol = port.get("protocol") or "TCP"
    matches = (each for each in offered if each.get("name") == target and (each.get("protocol") or "TCP") == protocol)
    return next((int(each["containerPort"]) for each in matches), None)


def addresses_of(pod: Obj, family: str) -> list[str]:
    """The pod's addresses of that family, IPv4 or IPv6."""
    status = pod.get("status") or {}
    told = [each["ip"] for each in status.get("podIPs") or ()] or [status.get("podIP")]
    return [address for address in told if address and family_of(address) == family]


def family_of(address: str) -> str:
    return f"IPv{ip_address(address).version}"


def families(service: Obj) -> list[str]:
    return list(service["spec"].get("ipFamilies") or ("IPv4",))


def is_headless(service: Obj) -> bool:
    return service["spec"].get("clusterIP") in ("None", "", None)


def has_endpoint(pod: Obj, family: str) -> bool:
    return not pod_health.is_finished(pod) and bool(addresses_of(pod, family))


def _publishes_not_ready(service: Obj) -> bool:
    return bool(service["spec"].get("publishNotReadyAddresses"))


def endpoint(pod: Obj, service: Obj, family: str, node: Obj | None) -> Obj:
    """The pod as an EndpointSlice lists it."""
    serving, terminating = pod_health.is_ready(pod), is_deleting(pod)
    ready = _publishes_not_ready(service) or (serving and not terminating)
    zone = labels_of(node).get(ZONE_LABEL) if node else None
    return {
        "addresses": addresses_of(pod, family)[:1],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        **_identity(pod, service),
        **({"zone": zone} if zone else {}),
    }


def _identity(pod: Obj, service: Obj) -> Obj:
    """Which pod it is, on which node; a host name counts only under the Service that the pod names as its subdomain."""
    target = {"kind": "Pod", "name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)}
    hostname = pod["spec"].get("hostname") if pod["spec"].get("subdomain") == name_of(service) else None
    node = pod_health.node_of(pod)
    named = {"hostname": hostname} if hostname else {}
    return {"targetRef": target, **({"nodeName": node} if node else {}), **named}


def subsets(service: Obj, pods: Iterable[Obj]) -> list[Obj]:
    """The pods as Endpoints lists them: by their ports, ready ones apart from the others, none that is on its way out."""
    family, publishes = families(service)[0], _publishes_not_ready(service)
    groups: dict[Ports, dict[str, list[Obj]]] = {}
    for pod in pods:
        ports = ports_on(pod, service)
        if not has_endpoint(pod, family) or (is_deleting(pod) and not publishes):
            continue
        if not ports and service["spec"].get("ports"):
            continue
        ready = publishes or pod_health.is_ready(pod)
        entry = {"ip": addresses_of(pod, family)[0], **_identity(pod, service)}
        groups.setdefault(ports, {}).setdefault("addresses" if ready else "notReadyAddresses", []).append(entry)
    return [_subset(ports, entries) for ports, entries in sorted(groups.items(), key=lambda group: repr(group[0]))]


def _subset(ports: Ports, entries: dict[str, list[Obj]]) -> Obj:
    ordered = {field: sorted(found, key=lambda entry: str(entry["ip"])) for field, found in entries.items()}
    return {**ordered, **({"ports": [port.in_endpoints() for port in ports]} if ports else {})}
