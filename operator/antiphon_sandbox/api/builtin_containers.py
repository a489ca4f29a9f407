"""Checks of containers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from antiphon_sandbox.api.builtin_checks import (
    PORT_NUMBERS,
    PORT_RANGE,
    PROTOCOLS,
    duplicate,
    duplicates,
    forbidden,
    label_problem,
    not_found,
    not_negative,
    one_of,
    port_name_problems,
    port_or_name,
    problem,
    required,
    unsupported,
)
from antiphon_sandbox.api.builtin_environment import environment
from antiphon_sandbox.api.builtin_resources import container_resources
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_ONLY_RESTARTABLE = "may not be set for init containers without restartPolicy=Always"


def containers(spec: Obj, path: str) -> Iterator[Cause]:
    """Those of all kinds; their names differ."""
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    if not spec.get("containers"):
        yield required(f"{path}.containers")
    names: set[str] = set()
    for group in ("containers", "initContainers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            field = f"{path}.{group}[{index}]"
            yield from _container(container, field, volumes)
            if container["name"] in names:
                yield duplicate(container["name"], f"{field}.name")
            names.add(container["name"])
            if group == "initContainers":
                yield from _init_container(container, field)
            elif group == "ephemeralContainers":
                yield from _ephemeral_container(container, field)


def _container(container: Obj, path: str, volumes: set[Any]) -> Iterator[Cause]:
    name = container["name"]
    yield from problem(name, label_problem(name), f"{path}.name") if name else (required(f"{path}.name"),)
    yield from _image(container, path)
    if ports := container.get("ports"):
        yield from _ports(ports, f"{path}.ports")
    yield from environment(container, path)
    if mounts := container.get("volumeMounts"):
        yield from _mounts(mounts, f"{path}.volumeMounts", volumes)
    if resources := container.get("resources"):
        yield from container_resources(resources, f"{path}.resources")
    for probe in _PROBES:
        if probe in container:
            yield from _probe(container[probe], f"{path}.{probe}", probe)
    for hook, handler in (container.get("lifecycle") or {}).items():
        if isinstance(handler, dict):
            yield from _handler(handler, f"{path}.lifecycle.{hook}")


def _image(container: Obj, path: str) -> Iterator[Cause]:
    image = container.get("image", "")
    if not image:
        yield required(f"{path}.image")
    elif image != image.strip():
        yield invalid(image, "must not have leading or trailing whitespace", f"{path}.image")
    yield from one_of(container["imagePullPolicy"], PULL_POLICIES, f"{path}.imagePullPolicy")
    policy = container["terminationMessagePolicy"]
    yield from one_of(policy, _MESSAGE_POLICIES, f"{path}.terminationMessagePolicy")


def _ports(ports: list[Obj], path: str) -> Iterator[Cause]:
    for index, port in enumerate(ports):
        field = f"{path}[{index}]"
        if "name" in port:
            for says in port_name_problems(port["name"]):
                yield invalid(port["name"], says, f"{field}.name")
        if not port["containerPort"]:
            yield required(f"{field}.containerPort")
        elif port["containerPort"] not in PORT_NUMBERS:
            yield invalid(port["containerPort"], PORT_RANGE, f"{field}.containerPort")
        if port.get("hostPort") and port["hostPort"] not in PORT_NUMBERS:
            yield invalid(port["hostPort"], PORT_RANGE, f"{field}.hostPort")
        yield from one_of(port["protocol"], PROTOCOLS, f"{field}.protocol")
    named = [(index, port["name"]) for index, port in enumerate(ports) if "name" in port]
    yield from duplicates((name for _, name in named), (f"{path}[{index}].name" for index, _ in named))


def _mounts(mounts: list[Obj], path: str, volumes: set[Any]) -> Iterator[Cause]:
    places = set()
    for index, mount in enumerate(mounts):
        field, name, place = f"{path}[{index}]", mount["name"], mount["mountPath"]
        if not name:
            yield required(f"{field}.name")
        elif name not in volumes:
            yield not_found(name, f"{field}.name")
        if not place:
            yield required(f"{field}.mountPath")
        elif place in places:
            yield invalid(place, "must be unique", f"{field}.mountPath")
        places.add(place)
        yield from _sub_path(mount, field)


def _sub_path(mount: Obj, path: str) -> Iterator[Cause]:
    for name in ("subPath", "subPathExpr"):
        below = mount.get(name, "")
        if below.startswith("/"):
            yield invalid(below, "must be a relative path", f"{path}.{name}")
        if ".." in below.split("/"):
            yield invalid(below, "must not contain '..'", f"{path}.{name}")


def _probe(probe: Obj, path: str, name: str) -> Iterator[Cause]:
    yield from _handler(probe, path)
    yield from not_negative(probe, _PROBE_NUMBERS, path)
    if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        yield invalid(probe["successThreshold"], "must be 1", f"{path}.successThreshold")
    if probe.get("terminationGracePeriodSeconds", 1) <= 0:
        says = "must be greater than 0"
        yield invalid(probe["terminationGracePeriodSeconds"], says, f"{path}.terminationGracePeriodSeconds")


def _handler(handler: Obj, path: str) -> Iterator[Cause]:
    """Just one way to ask or tell a container."""
    kinds = [kind for kind in _HANDLERS if kind in handler]
    if not kinds:
        yield required(path, "must specify a handler type")
        return
    for kind in kinds[1:]:
        yield forbidden("may not specify more than 1 handler type", f"{path}.{kind}")
    kind, action = kinds[0], handler[kinds[0]]
    if kind == "exec" and not action.get("command"):
        yield required(f"{path}.exec.command")
    elif kind in ("httpGet", "tcpSocket"):
        yield from port_or_name(action.get("port"), f"{path}.{kind}.port")
        if action.get("scheme", "HTTP") not in ("HTTP", "HTTPS"):
            yield unsupported(action["scheme"], ("HTTP", "HTTPS"), f"{path}.{kind}.scheme")
        yield from _headers(action, f"{path}.{kind}")
    elif kind == "grpc" and action["port"] not in PORT_NUMBERS:
        yield invalid(action["port"], PORT_RANGE, f"{path}.grpc.port")


def _headers(action: Obj, path: str) -> Iterator[Cause]:
    for index, header in enumerate(action.get("httpHeaders") or ()):
        if not re.fullmatch(r"[-A-Za-z0-9]+", header["name"]):
            says = (
                "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
                "validation is '[-A-Za-z0-9]+')"
            )
            yield invalid(header["name"], says, f"{path}.httpHeaders[{index}].name")


def _init_container(container: Obj, path: str) -> Iterator[Cause]:
    policy = container.get("restartPolicy")
    if policy == "Always":
        return
    if policy is not None:
        yield unsupported(policy, ("Always",), f"{path}.restartPolicy")
    for name in ("lifecycle", *_PROBES):
        if name in container:
            yield forbidden(_ONLY_RESTARTABLE, f"{path}.{name}")


def _ephemeral_container(container: Obj, path: str) -> Iterator[Cause]:
    for name in ("lifecycle", *_PROBES, "ports", "resources"):
        if container.get(name):
            yield forbidden("cannot be set for an Ephemeral Container", f"{path}.{name}")
