"""Checks of Services, endpoints, Ingresses and NetworkPolicies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from antiphon_sandbox.api.builtin_checks import (
    PORT_NUMBERS,
    PORT_RANGE,
    PROTOCOLS,
    duplicate,
    forbidden,
    label_problem,
    label_selector,
    labels,
    one_of,
    port_or_name,
    problem,
    required,
    subdomain_problem,
    unchanged,
    unsupported,
)
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj

_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_ADDRESS_TYPES = ("IPv4", "IPv6", "FQDN")


def service(found: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    ports, kind = spec.get("ports") or [], spec["type"]
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    for index, port in enumerate(ports):
        yield from _service_port(port, f"spec.ports[{index}]", len(ports) > 1, kind)
    yield from _repeated_ports(ports)
    yield from labels(spec.get("selector"), "spec.selector")
    yield from one_of(spec["sessionAffinity"], ("ClientIP", "None"), "spec.sessionAffinity")
    yield from one_of(kind, _SERVICE_TYPES, "spec.type")
    if kind == "ExternalName":
        yield from _external_name(spec)
    if old is not None:
        yield from _address_change(spec, old["spec"])


def _service_port(port: Obj, path: str, named: bool, kind: str) -> Iterator[Cause]:
    name = port.get("name", "")
    if name:
        yield from problem(name, label_problem(name), f"{path}.name")
    elif named:
        yield required(f"{path}.name")
    if port["port"] not in PORT_NUMBERS:
        yield invalid(port["port"], PORT_RANGE, f"{path}.port")
    yield from one_of(port["protocol"], PROTOCOLS, f"{path}.protocol")
    if port["targetPort"] != port["port"]:
        yield from port_or_name(port["targetPort"], f"{path}.targetPort")
    if kind == "ClusterIP" and port.get("nodePort"):
        yield forbidden("may not be used when `type` is 'ClusterIP'", f"{path}.nodePort")


def _repeated_ports(ports: list[Obj]) -> Iterator[Cause]:
    names, numbers = set(), set()
    for index, port in enumerate(ports):
        name, number = port.get("name", ""), (port["port"], port["protocol"])
        if name and name in names:
            yield duplicate(name, f"spec.ports[{index}].name")
        if number in numbers:
            yield duplicate({"port": port["port"], "protocol": port["protocol"]}, f"spec.ports[{index}]")
        names.add(name)
        numbers.add(number)


def _external_name(spec: Obj) -> Iterator[Cause]:
    name = spec.get("externalName", "").removesuffix(".")
    if name:
        yield from problem(name, subdomain_problem(name), "spec.externalName")
    else:
        yield required("spec.externalName")
    if spec.get("clusterIP"):
        yield forbidden("may not be set when `type` is 'ExternalName'", "spec.clusterIPs")


def _address_change(spec: Obj, old: Obj) -> Iterator[Cause]:
    new_address, address = spec.get("clusterIP"), old.get("clusterIP")
    named = "ExternalName" in (spec["type"], old.get("type"))
    if new_address and address and new_address != address and not named:
        yield invalid([new_address], "may not change once set", "spec.clusterIPs[0]")


def endpoints(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    for index, subset in enumerate(found.get("subsets") or ()):
        path = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(path, "must specify `addresses` or `notReadyAddresses`")
        for number, port in enumerate(subset.get("ports") or ()):
            if port["port"] not in PORT_NUMBERS:
                yield invalid(port["port"], PORT_RANGE, f"{path}.ports[{number}].port")


def endpoint_slice(found: Obj, old: Obj | None) -> Iterator[Cause]:
    yield from one_of(found["addressType"], _ADDRESS_TYPES, "addressType")
    for index, endpoint in enumerate(found.get("endpoints") or ()):
        if not endpoint.get("addresses"):
            yield required(f"endpoints[{index}].addresses", "must contain at least 1 address")
    if old is not None:
        yield from unchanged(found, old, ("addressType",))


def ingress(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    if not spec.get("rules") and "defaultBackend" not in spec:
        says = "either `defaultBackend` or `rules` must be specified"
        yield invalid(spec.get("rules"), says, "spec")
    if "defaultBackend" in spec:
        yield from _backend(spec["defaultBackend"], "spec.defaultBackend")
    for index, rule in enumerate(spec.get("rules") or ()):
        yield from _ingress_rule(rule, f"spec.rules[{index}]")


def _ingress_rule(rule: Obj, path: str) -> Iterator[Cause]:
    if host := rule.get("host"):
        if _is_address(host):
            yield invalid(host, "must be a DNS name, not an IP address", f"{path}.host")
        plain = host.removeprefix("*.")
        yield from problem(host, subdomain_problem(plain), f"{path}.host")
    if "http" not in rule:
        return
    if not rule["http"].get("paths"):
        yield required(f"{path}.http.paths")
    for index, place in enumerate(rule["http"].get("paths") or ()):
        yield from _ingress_path(place, f"{path}.http.paths[{index}]")


def _ingress_path(place: Obj, path: str) -> Iterator[Cause]:
    kind, prefix = place.get("pathType"), place.get("path", "")
    if not kind:
        yield required(f"{path}.pathType", "pathType must be specified")
    elif kind not in _PATH_TYPES:
        yield unsupported(kind, _PATH_TYPES, f"{path}.pathType")
    elif not prefix.startswith("/") and (prefix or kind != "ImplementationSpecific"):
        yield invalid(prefix, "must be an absolute path", f"{path}.path")
    yield from _backend(place["backend"], f"{path}.backend")


def _backend(backend: Obj, path: str) -> Iterator[Cause]:
    found = backend.get("service")
    if found is None and "resource" not in backend:
        yield required(path, "either `service` or `resource` must be specified")
    if found is None:
        return
    if "resource" in backend:
        yield invalid("", "cannot set both resource and service backends", path)
    if not found["name"]:
        yield required(f"{path}.service.name")
    port = found.get("port") or {}
    if port.get("name") and port.get("number"):
        yield invalid("", "cannot set both port name & port number", path)
    elif not port.get("name") and port.get("number", 0) not in PORT_NUMBERS:
        yield required(path, "port name or number is required") if not port else _bad_number(port["number"], path)


def _bad_number(number: int, path: str) -> Cause:
    return invalid(number, PORT_RANGE, f"{path}.service.port.number")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def network_policy(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    yield from label_selector(spec.get("podSelector") or {}, "spec.podSelector")
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            yield from _network_rule(rule, side, f"spec.{direction}[{index}]")
    for index, kind in enumerate(spec["policyTypes"]):
        if kind not in ("Ingress", "Egress"):
            yield unsupported(kind, ("Egress", "Ingress"), f"spec.policyTypes[{index}]")


def _network_rule(rule: Obj, side: str, path: str) -> Iterator[Cause]:
    for index, port in enumerate(rule.get("ports") or ()):
        yield from one_of(port["protocol"], PROTOCOLS, f"{path}.ports[{index}].protocol")
        if "port" in port:
            yield from port_or_name(port["port"], f"{path}.ports[{index}].port")
    for index, peer in enumerate(rule.get(side) or ()):
        yield from _peer(peer, f"{path}.{side}[{index}]")


def _peer(peer: Obj, path: str) -> Iterator[Cause]:
    if not peer:
        yield required(path, "must specify a peer")
    if "ipBlock" not in peer:
        return
    if len(peer) > 1:
        yield forbidden("may not specify both ipBlock and another peer", path)
    yield from _range(peer["ipBlock"].get("cidr"), f"{path}.ipBlock.cidr")


def _range(cidr: Any, path: str) -> Iterator[Cause]:
    if not cidr:
        yield required(path)
        return
    try:
        ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        yield invalid(cidr, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)", path)
