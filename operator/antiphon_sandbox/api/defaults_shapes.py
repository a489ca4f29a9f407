"""What becomes of an object when a Go server reads and writes it: empty fields go, structs are always there."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from antiphon_sandbox import upstream
from antiphon_sandbox.objects import Obj
from antiphon_sandbox.quantities import canonical
from antiphon_sandbox.upstream.definitions import REF_PREFIX

_MACHINERY = "io.k8s.apimachinery.pkg."
_QUANTITY = f"{_MACHINERY}api.resource.Quantity"
_LEFT_ALONE = frozenset(
    {
        f"{_MACHINERY}apis.meta.v1.ManagedFieldsEntry",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps",
    }
)

Change = Callable[[Any], Any]
"""Tidies a field's value: in place, returning it, or a new one. A null among items and values is Go's zero value."""


class Shape:
    """One definition, compiled when first needed."""

    __slots__ = ("_always", "_changes", "_name", "_omitted")

    def __init__(self, name: str) -> None:
        self._name = name
        definition = upstream.definition(name)
        properties: Mapping[str, Any] = definition.get("properties") or {}
        omitted_zeros = _omitted_zeros(name)
        required = frozenset(definition.get("required") or ())
        self._omitted = frozenset(
            field
            for field, raw in properties.items()
            if field in omitted_zeros or (field not in required and _is_collection(raw))
        )
        """Left out when empty: collections, and what is no pointer in Go."""
        self._changes: dict[str, Change] = {
            field: change for field, raw in properties.items() if (change := _change_of(raw)) is not None
        }
        self._always: list[tuple[str, Any]] | None = None

    def tidy(self, value: Obj) -> Obj:
        """Changes the value, and returns it. ValueError when there is a quantity in it that is none."""
        changes, omitted = self._changes, self._omitted
        gone = []
        for field, below in value.items():
            if not below and (below is None or field in omitted):
                gone.append(field)
            elif (change := changes.get(field)) is not None:
                value[field] = change(below)
        for field in gone:
            del value[field]
        for field, default in self.always:
            if field not in value:
                value[field] = copy.deepcopy(default) if default.__class__ is dict else default
        return value

    @property
    def always(self) -> list[tuple[str, Any]]:
        """Fields that are there in any case, and what they are at least."""
        if self._always is None:
            properties = upstream.definition(self._name).get("properties") or {}
            self._always = [
                (field, _least(raw))
                for field, raw in properties.items()
                if "default" in raw and field not in self._omitted
            ]
        return self._always


@cache
def shape_of(definition: str) -> Shape:
    return Shape(definition)


def _omitted_zeros(name: str) -> frozenset[str]:
    message = upstream.protobuf_messages().get(name.replace("io.k8s.", "k8s.io.", 1), {})
    return frozenset(field for field, how, _ in message.values() if how == "z")


def _is_collection(raw: Mapping[str, Any]) -> bool:
    return raw.get("type") == "array" or (raw.get("type") == "object" and "additionalProperties" in raw)


def _reference(raw: Mapping[str, Any]) -> str | None:
    parts = raw.get("allOf") or (raw,)
    reference = parts[0].get("$ref") if len(parts) == 1 else None
    return str(reference).removeprefix(REF_PREFIX) if reference else None


def _change_of(raw: Mapping[str, Any]) -> Change | None:
    if raw.get("type") == "array":
        return _for_items(raw["items"])
    if isinstance(raw.get("additionalProperties"), Mapping):
        return _for_values(raw["additionalProperties"])
    name = _reference(raw)
    if name == _QUANTITY:
        return _canonical
    if name is None or name in _LEFT_ALONE or not upstream.definition(name).get("properties"):
        return None
    return lambda value: shape_of(name).tidy({} if value is None else value)


def _for_items(raw: Mapping[str, Any]) -> Change | None:
    if raw.get("type") == "string":
        return lambda value: ["" if item is None else item for item in value] if None in value else value
    change = _change_of(raw)
    return None if change is None else lambda value: [change(item) for item in value]


def _for_values(raw: Mapping[str, Any]) -> Change | None:
    if raw.get("type") == "string":
        return lambda value: {key: below or "" for key, below in value.items()} if None in value.values() else value
    change = _change_of(raw)
    return None if change is None else lambda value: {key: change(below) for key, below in value.items()}


def _canonical(quantity: Any) -> str:
    """ValueError when it is no quantity."""
    return "0" if quantity is None else canonical(quantity)


def _least(raw: Mapping[str, Any]) -> Any:
    """A default, with the defaults below it."""
    default, name = raw["default"], _reference(raw)
    if name == _QUANTITY:
        return "0"
    if default == {} and name is not None:
        return shape_of(name).tidy({})
    return default
