"""Revisions, what lately happened, and who depends on whom."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon_sandbox.api.store import Store
from antiphon_sandbox.kube import ApiError, Event
from antiphon_sandbox.objects import Obj, name_of


def obj(name: str, uid: str = "", namespace: str = "n", **metadata: Any) -> Obj:
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", **metadata}}


@pytest.fixture
def store() -> Store:
    return Store()


def test_every_write_has_a_revision_of_its_own(store: Store) -> None:
    first = store.put("things", obj("a"))
    second = store.put("others", obj("a"))
    third = store.put("things", {**obj("a"), "more": 1})
    gone = store.remove("things", obj("a"))
    revisions = [int(each["metadata"]["resourceVersion"]) for each in (first, second, third, gone)]
    assert revisions == [1, 2, 3, 4]
    assert store.revision == 4


def test_what_is_in_it_is_replaced_and_never_changed(store: Store) -> None:
    first = store.put("things", {**obj("a"), "spec": {"size": 1}})
    store.put("things", {**obj("a"), "spec": {"size": 2}})
    assert (first["spec"], first["metadata"]["resourceVersion"]) == ({"size": 1}, "1")


def test_parts_that_stay_are_shared(store: Store) -> None:
    first = store.put("things", {**obj("a"), "spec": {"parts": [1, 2]}, "status": {"x": 1}})
    second = store.put("things", {**obj("a"), "spec": {"parts": [1, 2]}, "status": {"x": 2}})
    assert second["spec"] is first["spec"]


def test_items_come_by_namespace_and_name(store: Store) -> None:
    for namespace, name in (("m", "b"), ("l", "z"), ("m", "a")):
        store.put("things", obj(name, f"{namespace}{name}", namespace))
    assert [name_of(each) for each in store.items("things")] == ["z", "a", "b"]
    assert [name_of(each) for each in store.items("things", "m")] == ["a", "b"]
    assert store.resources() == ["things"]


# --- the past ------------------------------------------------------------------------------------------------------


def test_the_past_is_known_since_any_late_revision(store: Store) -> None:
    store.put("things", obj("a"))
    store.put("things", {**obj("a"), "more": 1})
    store.remove("things", obj("a"))
    assert [event.type for event in store.since("things", 0)] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event.revision for event in store.since("things", 1)] == [2, 3]
    assert store.since("things", 3) == []
    assert store.since("others", 0) == []


def test_an_event_has_both_states(store: Store) -> None:
    old = store.put("things", obj("a"))
    new = store.put("things", {**obj("a"), "more": 1})
    (event,) = store.since("things", 1)
    assert (event.old, event.object) == (old, new)


def test_a_forgotten_past_is_410() -> None:
    store = Store(history=2)
    for number in range(4):
        store.put("things", {**obj("a"), "number": number})
    assert len(store.since("things", 2)) == 2
    with pytest.raises(ApiError) as refused:
        store.since("things", 1)
    assert (refused.value.code, refused.value.reason) == (410, "Expired")


def test_each_resource_has_its_own_past() -> None:
    store = Store(history=2)
    store.put("others", obj("b"))
    for number in range(5):
        store.put("things", {**obj("a"), "number": number})
    assert [event.revision for event in store.since("others", 0)] == [1]


def test_compacting_forgets_all(store: Store) -> None:
    store.put("things", obj("a"))
    store.compact()
    with pytest.raises(ApiError):
        store.since("things", 0)
    store.put("things", obj("b"))
    assert [event.revision for event in store.since("things", 1)] == [2]


def test_whether_a_list_has_changed(store: Store) -> None:
    store.put("things", obj("a"))
    store.put("others", obj("a", "other"))
    assert not store.has_changed_since("things", 1)
    assert store.has_changed_since("things", 0)


# --- who is told ---------------------------------------------------------------------------------------------------


def test_subscribers_are_told_within_the_write(store: Store) -> None:
    told: list[Event] = []
    end = store.subscribe(["things"], told.append)
    store.put("things", obj("a"))
    store.put("others", obj("a", "other"))
    end()
    store.put("things", obj("b"))
    assert [name_of(event.object) for event in told] == ["a"]


def test_who_watches_all_is_told_of_all(store: Store) -> None:
    told: list[Event] = []
    store.watch_all(told.append)
    store.put("things", obj("a"))
    store.put("others", obj("b"))
    assert [event.resource for event in told] == ["things", "others"]


# --- dependents ----------------------------------------------------------------------------------------------------


def owned(*owners: str) -> dict[str, Any]:
    return {"ownerReferences": [{"uid": owner} for owner in owners]}


def test_dependents_are_found_by_owner(store: Store) -> None:
    store.put("things", obj("a", **owned("one")))
    store.put("others", obj("b", **owned("one", "two")))
    assert [(resource, name_of(each)) for resource, each in store.dependents("one")] == [
        ("things", "a"),
        ("others", "b"),
    ]
    store.put("others", obj("b", **owned("two")))
    assert [name_of(each) for _, each in store.dependents("one")] == ["a"]
    store.remove("things", obj("a"))
    assert store.dependents("one") == []


def test_an_object_is_found_by_uid_while_it_is_there(store: Store) -> None:
    store.put("things", obj("a"))
    assert store.key_of("uid-a") == ("things", "n", "a")
    store.remove("things", obj("a"))
    assert store.key_of("uid-a") is None
