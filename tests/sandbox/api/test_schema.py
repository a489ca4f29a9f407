"""Unknown fields go, defaults come, and what does not fit is told."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from small_kinds import SCHEMA, SPEC, specs

from antiphon_sandbox.api import pruning
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.api.schema_validation import duplicates, validate


def spec_schema() -> Schema:
    found = SCHEMA.child("spec")
    assert found is not None
    return found


def said(schema: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    return [(cause.field, cause.message) for cause in validate(Schema(schema), value, "x")]


# --- unknown fields and defaults -----------------------------------------------------------------------------------


def test_unknown_fields_are_dropped_and_told_of() -> None:
    value = {"size": 1, "bogus": 1, "items": [{"name": "a", "z": 1}], "nested": {"k": {"zz": 1}}, "open": {"any": 1}}
    dropped: list[str] = []
    pruning.prune(spec_schema(), value, "spec", dropped)
    assert sorted(dropped) == ["spec.bogus", "spec.items[0].z", "spec.nested.k.zz"]
    assert value == {"size": 1, "items": [{"name": "a"}], "nested": {"k": {}}, "open": {"any": 1}}


@given(specs)
def test_of_what_fits_nothing_is_dropped(spec: Any) -> None:
    dropped: list[str] = []
    pruning.prune(spec_schema(), spec, "", dropped)
    assert dropped == []


@given(specs)
def test_defaults_are_set_once(spec: Any) -> None:
    pruning.set_defaults(spec_schema(), spec)
    once = copy.deepcopy(spec)
    pruning.set_defaults(spec_schema(), spec)
    assert spec == once
    assert spec["mode"] in ("fast", "slow")


def test_defaults_reach_into_items_and_are_not_set_over_nulls_that_may_be() -> None:
    value: dict[str, Any] = {"items": [{"name": "a"}], "note": None, "mode": None, "labels": None}
    pruning.set_defaults(spec_schema(), value)
    assert value == {"items": [{"name": "a", "value": "v"}], "note": None, "mode": "fast"}


def test_a_default_is_complete_down_to_the_last_one() -> None:
    inner = {"type": "object", "properties": {"deep": {"type": "integer", "default": 3}}}
    schema = Schema({"type": "object", "properties": {"a": {**inner, "default": {}}}})
    value: dict[str, Any] = {}
    pruning.set_defaults(schema, value)
    assert value == {"a": {"deep": 3}}


def test_nulls_of_what_is_applied_may_be_kept() -> None:
    value: dict[str, Any] = {"labels": None}
    pruning.set_defaults(spec_schema(), value, keep_nulls=True)
    assert value == {"labels": None, "mode": "fast"}


# --- what does not fit ---------------------------------------------------------------------------------------------


@given(specs)
def test_what_fits_is_let_pass(spec: Any) -> None:
    assert validate(spec_schema(), spec) == []
    assert list(duplicates(spec_schema(), spec)) == []


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        ({"type": "integer", "minimum": 1}, 0, "Invalid value: 0: x in body should be greater than or equal to 1"),
        (
            {"type": "integer", "maximum": 1, "exclusiveMaximum": True},
            1,
            "Invalid value: 1: x in body should be less than 1",
        ),
        ({"type": "number", "multipleOf": 0.5}, 0.3, "Invalid value: 0.3: x in body should be a multiple of 0.5"),
        ({"type": "string", "maxLength": 1}, "ab", "Too long: may not be more than 1 bytes"),
        ({"type": "string", "minLength": 2}, "a", 'Invalid value: "a": x in body should be at least 2 chars long'),
        ({"type": "string", "pattern": "^a$"}, "a\n", "Invalid value: \"a\\n\": x in body should match '^a$'"),
        ({"type": "string", "enum": ["a"]}, "b", 'Unsupported value: "b": supported values: "a"'),
        ({"type": "array", "maxItems": 1}, [1, 2], "Too many: 2: must have at most 1 item"),
        ({"type": "array", "minItems": 1}, [], "Invalid value: 0: x in body should have at least 1 items"),
        ({"type": "object", "maxProperties": 0}, {"a": 1}, "Too many: 1: must have at most 0 items"),
        ({"type": "object", "minProperties": 1}, {}, "Invalid value: 0: x in body should have at least 1 properties"),
        ({"type": "string"}, 1, 'Invalid value: "integer": x in body must be of type string: "integer"'),
        (
            {"type": "string", "format": "date-time"},
            "y",
            'Invalid value: "y": x in body must be of type date-time: "y"',
        ),
    ],
)
def test_what_does_not_fit_is_told_in_upstreams_words(schema: dict[str, Any], value: Any, message: str) -> None:
    assert said(schema, value) == [("x", message)]


def test_of_a_text_only_the_first_problem_is_told() -> None:
    schema = {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"}
    assert len(said(schema, "A")) == 1


def test_required_fields_and_types_below_are_told_by_path() -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"b": {"type": "array", "items": {"type": "string"}}}}
    assert [field for field, _ in said(schema, {"b": ["ok", 1]})] == ["x.a", "x.b[1]"]


@pytest.mark.parametrize(
    ("junctors", "value", "first"),
    [
        ({"anyOf": [{"maxLength": 1}, {"pattern": "^x"}]}, "ab", '"x" must validate at least one schema (anyOf)'),
        ({"oneOf": [{"maxLength": 2}, {"pattern": "^a"}]}, "ab", "one schema (oneOf). Found 2 valid alternatives"),
        ({"oneOf": [{"maxLength": 1}]}, "ab", "one schema (oneOf). Found none valid"),
        ({"not": {"enum": ["ab"]}}, "ab", '"x" must not validate the schema (not)'),
        ({"allOf": [{"maxLength": 1}]}, "ab", '"x" must validate all the schemas (allOf)'),
    ],
)
def test_junctors(junctors: dict[str, Any], value: str, first: str) -> None:
    field, message = said({"type": "string", **junctors}, value)[0]
    assert field == "<nil>"
    assert message.endswith(first)


@pytest.mark.parametrize("value", [1, "5%", "x"])
def test_whole_or_text(value: Any) -> None:
    assert said({"x-kubernetes-int-or-string": True}, value) == []


def test_a_number_out_of_its_format() -> None:
    assert said({"type": "integer", "format": "int32"}, 2**31)[0][1].endswith("type integer with format int32 in x")


def test_sets_and_keyed_lists_have_distinct_items() -> None:
    value = {"tags": ["a", "a"], "items": [{"name": "n"}, {"name": "m"}, {"name": "n"}]}
    assert [(cause.field, cause.message) for cause in duplicates(spec_schema(), value, "spec")] == [
        ("spec.tags[1]", 'Duplicate value: "a"'),
        ("spec.items[2]", 'Duplicate value: {"name":"n"}'),
    ]


def test_what_is_null_where_it_may_be() -> None:
    assert said(SPEC["properties"]["note"], None) == []
