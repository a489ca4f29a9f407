"""The CEL rules of a schema."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.api.crds import custom_schema
from antiphon_sandbox.api.rules import Rules, escaped
from antiphon_sandbox.objects import Obj

WHOLE: Obj = {"type": "integer"}


def rules(spec: Obj) -> Rules:
    return Rules(custom_schema({"type": "object", "properties": {"spec": spec}}))


def thing(**spec: Any) -> Obj:
    return {"apiVersion": "test.dev/v1", "kind": "Thing", "metadata": {"name": "it"}, "spec": spec}


def said(found: Rules, new: Obj, old: Obj | None = None) -> list[tuple[str, str]]:
    return [(cause.field, cause.message) for cause in found.broken(new, old)]


def sized(*texts: str | Obj, **more: Any) -> Obj:
    """A spec with a size, a list of parts and rules."""
    listed = [text if isinstance(text, dict) else {"rule": text, "message": text} for text in texts]
    part: Obj = {
        "type": "object",
        "properties": {"size": WHOLE},
        "x-kubernetes-validations": [{"rule": "self.size > 0"}],
    }
    keyed: Obj = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    named = {"type": "object", "properties": {"name": {"type": "string"}, **part["properties"]}}
    named |= {"x-kubernetes-validations": part["x-kubernetes-validations"]}
    return {
        "type": "object",
        "properties": {
            "size": WHOLE,
            "parts": {"type": "array", "items": named, **keyed},
            "byName": {"type": "object", "additionalProperties": part},
            **more,
        },
        "x-kubernetes-validations": listed,
    }


def test_a_broken_rule_is_told_with_its_message() -> None:
    found = rules(sized("self.size < 10"))
    assert said(found, thing(size=1)) == []
    assert said(found, thing(size=10)) == [("spec", "Invalid value: self.size < 10")]


def test_all_rules_are_asked_in_items_and_values_too() -> None:
    found = rules(sized("self.size < 10"))
    broken = thing(size=1, parts=[{"name": "a", "size": 1}, {"name": "b", "size": 0}], byName={"c": {"size": -1}})
    assert [field for field, _ in said(found, broken)] == ["spec.parts[1]", "spec.byName[c]"]


def test_what_a_rule_says_of_itself() -> None:
    rule = {
        "rule": "self.size < 10",
        "messageExpression": "'size is ' + string(self.size)",
        "reason": "FieldValueForbidden",
        "fieldPath": ".size",
    }
    (cause,) = rules(sized(rule)).broken(thing(size=12))
    assert (cause.reason, cause.field, cause.message) == ("FieldValueForbidden", "spec.size", "Forbidden: size is 12")


def test_a_missing_key_is_an_error_of_the_rule() -> None:
    ((field, message),) = said(rules(sized("self.size < 10")), thing())
    assert field == "spec"
    assert message.startswith('Invalid value: "object": no such key: size')


# --- transitions ---------------------------------------------------------------------------------------------------


def test_transitions_are_asked_of_updates_only() -> None:
    found = rules(sized("self.size >= oldSelf.size"))
    assert said(found, thing(size=1)) == []
    assert said(found, thing(size=2), thing(size=1)) == []
    assert said(found, thing(size=1), thing(size=2)) == [("spec", "Invalid value: self.size >= oldSelf.size")]


def test_a_transition_may_want_to_be_asked_of_new_objects() -> None:
    text = "oldSelf.hasValue() ? self.size >= oldSelf.value().size : self.size == 0"
    found = rules(sized({"rule": text, "message": "grows from nothing", "optionalOldSelf": True}))
    assert said(found, thing(size=0)) == []
    assert said(found, thing(size=5)) == [("spec", "Invalid value: grows from nothing")]
    assert said(found, thing(size=5), thing(size=4)) == []
    assert said(found, thing(size=3), thing(size=4)) == [("spec", "Invalid value: grows from nothing")]


def test_transitions_follow_items_by_key() -> None:
    item = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "size": WHOLE},
        "x-kubernetes-validations": [{"rule": "self.size == oldSelf.size"}],
    }
    keyed = {"type": "array", "items": item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    found = rules({"type": "object", "properties": {"parts": keyed}})
    old = thing(parts=[{"name": "a", "size": 1}, {"name": "b", "size": 2}])
    assert said(found, thing(parts=[{"name": "b", "size": 2}, {"name": "a", "size": 1}]), old) == []
    assert said(found, thing(parts=[{"name": "new", "size": 9}]), old) == []
    assert [field for field, _ in said(found, thing(parts=[{"name": "b", "size": 3}]), old)] == ["spec.parts[0]"]


def test_what_was_wrong_before_and_stays_is_let_pass() -> None:
    """As upstream does (ratcheting): a rule that came later does not stop work on other parts."""
    found = rules(sized())
    old = thing(size=1, parts=[{"name": "a", "size": 0}])
    assert said(found, thing(size=2, parts=[{"name": "a", "size": 0}]), old) == []
    assert said(found, thing(size=2, parts=[{"name": "a", "size": -1}]), old) != []


# --- all at once ---------------------------------------------------------------------------------------------------

parts = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc"), "size": st.integers(-1, 2)}),
    max_size=3,
    unique_by=lambda part: part["name"],
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(-1, 12),
        "parts": parts,
        "byName": st.dictionaries(st.sampled_from("xy"), st.fixed_dictionaries({"size": st.integers(-1, 1)})),
    },
)
MANY = sized("!has(self.size) || self.size < 10", "!has(self.parts) || self.parts.exists(p, p.size != 1)")
AT_ONCE, ONE_BY_ONE = rules(MANY), rules(MANY)
ONE_BY_ONE._at_once = None


@given(specs)
def test_asking_all_at_once_finds_what_asking_one_by_one_finds(spec: Any) -> None:
    assert said(AT_ONCE, thing(**spec)) == said(ONE_BY_ONE, thing(**spec))


@given(specs, specs)
def test_also_of_updates(new: Any, old: Any) -> None:
    assert said(AT_ONCE, thing(**new), thing(**old)) == said(ONE_BY_ONE, thing(**new), thing(**old))


# --- how rules see values ------------------------------------------------------------------------------------------


def test_whole_numbers_are_doubles_where_the_schema_says_number() -> None:
    ratio = {"ratio": {"type": "number"}}
    found = rules({"type": "object", "properties": ratio, "x-kubernetes-validations": [{"rule": "self.ratio < 1.5"}]})
    assert said(found, thing(ratio=1)) == []
    assert said(found, thing(ratio=2)) != []


@pytest.mark.parametrize(
    ("name", "written"),
    [("plain", "plain"), ("in", "__in__"), ("a-b", "a__dash__b"), ("a.b", "a__dot__b"), ("a/b", "a__slash__b")],
)
def test_names_that_are_no_identifiers_are_escaped(name: str, written: str) -> None:
    assert escaped(name) == written
    spec = {
        "type": "object",
        "properties": {name: WHOLE},
        "x-kubernetes-validations": [{"rule": f"self.{written} > 0"}],
    }
    assert said(rules(spec), thing(**{name: 1})) == []
    assert said(rules(spec), thing(**{name: 0})) != []


def test_of_the_metadata_a_rule_sees_the_names() -> None:
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "self.metadata.name.size() < 4"}]}
    found = Rules(custom_schema(schema))
    assert said(found, thing()) == []
    assert said(found, {**thing(), "metadata": {"name": "longer"}}) != []


def test_kubernetes_own_functions() -> None:
    text = "self.words.join(',').find('b+') == 'bb' && self.sizes.sum() == 6 && self.sizes.isSorted()"
    spec = {
        "type": "object",
        "properties": {
            "words": {"type": "array", "items": {"type": "string"}},
            "sizes": {"type": "array", "items": WHOLE},
        },
        "x-kubernetes-validations": [{"rule": text}],
    }
    assert said(rules(spec), thing(words=["a", "bb"], sizes=[1, 2, 3])) == []
