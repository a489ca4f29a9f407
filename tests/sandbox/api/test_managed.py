"""Who manages what, after any number of writers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from small_kinds import THINGS, api_with_things, applied, config_map, specs, thing

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.managed import shared_wire
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj

API = api_with_things()


def entries(obj: Obj) -> dict[tuple[str, str], Any]:
    """Manager and operation -> fields."""
    return {
        (entry["manager"], entry["operation"]): entry["fieldsV1"]
        for entry in obj["metadata"].get("managedFields") or ()
    }


@pytest.fixture
def api() -> Api:
    return api_with_things()


def _is_hollow(value: Any) -> bool:
    """There is an empty map or list in it."""
    if isinstance(value, list):
        return not value or any(map(_is_hollow, value))
    return isinstance(value, dict) and (not value or any(map(_is_hollow, value.values())))


def fresh() -> None:
    """Nothing of the example before."""
    for obj in API.list(THINGS):
        API.delete(THINGS, "default", obj["metadata"]["name"])


@settings(max_examples=30)
@given(specs)
def test_applying_the_same_twice_changes_nothing(spec: Any) -> None:
    fresh()
    once = applied(API, thing(spec=spec))
    assert applied(API, thing(spec=spec)) is once


@settings(max_examples=30)
@given(specs, specs)
def test_withdrawing_all_leaves_what_the_other_has_declared(one: Any, other: Any) -> None:
    fresh()
    one, other = ({**spec, "size": 1} for spec in (one, other))
    applied(API, thing(spec=other), "other")
    alone = API.get(THINGS, "default", "it")
    applied(API, thing(spec=one), "one", force=True)
    applied(API, thing(spec=other), "other", force=True)
    assume(not _is_hollow(other))  # what is emptied and still declared becomes null, and is refused
    left = applied(API, thing(spec={}), "one")
    assert alone is not None
    assert {name: value for name, value in left["spec"].items() if value not in ([], {})} == {
        name: value for name, value in alone["spec"].items() if value not in ([], {})
    }


@settings(max_examples=30)
@given(specs, specs)
def test_force_leaves_no_field_with_two_minds(one: Any, other: Any) -> None:
    fresh()
    applied(API, thing(spec=one), "one")
    applied(API, thing(spec=other), "other", force=True)
    try:
        applied(API, thing(spec=other), "third")
    except ApiError as error:
        pytest.fail(f"what was applied by force is disputed: {error.message}")


@settings(max_examples=30)
@given(specs)
def test_an_update_is_owned_by_who_made_it(spec: Any) -> None:
    fresh()
    API.create(THINGS, thing(spec=spec))
    assert set(entries(API.list(THINGS)[0])) == {("antiphon-sandbox", "Update")}


def test_a_conflict_names_manager_and_field(api: Api) -> None:
    applied(api, thing(spec={"size": 1, "args": ["x"]}), "one")
    with pytest.raises(ApiError) as refused:
        applied(api, thing(spec={"size": 2, "args": ["y"]}), "two")
    error = refused.value
    assert error.code == 409
    assert error.message == 'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.args\n- .spec.size'
    assert {cause["field"] for cause in error.details["causes"]} == {".spec.args", ".spec.size"}


def test_the_same_value_is_shared(api: Api) -> None:
    applied(api, thing(spec={"size": 1}), "one")
    both = applied(api, thing(spec={"size": 1}), "two")
    assert set(entries(both)) == {("one", "Apply"), ("two", "Apply")}
    assert applied(api, thing(spec={}), "one")["spec"]["size"] == 1
    assert "size" not in applied(api, thing(spec={}), "two")["spec"]


def test_items_of_keyed_lists_have_managers_of_their_own(api: Api) -> None:
    applied(api, thing(spec={"items": [{"name": "a", "value": "1"}]}), "one")
    both = applied(api, thing(spec={"items": [{"name": "b"}]}), "two")
    assert [item["name"] for item in both["spec"]["items"]] == ["a", "b"]
    left = applied(api, thing(spec={"items": []}), "one")
    assert [item["name"] for item in left["spec"]["items"]] == ["b"]


def test_an_update_takes_fields_away_from_appliers(api: Api) -> None:
    applied(api, thing(spec={"size": 1, "args": ["x"]}), "one")
    changed = api.patch(THINGS, "default", "it", {"spec": {"size": 2}})
    assert entries(changed)["one", "Apply"] == {"f:spec": {"f:args": {}}}
    assert entries(changed)["antiphon-sandbox", "Update"] == {"f:spec": {"f:size": {}}}


def test_status_and_scale_have_entries_of_their_own(api: Api) -> None:
    api.create(THINGS, thing())
    api.update_status(THINGS, {**thing(), "status": {"phase": "here"}})
    found = api.get(THINGS, "default", "it")
    assert found is not None
    assert [entry.get("subresource") for entry in found["metadata"]["managedFields"]] == [None, "status"]


def test_an_entry_has_the_time_of_its_last_change(api: Api) -> None:
    applied(api, thing(spec={"size": 1}), "one")
    same = applied(api, thing(spec={"size": 1}), "two")
    times = {entry["manager"]: entry.get("time") for entry in same["metadata"]["managedFields"]}
    assert times == {"one": "2026-01-01T00:00:00Z", "two": None}


def test_the_account_can_be_ended_and_begins_anew_with_an_apply(api: Api) -> None:
    api.create("configmaps", config_map(data={"a": "1", "b": "2"}))
    ended = api.patch("configmaps", "default", "it", {"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in ended["metadata"]
    assert "managedFields" not in api.patch("configmaps", "default", "it", {"data": {"c": "3"}})["metadata"]
    found = applied(api, config_map(data={"a": "1"}))
    assert entries(found)["before-first-apply", "Update"] == {"f:data": {".": {}, "f:a": {}, "f:b": {}, "f:c": {}}}


def test_a_client_may_hand_fields_over(api: Api) -> None:
    """As kubectl does when it goes over from client-side to server-side apply."""
    made = api.create("configmaps", config_map(data={"a": "1"}))
    entry = {**made["metadata"]["managedFields"][0], "manager": "kubectl", "operation": "Apply"}
    found = api.patch("configmaps", "default", "it", {"metadata": {"managedFields": [entry]}})
    assert set(entries(found)) == {("kubectl", "Apply")}


def test_equal_wire_forms_are_one() -> None:
    assert shared_wire({"f:a": {".": {}}}) is shared_wire({"f:a": {".": {}}})
