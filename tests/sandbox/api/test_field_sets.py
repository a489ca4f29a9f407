"""Sets of fields obey the laws of sets, and their wire form loses nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from small_kinds import SCHEMA, specs

from antiphon_sandbox.api import field_sets
from antiphon_sandbox.api.field_sets import FieldSet, difference, from_wire, intersection, to_wire, union
from antiphon_sandbox.api.schema import Schema

SPEC = SCHEMA.child("spec")


def members(fields: FieldSet) -> set[str]:
    return set(field_sets.paths(fields))


def _node(children: Any) -> Any:
    named = st.dictionaries(
        st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"']), children, min_size=1, max_size=3
    )
    return st.one_of(named, named.map(lambda node: {".": {}, **node}))


any_set: Any = st.recursive(st.just({".": {}}), _node, max_leaves=8).filter(lambda fields: "." not in fields)


@settings(max_examples=50)
@given(any_set, any_set)
def test_a_union_has_what_is_in_either(one: FieldSet, other: FieldSet) -> None:
    assert members(union(one, other)) == members(one) | members(other)


@settings(max_examples=50)
@given(any_set, any_set)
def test_an_intersection_has_what_is_in_both(one: FieldSet, other: FieldSet) -> None:
    assert members(intersection(one, other)) == members(one) & members(other)


@settings(max_examples=50)
@given(any_set, any_set)
def test_a_difference_has_what_is_only_in_the_one(one: FieldSet, other: FieldSet) -> None:
    assert members(difference(one, other)) == members(one) - members(other)


@given(any_set)
def test_the_wire_form_loses_nothing(fields: FieldSet) -> None:
    assert from_wire(to_wire(fields)) == fields


@settings(max_examples=50)
@given(any_set, any_set)
def test_nobody_changes_what_it_is_given(one: FieldSet, other: FieldSet) -> None:
    before = to_wire(one), to_wire(other)
    union(one, other), intersection(one, other), difference(one, other)
    assert (to_wire(one), to_wire(other)) == before


@given(specs)
def test_comparing_a_value_with_itself_finds_nothing(spec: Any) -> None:
    assert field_sets.compare(SPEC, spec, spec) == ({}, {})


@given(specs, specs)
def test_what_came_one_way_went_the_other(old: Any, new: Any) -> None:
    """A field whose value changed is among the changed both ways; what is only in one came, and went."""
    there, went = field_sets.compare(SPEC, old, new)
    back, came = field_sets.compare(SPEC, new, old)
    assert members(went) <= members(back)
    assert members(came) <= members(there)


@given(specs)
def test_what_is_declared_is_part_of_everything_there_is(spec: Any) -> None:
    assert members(field_sets.declared(SPEC, spec)) <= members(field_sets.everything(SPEC, spec))


def test_how_fields_items_and_values_are_written() -> None:
    spec = {"items": [{"name": "a", "count": 1}], "tags": ["x"], "args": ["p"], "atom": {"a": 1}, "labels": {"k": "v"}}
    assert to_wire(field_sets.declared(SPEC, spec)) == {
        "f:items": {'k:{"name":"a"}': {".": {}, "f:count": {}, "f:name": {}}},
        "f:tags": {'v:"x"': {}},
        "f:args": {},
        "f:atom": {},
        "f:labels": {"f:k": {}},
    }


def test_a_new_map_and_a_new_list_are_members_themselves() -> None:
    changed, removed = field_sets.compare(SPEC, {}, {"items": [{"name": "a"}], "labels": {}})
    assert to_wire(changed) == {"f:items": {".": {}, 'k:{"name":"a"}': {".": {}, "f:name": {}}}, "f:labels": {}}
    assert removed == {}


def test_a_key_with_a_default_may_be_left_out() -> None:
    port = {"type": "object", "properties": {"port": {"type": "integer"}, "protocol": {"default": "TCP"}}}
    ports = Schema(
        {
            "type": "array",
            "items": port,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
        }
    )
    assert field_sets.element_of(ports, {"port": 1}) == 'k:{"port":1,"protocol":"TCP"}'


def test_null_beside_a_map_is_an_empty_one() -> None:
    assert field_sets.compare(SPEC, {"labels": None}, {"labels": {"a": "x"}}) == ({"f:labels": {"f:a": {".": {}}}}, {})


def test_paths_read_as_conflicts_do() -> None:
    fields = from_wire({"f:spec": {"f:z": {}, "f:items": {'k:{"name":"a"}': {"f:count": {}}}, "f:tags": {'v:"x"': {}}}})
    assert list(field_sets.paths(fields)) == [".spec.z", '.spec.items[name="a"].count', '.spec.tags[="x"]']
