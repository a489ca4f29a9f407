"""The CEL evaluator against what CEL says, by hand-written facts and by Google's implementation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from offline_apiserver import committed_crds, compile_cel, evaluate_cel

from antiphon_crds.cel import CelError, CelSyntaxError, compile_expression
from antiphon_crds.rules import Rule

FACTS = [
    ("1 + 2 * 3 == 7", {}, True),
    ("-7 / 2 == -3 && -7 % 2 == -1", {}, True),
    ("(1 + 2) * 3", {}, 9),
    ("true ? 'a' : 'b'", {}, "a"),
    ("has(self.a) ? self.a : 'none'", {}, "none"),
    ("has(self.a.b)", {"a": {}}, False),
    ("has(self.a[0].b)", {"a": [{"b": 1}]}, True),
    ("'x' in self.a", {"a": ["x"]}, True),
    ("self.a.all(x, x > 1)", {"a": []}, True),
    ("self.a.exists(x, x > 1)", {"a": [1, 2]}, True),
    ("self.a.filter(x, x > 1).map(x, x * 2)", {"a": [1, 2, 3]}, [4, 6]),
    ("self.a.filter(x, x > 1).size() == size([1, 2])", {"a": [1, 2, 3]}, True),
    ("false && self.absent", {}, False),
    ("self.absent && false", {}, False),
    ("true || self.absent", {}, True),
    ("self.absent || true", {}, True),
    ("duration('1h30m') == duration('90m')", {}, True),
    ("'a,b'.split(',').size()", {}, 2),
    ("'1-2 x 3-4'.findAll('[0-9]+-[0-9]+')", {}, ["1-2", "3-4"]),
    ("'abc'.matches('^a.c$') && 'abc'.contains('b')", {}, True),
    (
        "'%s of %s, 100%%'.format([self.a, self.b])",
        {"a": 1, "b": 95.0},
        "1 of 95, 100%",
    ),
    (r"'it\'s'", {}, "it's"),
    ("int('7') + 1", {}, 8),
    ("1.0 / 2.0", {}, 0.5),
    ("!(1 < 2) || !(2 >= 2)", {}, False),
]


@pytest.mark.parametrize(("expression", "self_value", "expected"), FACTS, ids=[fact[0] for fact in FACTS])
def test_evaluates_as_cel_says(expression: str, self_value: Any, expected: Any) -> None:
    assert compile_expression(expression).evaluate(self_value) == expected
    assert evaluate_cel(expression, self_value) == expected


def test_a_rule_without_a_value_counts_as_broken() -> None:
    assert Rule("self.absent > 1", "give {self.name}").violation({"name": "it"}) == "give it"


def test_texts_in_a_list_are_quoted_as_the_api_server_does() -> None:
    """There the C++ implementation differs from the API server's; the cluster suite holds ours to the server's."""
    assert compile_expression("'%s'.format([self])").evaluate(["a", 1, True]) == '["a", 1, true]'


@pytest.mark.parametrize(
    "expression", ["self.absent", "self.a[3]", "1 / 0", "duration('x') > duration('1s')", "int('x')"]
)
def test_what_has_no_value_is_an_error(expression: str) -> None:
    with pytest.raises(CelError):
        compile_expression(expression).evaluate({"a": [1]})


@pytest.mark.parametrize(
    "expression", ["", "1 +", "self.", "foo(1)", "has(1)", "a b", "'open", "[1", "self.all(x)", "1 @ 2"]
)
def test_what_is_no_cel_is_refused_when_compiled(expression: str) -> None:
    with pytest.raises(CelSyntaxError):
        compile_expression(expression)


_NUMBERS = st.integers(-20, 20).map(str)
_COMPARISONS = st.builds("{} {} {}".format, _NUMBERS, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), _NUMBERS)
_CONDITIONS = st.recursive(
    st.one_of(
        _COMPARISONS, st.sampled_from(["true", "false", "has(self.a)", "self.absent", "self.l.exists(x, x > 2)"])
    ),
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!({})".format, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
    ),
    max_leaves=8,
)


@given(_CONDITIONS)
def test_conditions_agree_with_the_reference_implementation(expression: str) -> None:
    self_value = {"a": 1, "l": [1, 2, 3]}
    expected = evaluate_cel(expression, self_value)
    try:
        assert compile_expression(expression).evaluate(self_value) is expected
    except CelError:
        assert not isinstance(expected, bool), f"{expression} has the value {expected}"


def _all_rules(schema: Any) -> list[dict[str, str]]:
    found = list(schema.get("x-kubernetes-validations", ()))
    for part in schema.get("properties", {}).values():
        found += _all_rules(part)
    return found + (_all_rules(schema["items"]) if "items" in schema else [])


@pytest.mark.parametrize("kind", sorted(committed_crds()))
def test_every_rule_compiles_in_both(kind: str) -> None:
    rules = _all_rules(committed_crds()[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    assert rules
    for rule in rules:
        for expression in filter(None, (rule["rule"], rule.get("messageExpression"))):
            compile_expression(expression)
            compile_cel(expression)
