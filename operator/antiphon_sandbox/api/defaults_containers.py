"""Defaults of containers: images, ports, probes, environment, resources."""

from __future__ import annotations

from antiphon_sandbox.objects import Obj

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


def set_container_defaults(container: Obj) -> None:
    put = container.setdefault
    put("terminationMessagePath", "/dev/termination-log")
    put("terminationMessagePolicy", "File")
    if "imagePullPolicy" not in container:
        container["imagePullPolicy"] = pull_policy(container.get("image", ""))
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for variable in container.get("env") or ():
        if source := variable.get("valueFrom"):
            set_source_defaults(source)
    for name in _PROBES:
        if probe := container.get(name):
            _set_probe_defaults(probe)
    if lifecycle := container.get("lifecycle"):
        for hook in _HOOKS:
            _set_http_defaults((lifecycle.get(hook) or {}).get("httpGet"))


def request_what_is_limited(resources: Obj) -> None:
    """Requests default to limits, in pods (in templates they stay as they are)."""
    if limits := resources.get("limits"):
        requests = resources.setdefault("requests", {})
        for name, limit in limits.items():
            requests.setdefault(name, limit)


def pull_policy(image: str) -> str:
    """Always for the newest of an image, IfNotPresent for a certain one."""
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def set_source_defaults(source: Obj) -> None:
    """Of a variable's value, or of a file that says something of the pod."""
    if field := source.get("fieldRef"):
        field.setdefault("apiVersion", "v1")
    if resource := source.get("resourceFieldRef"):
        resource.setdefault("divisor", "0")


def _set_probe_defaults(probe: Obj) -> None:
    probe.setdefault("timeoutSeconds", 1)
    probe.setdefault("periodSeconds", 10)
    probe.setdefault("successThreshold", 1)
    probe.setdefault("failureThreshold", 3)
    _set_http_defaults(probe.get("httpGet"))
    if grpc := probe.get("grpc"):
        grpc.setdefault("service", "")


def _set_http_defaults(action: Obj | None) -> None:
    if action is not None:
        action.setdefault("path", "/")
        action.setdefault("scheme", "HTTP")
