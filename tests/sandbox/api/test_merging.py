"""What is applied is laid over what there is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from small_kinds import SCHEMA, specs

from antiphon_sandbox.api import field_sets
from antiphon_sandbox.api.merging import merge, withdraw

SPEC = SCHEMA.child("spec")


def without(value: Any, gone: Any, kept: Any, emptied_is_null: bool = False) -> Any:
    """The value without what is declared by `gone` and not by `kept`."""
    owned = field_sets.declared(SPEC, kept)
    lost = field_sets.difference(field_sets.declared(SPEC, gone), owned)
    return withdraw(SPEC, value, lost, owned, emptied_is_null)


@given(specs, specs)
def test_merging_twice_is_merging_once(live: Any, applied: Any) -> None:
    once = merge(SPEC, live, applied)
    assert merge(SPEC, once, applied) == once


@given(specs)
def test_a_value_is_neutral_to_itself_and_to_nothing(spec: Any) -> None:
    assert merge(SPEC, spec, spec) == spec
    assert merge(SPEC, spec, {}) == spec
    assert merge(SPEC, {}, spec) == spec


@given(specs, specs)
def test_all_that_is_applied_is_there(live: Any, applied: Any) -> None:
    declared = set(field_sets.paths(field_sets.declared(SPEC, applied)))
    there = set(field_sets.paths(field_sets.everything(SPEC, merge(SPEC, live, applied))))
    assert declared <= there


@given(specs, specs)
def test_merging_changes_neither(live: Any, applied: Any) -> None:
    before = str(live), str(applied)
    merge(SPEC, live, applied)
    assert (str(live), str(applied)) == before


def test_items_come_in_the_order_of_the_applied_and_others_keep_their_place() -> None:
    live = {"items": [{"name": "a"}, {"name": "z"}, {"name": "b"}]}
    merged = merge(SPEC, live, {"items": [{"name": "b", "count": 1}, {"name": "c"}, {"name": "a"}]})
    assert [item["name"] for item in merged["items"]] == ["b", "c", "a", "z"]


def test_sets_grow_lists_and_atomic_maps_are_replaced() -> None:
    live = {"tags": ["x"], "args": ["1", "2"], "atom": {"a": 1}}
    merged = merge(SPEC, live, {"tags": ["y"], "args": ["3"], "atom": {"b": "c"}})
    assert merged == {"tags": ["x", "y"], "args": ["3"], "atom": {"b": "c"}}


def test_null_lays_nothing_over_what_is_in_a_map() -> None:
    assert merge(SPEC, {"labels": {"a": "x"}}, {"labels": None}) == {"labels": {"a": "x"}}
    assert merge(SPEC, {"size": 1}, {"size": None}) == {"size": None}


@given(specs)
def test_what_nobody_declares_any_more_goes(spec: Any) -> None:
    """But for empty lists, of which nobody has said anything."""
    assert (without(spec, gone=spec, kept={}) or {}) == {name: value for name, value in spec.items() if value == []}


@given(specs, specs)
def test_what_is_still_declared_stays(one: Any, other: Any) -> None:
    live = merge(SPEC, one, other)
    left = without(live, gone=one, kept=other, emptied_is_null=True)
    declared = set(field_sets.paths(field_sets.declared(SPEC, other)))
    assert declared <= set(field_sets.paths(field_sets.everything(SPEC, left or {})))


def test_a_map_that_is_emptied_but_declared_is_null_in_custom_kinds() -> None:
    live = {"labels": {"a": "x"}, "size": 1}
    assert without(live, gone={"labels": {"a": "x"}}, kept={"labels": {}}, emptied_is_null=True)["labels"] is None
    assert without(live, gone={"labels": {"a": "x"}}, kept={"labels": {}}) == {"size": 1}
