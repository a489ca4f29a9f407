"""Whether an object may be stored: its metadata, its schema, its rules, and what else its kind asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from antiphon_sandbox.api import builtin_validation, crd_validation, crds, names
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.errors import invalid
from antiphon_sandbox.api.resources import Registry, Resource
from antiphon_sandbox.api.rules import Rules
from antiphon_sandbox.api.schema import META
from antiphon_sandbox.api.schema_checks import invalid as invalid_value
from antiphon_sandbox.api.schema_checks import json_type
from antiphon_sandbox.api.schema_validation import blocks_rules, duplicates, validate
from antiphon_sandbox.objects import Obj, walk

_NOT_CHECKED = Cause(
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
    "<nil>",
)
_INT32 = range(-(2**31), 2**31)


class Validator:
    """Holds objects against their kinds."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._rules: dict[Resource, Rules] = {}

    def check(
        self, resource: Resource, obj: Obj, old: Obj | None, generated: bool = False, subresource: str = ""
    ) -> None:
        """ApiError 422 with everything that is wrong."""
        causes = list(names.metadata_causes(resource.name, obj, generated))
        if old is not None:
            causes += _metadata_changes(obj, old, resource.custom)
        if resource.custom:
            causes += self._custom_causes(resource, obj, old)
        else:
            causes += builtin_validation.validate(resource.name, obj, old, subresource)
            if resource.kind == "CustomResourceDefinition" and not causes:
                causes += crd_validation.causes(obj, old, self._registry)
        if causes:
            raise invalid(resource, obj["metadata"].get("name", ""), causes)

    def _custom_causes(self, resource: Resource, obj: Obj, old: Obj | None) -> list[Cause]:
        causes = []
        for name, part in obj.items():
            if name not in META and (schema := resource.schema.child(name)) is not None:
                causes += validate(schema, part, name)
        causes += [
            Cause("FieldValueRequired", "Required value", name) for name in resource.schema.required if name not in obj
        ]
        if old is not None:
            causes = [cause for cause in causes if not _unchanged(cause.field, obj, old)]
        rules = self._rules_of(resource)
        scale = list(_scale_causes(resource, obj))
        repeated = [
            cause
            for name, part in obj.items()
            if name not in META and (schema := resource.schema.child(name)) is not None
            for cause in duplicates(schema, part, name)
        ]
        if rules and blocks_rules(causes):
            return [*causes, *repeated, *scale, _NOT_CHECKED]
        return [*causes, *repeated, *scale, *rules.broken(obj, old)]

    def _rules_of(self, resource: Resource) -> Rules:
        rules = self._rules.get(resource)
        if rules is None:
            rules = self._rules[resource] = crds.rules_of(resource)
        return rules

    def forget(self, resource_name: str) -> None:
        """The kind is defined anew."""
        self._rules = {resource: rules for resource, rules in self._rules.items() if resource.name != resource_name}


def _metadata_changes(obj: Obj, old: Obj, custom: bool) -> Iterator[Cause]:
    """A dying object gets no new finalizers."""
    if "deletionTimestamp" not in old["metadata"]:
        return
    before = set(old["metadata"].get("finalizers") or ())
    new = [name for name in obj["metadata"].get("finalizers") or () if name not in before]
    if new:
        listed = ", ".join(f'"{name}"' for name in new)
        message = (
            "Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}"
        )
        cause = Cause("FieldValueForbidden", message, "metadata.finalizers")
        yield from [cause] * (2 if custom else 1)  # as upstream does


def _scale_causes(resource: Resource, obj: Obj) -> Iterator[Cause]:
    """What the scale subresource could not show."""
    if resource.scale is None:
        return
    path = "." + ".".join(resource.scale.spec)
    value = walk(obj, *resource.scale.spec)
    if value is None:
        return
    if type(value) is not int:
        shown = {"string": "string", "number": "float64", "boolean": "bool"}.get(json_type(value), json_type(value))
        yield invalid_value(
            0, f"{path} accessor error: {_go_value(value)} is of the type {shown}, expected int64", path
        )
    elif value < 0:
        yield invalid_value(value, "should be a non-negative integer", path)
    elif value not in _INT32:
        yield invalid_value(value, f"should be less than or equal to {2**31 - 1}", path)


def _go_value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unchanged(field: str, obj: Obj, old: Obj) -> bool:
    """What was wrong before and stays as it was is let pass, as upstream does (ratcheting)."""
    steps = field.replace("[", ".").replace("]", "").split(".")
    new_value, old_value = _below(obj, steps), _below(old, steps)
    return new_value is not None and new_value == old_value


def _below(value: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(value, list):
            value = value[int(step)] if step.isdecimal() and int(step) < len(value) else None
        else:
            value = walk(value, step)
    return value
