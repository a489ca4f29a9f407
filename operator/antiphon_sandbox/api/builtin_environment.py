"""Checks of the environment of containers, and of what a pod may say of itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from antiphon_sandbox.api.builtin_checks import problem, required, unsupported
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.names import label_key_problem
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj

_NAME = re.compile(r"[ -<>-~]+")
_NAME_SAYS = (
    "a valid environment variable name must consist only of printable ASCII characters other than '=' (e.g. 'my.env-name', "
    "or 'MY_ENV.NAME', or 'MyEnvName1', regex used for validation is '[ -<>-~]+')"
)
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_SAYS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_FILE_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_AMOUNTS = tuple(f"{kind}.{name}" for kind in ("limits", "requests") for name in ("cpu", "ephemeral-storage", "memory"))
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def environment(container: Obj, path: str) -> Iterator[Cause]:
    for index, variable in enumerate(container.get("env") or ()):
        yield from _variable(variable, f"{path}.env[{index}]")
    for index, source in enumerate(container.get("envFrom") or ()):
        yield from _whole_source(source, f"{path}.envFrom[{index}]")


def key_problem(key: str) -> str | None:
    """Why it is no key of a ConfigMap or Secret."""
    if len(key) > 253:
        return "must be no more than 253 bytes"
    if not _KEY.fullmatch(key):
        return _KEY_SAYS
    if key in (".", ".."):
        return f"must not be '{key}'"
    return "must not start with '..'" if key.startswith("..") else None


def _variable(variable: Obj, path: str) -> Iterator[Cause]:
    name = variable["name"]
    if not name:
        yield required(f"{path}.name")
    elif not _NAME.fullmatch(name):
        yield invalid(name, _NAME_SAYS, f"{path}.name")
    if "valueFrom" in variable:
        yield from _value_source(variable, f"{path}.valueFrom")


def _value_source(variable: Obj, path: str) -> Iterator[Cause]:
    source = variable["valueFrom"]
    kinds = [kind for kind in _SOURCES if kind in source]
    if "value" in variable:
        yield invalid("", "may not be specified when `value` is not empty", path)
    if not kinds:
        listed = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        yield invalid("", f"must specify one of: {listed}", path)
    elif len(kinds) > 1:
        yield invalid("", "may not have more than one field specified at a time", path)
    for kind in kinds:
        yield from _named_source(kind, source[kind], f"{path}.{kind}")


def _named_source(kind: str, source: Obj, path: str) -> Iterator[Cause]:
    if kind == "fieldRef":
        yield from field_reference(source, path)
    elif kind == "resourceFieldRef":
        yield from amount_reference(source, path)
    elif kind in ("configMapKeyRef", "secretKeyRef"):
        if not source.get("name"):
            yield required(f"{path}.name")
        if not source["key"]:
            yield required(f"{path}.key")
        else:
            yield from problem(source["key"], key_problem(source["key"]), f"{path}.key")


def field_reference(source: Obj, path: str, in_file: bool = False) -> Iterator[Cause]:
    """A field of the pod that its containers may be told of."""
    field, supported = source["fieldPath"], _FILE_FIELDS if in_file else _FIELDS
    if not field:
        yield required(f"{path}.fieldPath")
    elif subscript := _SUBSCRIPT.fullmatch(field):
        yield from problem(field, label_key_problem(subscript[2].lower()), f"{path}.fieldPath")
    elif field not in supported:
        yield unsupported(field, supported, f"{path}.fieldPath")


def amount_reference(source: Obj, path: str) -> Iterator[Cause]:
    resource = source["resource"]
    if not resource:
        yield required(f"{path}.resource")
    elif resource not in _AMOUNTS and "hugepages-" not in resource:
        yield unsupported(resource, _AMOUNTS, f"{path}.resource")


def _whole_source(source: Obj, path: str) -> Iterator[Cause]:
    kinds = [kind for kind in ("configMapRef", "secretRef") if kind in source]
    if not kinds:
        yield invalid("", "must specify one of: `configMapRef` or `secretRef`", path)
    elif len(kinds) > 1:
        yield invalid("", "may not have more than one field specified at a time", path)
    for kind in kinds:
        if not source[kind].get("name"):
            yield required(f"{path}.{kind}.name")
    prefix = source.get("prefix", "")
    if prefix and not _NAME.fullmatch(prefix):
        yield invalid(prefix, _NAME_SAYS, f"{path}.prefix")
