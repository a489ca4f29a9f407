"""What may be a name, a label or an annotation; and the metadata of every object held against that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema_checks import quoted
from antiphon_sandbox.objects import Obj

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_SAYS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_SAYS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035_SAYS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end "
    "with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_QUALIFIED_SAYS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_VALUE_SAYS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_ANNOTATIONS_MOST_BYTES = 256 * 1024
_LABEL_NAMES = frozenset({"namespaces"})
_LABEL_1035_NAMES = frozenset({"services"})
_FREE_NAMES = frozenset(
    f"{plural}.rbac.authorization.k8s.io" for plural in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
)


def name_problem(resource: str, name: str) -> str | None:
    """Why it is no name for an object of that resource."""
    if resource in _FREE_NAMES:
        return None if name not in (".", "..") and not set("/%") & set(name) else "may not contain '/' or '%'"
    if resource in _LABEL_NAMES:
        return _problem(name, _LABEL, _LABEL_SAYS, 63)
    if resource in _LABEL_1035_NAMES:
        return _problem(name, _LABEL_1035, _LABEL_1035_SAYS, 63)
    return _problem(name, _SUBDOMAIN, _SUBDOMAIN_SAYS, 253)


def _problem(text: str, pattern: re.Pattern[str], says: str, most: int) -> str | None:
    if len(text) > most:
        return f"must be no more than {most} bytes"
    return None if pattern.fullmatch(text) else says


def subdomain_problem(name: str) -> str | None:
    return _problem(name, _SUBDOMAIN, _SUBDOMAIN_SAYS, 253)


def label_1035_problem(name: str) -> str | None:
    return _problem(name, _LABEL_1035, _LABEL_1035_SAYS, 63)


def label_key_problem(key: str) -> str | None:
    prefix, slash, name = key.rpartition("/")
    if slash and (not prefix or _problem(prefix, _SUBDOMAIN, _SUBDOMAIN_SAYS, 253)):
        return f"prefix part {_SUBDOMAIN_SAYS}" if prefix else "prefix part must be non-empty"
    if not name:
        return f"name part must be non-empty; {_QUALIFIED_SAYS}"
    return _problem(name, _QUALIFIED, _QUALIFIED_SAYS, 63)


def label_value_problem(value: str) -> str | None:
    return _problem(value, _VALUE, _VALUE_SAYS, 63)


def metadata_causes(resource: str, obj: Obj, generated: bool) -> Iterator[Cause]:
    """What is wrong with an object's metadata. A generated name is well formed when its beginning is."""
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    if generated and len(name) > 5 and (problem := name_problem(resource, name)):
        yield _invalid(metadata["generateName"], problem, "metadata.generateName")
    elif problem := name_problem(resource, name):
        yield _invalid(name, problem, "metadata.name")
    yield from _label_causes(metadata.get("labels") or {})
    yield from _annotation_causes(metadata.get("annotations") or {})
    for finalizer in metadata.get("finalizers") or ():
        if problem := label_key_problem(finalizer):
            yield _invalid(finalizer, problem, "metadata.finalizers")
    yield from _owner_causes(metadata.get("ownerReferences") or [])


def _label_causes(labels: dict[str, str]) -> Iterator[Cause]:
    for key, value in labels.items():
        if problem := label_key_problem(key):
            yield _invalid(key, problem, "metadata.labels")
        if problem := label_value_problem(value):
            yield _invalid(value, problem, "metadata.labels")


def _annotation_causes(annotations: dict[str, str]) -> Iterator[Cause]:
    for key in annotations:
        if problem := label_key_problem(key.lower()):
            yield _invalid(key, problem, "metadata.annotations")
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_MOST_BYTES:
        message = f"Too long: may not be more than {_ANNOTATIONS_MOST_BYTES} bytes"
        yield Cause("FieldValueTooLong", message, "metadata.annotations")


def _owner_causes(owners: list[Any]) -> Iterator[Cause]:
    for owner in owners:
        if not owner.get("apiVersion") or owner["apiVersion"].count("/") > 1:
            says = "version must not be empty"
            yield _invalid(owner.get("apiVersion", ""), says, "metadata.ownerReferences.apiVersion")
        for name in ("kind", "name", "uid"):
            if not owner.get(name):
                yield _invalid(owner.get(name, ""), "must not be empty", f"metadata.ownerReferences.{name}")
        if (owner.get("apiVersion"), owner.get("kind")) == ("v1", "Event"):
            says = "/v1, Kind=Event is disallowed from being an owner"
            yield _invalid(owner, says, "metadata.ownerReferences")
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        says = "Only one reference can have Controller set to true"
        yield _invalid(owners, says, "metadata.ownerReferences")


def _invalid(value: Any, problem: str, field: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {quoted(value)}: {problem}", field)
