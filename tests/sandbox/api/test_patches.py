"""The three patches: RFC 6902, RFC 7386 and Kubernetes' own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.api.builtin_kinds import builtin_resources
from antiphon_sandbox.api.patches import json_patch, merge_patch, strategic_merge_patch
from antiphon_sandbox.kube import ApiError

POD = {resource.name: resource for resource in builtin_resources()}["pods"].schema
SERVICE = {resource.name: resource for resource in builtin_resources()}["services"].schema

# --- merge patch ---------------------------------------------------------------------------------------------------

# RFC 7386, appendix A, where the patch is an object.
RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7386)
def test_rfc_7386(target: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy(target)
    assert merge_patch(target, patch) == result
    assert target == before


values = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
maps = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


@given(maps, maps)
def test_a_merge_patch_without_nulls_is_done_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


@given(maps)
def test_an_empty_merge_patch_changes_nothing(target: Any) -> None:
    assert merge_patch(target, {}) == target


# --- JSON patch ----------------------------------------------------------------------------------------------------

# RFC 6902, appendix A.
RFC_6902 = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux", "foo": 1}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo", "foo": 1}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"thud": "fred"}},
    ),
    ({"a": ["x", "y", "z"]}, [{"op": "move", "from": "/a/1", "path": "/a/2"}], {"a": ["x", "z", "y"]}),
    ({"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "qux"}], {"baz": "qux"}),
    ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"a": {}}}], {"foo": "bar", "child": {"a": {}}}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_6902)
def test_rfc_6902(target: Any, patch: Any, result: Any) -> None:
    before = copy.deepcopy(target)
    assert json_patch(target, patch) == result
    assert target == before


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ([{"op": "test", "path": "/a", "value": "other"}], 422),
        ([{"op": "add", "path": "/no/such", "value": 1}], 422),
        ([{"op": "remove", "path": "/no"}], 422),
        ([{"op": "add", "path": "no slash", "value": 1}], 422),
        ([{"op": "bogus", "path": "/a"}], 400),
        ([{"op": "add", "path": "/a"}], 400),
        ([5], 400),
        ({}, 400),
    ],
)
def test_what_cannot_be_done_is_refused(patch: Any, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"a": "b"}, patch)
    assert refused.value.code == code


def test_what_is_not_there_is_null() -> None:
    assert json_patch({}, [{"op": "test", "path": "/no", "value": None}]) == {}


# --- strategic merge patch -----------------------------------------------------------------------------------------


def patched(containers: Any, patch: Any, **more: Any) -> Any:
    target = {"spec": {"containers": containers}}
    return strategic_merge_patch(POD, target, {"spec": {"containers": patch, **more}})["spec"]["containers"]


def names(items: list[Any]) -> str:
    return "".join(item["name"] for item in items)


def test_lists_with_a_merge_key_are_merged_item_by_item() -> None:
    found = patched(
        [{"name": "a", "image": "1"}, {"name": "b"}], [{"name": "a", "command": ["x"]}, {"name": "c", "image": "2"}]
    )
    assert found == [{"name": "a", "image": "1", "command": ["x"]}, {"name": "c", "image": "2"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [("ab", "bz", "abz"), ("nce", "c", "nce"), ("ab", "z", "zab"), ("abc", "ca", "bca")],
)
def test_where_items_come(before: str, patch: str, after: str) -> None:
    """What a patch does not name keeps its place in front of what it stood in front of."""
    assert names(patched([{"name": name} for name in before], [{"name": name} for name in patch])) == after


def test_an_order_may_be_told() -> None:
    found = patched(
        [{"name": "a"}, {"name": "b"}],
        [{"name": "n"}],
        **{"$setElementOrder/containers": [{"name": "b"}, {"name": "n"}, {"name": "a"}]},
    )
    assert names(found) == "bna"


def test_items_are_deleted_and_lists_replaced_by_directive() -> None:
    assert patched([{"name": "a"}, {"name": "b"}], [{"name": "a", "$patch": "delete"}]) == [{"name": "b"}]
    assert patched([{"name": "a"}], [{"$patch": "replace"}, {"name": "z"}]) == [{"name": "z"}]


def test_maps_are_replaced_and_deleted_by_directive() -> None:
    target = {"spec": {"nodeSelector": {"a": "1"}}}
    replaced = strategic_merge_patch(POD, target, {"spec": {"nodeSelector": {"$patch": "replace", "b": "2"}}})
    assert replaced == {"spec": {"nodeSelector": {"b": "2"}}}
    assert strategic_merge_patch(POD, target, {"spec": {"nodeSelector": {"$patch": "delete"}}}) == {"spec": {}}


def test_only_what_is_to_be_retained_stays() -> None:
    target = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    change = {"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}
    found = strategic_merge_patch(POD, target, {"spec": {"volumes": [change]}})
    assert found == {"spec": {"volumes": [{"name": "v", "configMap": {"name": "c"}}]}}


def test_lists_of_texts_that_merge() -> None:
    target = {"metadata": {"finalizers": ["a"]}}
    both = strategic_merge_patch(POD, target, {"metadata": {"finalizers": ["b", "a"]}})
    assert sorted(both["metadata"]["finalizers"]) == ["a", "b"]
    gone = strategic_merge_patch(POD, both, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}})
    assert gone == {"metadata": {"finalizers": ["b"]}}


def test_a_list_without_merge_key_is_replaced() -> None:
    assert patched([{"name": "a", "args": ["1"]}], [{"name": "a", "args": ["2"]}]) == [{"name": "a", "args": ["2"]}]


def test_ports_of_services_are_told_apart_by_number() -> None:
    target = {"spec": {"ports": [{"port": 80, "name": "web"}]}}
    found = strategic_merge_patch(SERVICE, target, {"spec": {"ports": [{"port": 81, "name": "more"}]}})
    assert [port["port"] for port in found["spec"]["ports"]] == [81, 80]


@pytest.mark.parametrize("item", [{"image": "nameless"}, {"name": "a", "$patch": "bogus"}, "no map"])
def test_items_without_key_or_with_a_strange_directive_are_refused(item: Any) -> None:
    with pytest.raises(ApiError) as refused:
        patched([{"name": "a"}], [item])
    assert refused.value.code == 500
