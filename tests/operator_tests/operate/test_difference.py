"""What has to be applied again: what we wrote and somebody changed, and what we no longer say."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.names import CONTENT_ANNOTATION
from antiphon_operator.operate.difference import differs, holds

_LEAVES = st.one_of(st.integers(1, 99), st.text("abc", min_size=1, max_size=5), st.just(True))
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.text("xyz", min_size=1, max_size=3), inner, min_size=1),
    ),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(st.sampled_from(["spec", "data", "rules"]), _VALUES, min_size=1)


def _child(content: dict[str, Any], digest: str) -> dict[str, Any]:
    return {"metadata": {"name": "a", "annotations": {CONTENT_ANNOTATION: digest}}, **content}


@given(_OBJECTS)
def test_the_same_does_not_differ(content: dict[str, Any]) -> None:
    assert not differs(_child(content, "1"), _child(copy.deepcopy(content), "1"))


@given(_OBJECTS, _VALUES)
def test_what_others_add_does_not_differ(content: dict[str, Any], more: Any) -> None:
    found = _child(copy.deepcopy(content), "1")
    found["metadata"] |= {"uid": "u", "resourceVersion": "5"}
    found["status"] = more
    assert not differs(_child(content, "1"), found)


@given(_OBJECTS)
def test_another_digest_differs_though_every_field_is_there(content: dict[str, Any]) -> None:
    """A field that we no longer say does not show in what we say."""
    assert differs(_child(content, "2"), _child({**content, "more": 1}, "1"))


@given(_OBJECTS, st.data())
def test_a_field_that_somebody_changed_or_removed_differs(content: dict[str, Any], data: st.DataObject) -> None:
    found = _child(copy.deepcopy(content), "1")
    where, key = _a_leaf(found, data, ("metadata",))
    if data.draw(st.booleans()) and isinstance(where, dict):
        del where[key]
    else:
        where[key] = "somebody's"
    assert differs(_child(content, "1"), found)


def _a_leaf(value: Any, data: st.DataObject, apart: tuple[str, ...] = ()) -> tuple[Any, Any]:
    keys = [key for key in (value if isinstance(value, dict) else range(len(value))) if key not in apart]
    key = data.draw(st.sampled_from(keys))
    return _a_leaf(value[key], data) if isinstance(value[key], (dict, list)) else (value, key)


def test_lists_of_another_length_differ() -> None:
    assert not holds({"ports": [{"port": 1}, {"port": 2}]}, {"ports": [{"port": 1}]})


def test_absent_and_empty_are_the_same() -> None:
    assert holds({}, {"tolerations": [], "nodeSelector": {}})
    assert not holds({"tolerations": [{"key": "a"}]}, {"tolerations": []})
