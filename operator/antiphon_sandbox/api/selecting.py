"""Label and field selectors as they stand in a query."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from antiphon_sandbox.api.errors import bad_request
from antiphon_sandbox.api.names import label_key_problem, label_value_problem
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj, expression_matches, labels_of, walk

Matches = Callable[[Obj], bool]

_TOKEN = re.compile(r"\s*(==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+)")
_SIGNS = frozenset({"", "==", "!=", "=", "!", "(", ")", ",", "<", ">"})
_COMPARISONS = {">": "Gt", "<": "Lt"}
_COMMON_FIELDS = ("metadata.name", "metadata.namespace")
_MORE_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "jobs.batch": ("status.successful",),
    "replicasets.apps": ("status.replicas",),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


@dataclass(frozen=True)
class Selector:
    """Both kinds together."""

    labels: tuple[dict[str, Any], ...] = ()
    fields: tuple[tuple[tuple[str, ...], bool, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.labels or self.fields)

    def matches(self, obj: Obj) -> bool:
        if self.labels:
            labels = labels_of(obj)
            if not all(expression_matches(requirement, labels) for requirement in self.labels):
                return False
        return all((_text(walk(obj, *path)) == wanted) == equal for path, equal, wanted in self.fields)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def parse(resource: str, labels: str, fields: str, more_fields: tuple[str, ...] | None = None) -> Selector:
    """From the query; ApiError 400 says what is wrong with it. A custom kind says which more fields it has."""
    return Selector(tuple(_LabelParser(labels).requirements()), tuple(_fields(resource, fields, more_fields)))


def _fields(resource: str, text: str, more: tuple[str, ...] | None) -> list[tuple[tuple[str, ...], bool, str]]:
    own = _MORE_FIELDS.get(resource) if more is None else more
    known = (*_COMMON_FIELDS, *(own or ()))
    found = []
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!]*)(==|!=|=)(.*)", part.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        if not match[1] and not match[3]:
            continue
        if match[1] not in known:
            raise _unknown_field(match[1], own is not None)
        found.append((tuple(match[1].split(".")), match[2] != "!=", match[3]))
    return found


def _unknown_field(field: str, has_more: bool) -> ApiError:
    if has_more:
        return bad_request(f"field label not supported: {field}")
    listed = ", ".join(f'"{name}"' for name in _COMMON_FIELDS)
    return bad_request(f'"{field}" is not a known field selector: only {listed}')


class _LabelParser:
    """`a=b,c!=d,e in (f,g),!h`, one token at a time."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def requirements(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while self._tokens:
            if self._peek() in _SIGNS - {"!"}:
                after = "identifier after ','" if found else "!, identifier, or 'end of string'"
                raise bad_request(f"found '{self._peek()}', expected: {after}")
            found.append(self._requirement())
            if self._at == len(self._tokens):
                break
            if (token := self._next()) != ",":
                raise bad_request(f"found '{token}', expected: ',' or 'end of string'")
        return found

    def _next(self) -> str:
        self._at += 1
        return str(self._tokens[self._at - 1]) if self._at <= len(self._tokens) else ""

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _requirement(self) -> dict[str, Any]:
        if self._peek() == "!":
            self._next()
            return {"key": self._key(), "operator": "DoesNotExist"}
        key = self._key()
        match self._peek():
            case "" | ",":
                return {"key": key, "operator": "Exists"}
            case "=" | "==" | "!=" as sign:
                self._next()
                return {"key": key, "operator": "NotIn" if sign == "!=" else "In", "values": [self._value()]}
            case "in" | "notin" as word:
                self._next()
                return {"key": key, "operator": "In" if word == "in" else "NotIn", "values": self._values()}
            case ">" | "<" as sign:
                self._next()
                return {"key": key, "operator": _COMPARISONS[sign], "values": [self._number()]}
            case other:
                raise _unparsable(f"found '{other}', expected: in, notin, =, ==, !=, gt, lt")

    def _key(self) -> str:
        key = self._next()
        if key in _SIGNS:
            raise _unparsable(f"found '{key}', expected: identifier")
        if problem := label_key_problem(key):
            raise _unparsable(f'invalid label key "{key}": {problem}')
        return key

    def _value(self) -> str:
        value = "" if self._peek() in ("", ",") else self._next()
        if problem := label_value_problem(value):
            raise _unparsable(f'invalid label value: "{value}": {problem}')
        return value

    def _number(self) -> str:
        value = self._next()
        if not value.lstrip("-").isdecimal():
            raise _unparsable(f"for 'Gt', 'Lt' operators, the value must be an integer: {value!r}")
        return value

    def _values(self) -> list[str]:
        if (token := self._next()) != "(":
            raise _unparsable(f"found '{token}' expected: '('")
        values: list[str] = []
        while True:
            word = self._next()
            if word == ")":
                return values or [""]
            if word in ("", "(", "=", "==", "!=", "!"):
                raise _unparsable(f"found '{word}', expected: ',', ')' or identifier")
            if word != ",":
                values.append(word)


def _unparsable(why: str) -> ApiError:
    return bad_request(f"unable to parse requirement: {why}")
