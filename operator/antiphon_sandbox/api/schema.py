"""A structural schema, compiled once and walked often: what fields there are, and how lists and maps merge."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

Raw = Mapping[str, Any]
Resolve = Callable[[Raw], Raw]
"""From a schema that may be a reference to the schema that is meant."""

META = frozenset({"apiVersion", "kind", "metadata"})
_JUNCTORS = {"allOf", "anyOf", "oneOf", "not"}
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


class Schema:
    """One node. Children are compiled when first asked for: built-in schemas are large and mostly unused."""

    def __init__(self, raw: Raw, resolve: Resolve = lambda raw: raw, bare_is_open: bool = False) -> None:
        self.raw = resolve(raw)
        self.go_name = str(raw.get("$ref", "")).rpartition(".")[2]
        """The name of its structure upstream; empty where it has none."""
        self._resolve = resolve
        self._bare_is_open = bare_is_open = bare_is_open or self.raw is not raw  # what is referred to is built in
        raw = self.raw
        self._children: dict[str, Schema] = {}
        self.properties: Mapping[str, Raw] = raw.get("properties") or {}
        self.type: str | None = raw.get("type")
        self.list_type: str = raw.get("x-kubernetes-list-type", "atomic")
        self.keys: tuple[str, ...] = tuple(raw.get("x-kubernetes-list-map-keys") or ())
        self.merge_key: str | None = raw.get("x-kubernetes-patch-merge-key")
        self.patch_strategy = frozenset((raw.get("x-kubernetes-patch-strategy") or "").split(","))
        self.atomic = raw.get("x-kubernetes-map-type") == "atomic"
        self.required: tuple[str, ...] = tuple(raw.get("required") or ())
        self.has_junctors = not _JUNCTORS.isdisjoint(raw)
        bare = not self.properties and "additionalProperties" not in raw
        self.open = bool(raw.get("x-kubernetes-preserve-unknown-fields")) or (bare and bare_is_open)
        """Fields that are not declared are kept. A bare object is so in built-in kinds, not in custom ones."""
        self.checks: Any = None
        """Left to the validation, which chooses them when first asked."""
        self.default_fields: dict[str, Any] = {}
        """Left to the management of fields, which remembers those of defaults here."""

    def _below(self, raw: Raw) -> Schema:
        return Schema(raw, self._resolve, self._bare_is_open)

    def child(self, name: str) -> Schema | None:
        """The schema of a map's value: a declared field, or any value of a map."""
        try:
            return self._children[name]
        except KeyError:
            pass
        if name not in self.properties:
            return self.values
        found = self._children[name] = self._below(self.properties[name])
        return found

    @cached_property
    def values(self) -> Schema | None:
        """The schema of the values of fields that are not declared."""
        raw = self.raw.get("additionalProperties")
        return self._below(raw) if isinstance(raw, Mapping) else None

    @cached_property
    def items(self) -> Schema | None:
        raw = self.raw.get("items")
        return self._below(raw) if isinstance(raw, Mapping) else None

    def junctor(self, raw: Raw) -> Schema:
        """One part of allOf, anyOf, oneOf or not."""
        return self._below(raw)

    def parts(self) -> Iterator[Schema]:
        """All nodes right below."""
        for name in self.properties:
            if (part := self.child(name)) is not None:
                yield part
        yield from filter(None, (self.items, self.values))

    # --- types and nulls -------------------------------------------------------------------------------------------

    @cached_property
    def python_types(self) -> tuple[type, ...] | None:
        """The types of values that need no closer look; None where anything goes."""
        if self.raw.get("x-kubernetes-int-or-string"):
            return (int, str)
        return _PYTHON_TYPES.get(self.type) if self.type else None

    def is_nullable(self, name: str) -> bool:
        """A null in that field is kept. In open parts everything is."""
        part = self.properties.get(name)
        if part is not None:
            return bool(part.get("nullable"))
        values = self.raw.get("additionalProperties")
        return bool(values.get("nullable")) if isinstance(values, Mapping) else self.open

    # --- defaults --------------------------------------------------------------------------------------------------

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Defaults of the fields, complete down to the last one. They are shared by all objects: never change one."""
        return {
            name: self._completed(name, raw["default"])
            for name, raw in self.properties.items()
            if raw.get("default") is not None
        }

    def is_default(self, name: str, value: Any) -> bool:
        """The very default that was set here: it is complete, and right."""
        return type(value) in (dict, list) and self.defaults.get(name) is value

    def _completed(self, name: str, default: Any) -> Any:
        part = self.child(name)
        return default if part is None else part.completed(copy.deepcopy(default))

    def completed(self, value: Any) -> Any:
        """The value with the defaults of what it lacks."""
        if isinstance(value, dict):
            value = {**value, **{name: default for name, default in self.defaults.items() if name not in value}}
            return {
                name: part.completed(below) if (part := self.child(name)) else below for name, below in value.items()
            }
        if isinstance(value, list) and self.items is not None:
            return [self.items.completed(item) for item in value]
        return value

    # --- lists of things told apart --------------------------------------------------------------------------------

    @cached_property
    def keys_with_default(self) -> dict[str, Any]:
        """Of the fields that tell items apart, those that may be left out."""
        return {key: self.items.defaults[key] for key in self.keys if self.items and key in self.items.defaults}

    def key_of(self, item: Any) -> tuple[Any, ...]:
        """What tells an item of a keyed list from the others."""
        return tuple(item.get(key, self.keys_with_default.get(key)) for key in self.keys)

    @cached_property
    def has_distinct_items(self) -> bool:
        """There is a list here or below whose items must differ. Asked of custom kinds only: built-in ones recur."""
        return self.list_type != "atomic" or any(part.has_distinct_items for part in self.parts())

    @cached_property
    def has_doubles(self) -> bool:
        """A `number` is here or below: whole ones are not whole to CEL. Asked of custom kinds only."""
        return self.type == "number" or any(part.has_doubles for part in self.parts())
