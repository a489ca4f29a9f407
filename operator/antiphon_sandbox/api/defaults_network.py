"""Defaults of Services, endpoints, Ingresses and NetworkPolicies."""

from __future__ import annotations

from antiphon_sandbox.objects import Obj

_AFFINITY_SECONDS = 10_800
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def set_service_defaults(service: Obj) -> None:
    spec = service["spec"]
    kind = spec.setdefault("type", "ClusterIP")
    _set_affinity(spec)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port["port"]
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind in _WITH_NODE_PORTS or spec.get("externalIPs"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
        for ingress in service["status"]["loadBalancer"].get("ingress") or ():
            if "ip" in ingress:
                ingress.setdefault("ipMode", "VIP")


def _set_affinity(spec: Obj) -> None:
    if spec.setdefault("sessionAffinity", "None") == "ClientIP":
        client = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client.setdefault("timeoutSeconds", _AFFINITY_SECONDS)
    else:
        spec.pop("sessionAffinityConfig", None)


def prepare_service(service: Obj) -> None:
    """The families of its addresses: here there is only IPv4. The addresses themselves are given out elsewhere."""
    spec = service["spec"]
    if spec["type"] != "ExternalName":
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        spec.setdefault("ipFamilies", ["IPv4"])


def set_endpoints_defaults(endpoints: Obj) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            port.setdefault("protocol", "TCP")


def set_endpoint_slice_defaults(endpoint_slice: Obj) -> None:
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def set_ingress_class_defaults(ingress_class: Obj) -> None:
    if parameters := ingress_class["spec"].get("parameters"):
        parameters.setdefault("scope", "Cluster")


def set_network_policy_defaults(policy: Obj) -> None:
    spec = policy["spec"]
    if "policyTypes" not in spec:
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in [*(spec.get("ingress") or ()), *(spec.get("egress") or ())]:
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")
