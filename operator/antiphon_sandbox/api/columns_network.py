"""What `kubectl get` shows of Services and what belongs to them."""

from __future__ import annotations

from antiphon_sandbox.api.table_columns import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Field,
    Shown,
    at,
    joined,
    labels_at,
    selector_at,
    wide,
)
from antiphon_sandbox.objects import Obj, walk

_MOST = 3


def _cluster_ip(service: Obj) -> str:
    addresses = walk(service, "spec", "clusterIPs") or ()
    return addresses[0] if addresses else NONE


def _external_ip(service: Obj) -> str:
    more = walk(service, "spec", "externalIPs") or []
    match walk(service, "spec", "type"):
        case "ClusterIP" | "NodePort":
            return joined(more, NONE)
        case "LoadBalancer":
            return joined([*_ingress_points(service), *more], "<pending>")
        case "ExternalName":
            return walk(service, "spec", "externalName") or ""
    return "<unknown>"


def _ingress_points(obj: Obj) -> list[str]:
    points = walk(obj, "status", "loadBalancer", "ingress") or ()
    return sorted({name for point in points if (name := point.get("ip") or point.get("hostname"))})


def _service_ports(service: Obj) -> str:
    return joined(map(_service_port, walk(service, "spec", "ports") or ()), NONE)


def _service_port(port: Obj) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}"


def _service(field: str) -> Field:
    return Field("core.v1.ServiceSpec", field)


SERVICE = (
    NAME,
    Shown("Type", _service("type"), at("spec", "type")),
    Shown("Cluster-IP", _service("clusterIP"), _cluster_ip),
    Shown("External-IP", _service("externalIPs"), _external_ip),
    Shown("Port(s)", _service("ports"), _service_ports),
    AGE,
    wide("Selector", _service("selector"), labels_at("spec", "selector")),
)


def _few(texts: list[str], nothing: str) -> str:
    """The first three, and how many more there are."""
    text = joined(texts[:_MOST], nothing)
    return f"{text} + {len(texts) - _MOST} more..." if len(texts) > _MOST else text


def _endpoints(endpoints: Obj) -> str:
    subsets = endpoints.get("subsets") or ()
    return _few([text for subset in subsets for text in _addresses(subset)], "") if subsets else NONE


def _addresses(subset: Obj) -> list[str]:
    addresses = [address["ip"] for address in subset.get("addresses") or ()]
    ports = subset.get("ports") or ()
    return [_host_port(address, port["port"]) for port in ports for address in addresses] if ports else addresses


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


ENDPOINTS = (NAME, Shown("Endpoints", Field("core.v1.Endpoints", "subsets"), _endpoints), AGE)


def _slice_ports(endpoint_slice: Obj) -> str:
    ports = endpoint_slice.get("ports") or ()
    return _few([_slice_port(port) for port in ports], UNSET)


def _slice_port(port: Obj) -> str:
    named = "*" if port.get("name") is None else port["name"]
    return str(named if port.get("port") is None else port["port"])


def _slice_endpoints(endpoint_slice: Obj) -> str:
    endpoints = endpoint_slice.get("endpoints") or ()
    return _few([address for endpoint in endpoints for address in endpoint.get("addresses") or ()], UNSET)


def _slice(field: str) -> Field:
    return Field("discovery.v1.EndpointSlice", field)


ENDPOINT_SLICE = (
    NAME,
    Shown("AddressType", _slice("addressType"), at("addressType")),
    Shown("Ports", _slice("ports"), _slice_ports),
    Shown("Endpoints", _slice("endpoints"), _slice_endpoints),
    AGE,
)


def _hosts(ingress: Obj) -> str:
    """A rule without a host counts only once three hosts are shown, as upstream counts."""
    rules = walk(ingress, "spec", "rules") or ()
    shown: list[str] = []
    for rule in rules:
        if len(shown) == _MOST:
            return f"{joined(shown)} + {len(rules) - _MOST} more..."
        shown += [rule["host"]] if rule.get("host") else []
    return joined(shown, "*")


INGRESS = (
    NAME,
    Shown(
        "Class",
        "The name of the IngressClass resource that should be used for additional configuration",
        at("spec", "ingressClassName", default=NONE),
    ),
    Shown("Hosts", "Hosts that incoming requests are matched against before the ingress rule", _hosts),
    Shown(
        "Address",
        "Address is a list containing ingress points for the load-balancer",
        lambda ingress: joined(_ingress_points(ingress)),
    ),
    Shown(
        "Ports",
        "Ports of TLS configurations that open",
        lambda ingress: "80, 443" if walk(ingress, "spec", "tls") else "80",
    ),
    AGE,
)


def _parameters(ingress_class: Obj) -> str:
    parameters = walk(ingress_class, "spec", "parameters")
    if not parameters:
        return NONE
    group = f".{parameters['apiGroup']}" if "apiGroup" in parameters else ""
    return f"{parameters['kind']}{group}/{parameters['name']}"


INGRESS_CLASS = (
    NAME,
    Shown("Controller", "Controller that is responsible for handling this class", at("spec", "controller")),
    Shown("Parameters", "A reference to a resource with additional parameters", _parameters),
    AGE,
)

NETWORK_POLICY = (
    NAME,
    Shown(
        "Pod-Selector",
        Field("networking.v1.NetworkPolicySpec", "podSelector"),
        selector_at("spec", "podSelector"),
    ),
    AGE,
)
