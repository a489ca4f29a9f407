"""Printer columns find what client-go's JSONPath finds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.api.jsonpath import JsonPathError, compiled, first

OBJECT = {
    "spec": {
        "size": 3,
        "text": "some",
        "nothing": None,
        "a.b": "dotted",
        "a": {"b": "nested"},
        "k8s.io/x": "slash",
        "list": [1, 2, 3],
        "empty": [],
        "servers": [{"hosts": ["foo"]}, {"hosts": ["bar", "baz"]}],
        "conditions": [
            {"type": "Ready", "status": "True", "age": 1, "final": False},
            {"type": "Other", "status": "False", "age": 2, "final": True},
            {"type": "Third", "age": 3},
        ],
        "mixed": [{"n": 1}, {"n": 2.5}],
    }
}


def found(path: str) -> list[Any]:
    return compiled(path)([OBJECT])


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".spec.size", [3]),
        (".spec.nothing", [None]),
        (".spec.nothing.deep", []),
        (".spec.missing", []),
        (".spec.missing.deep", []),
        (".spec.text.deep", []),
        (".spec['text']", ["some"]),
        (".spec['a.b']", ["nested"]),
        (r".spec['a\.b']", ["dotted"]),
        (r".spec.a\.b", ["dotted"]),
        (r".spec.k8s\.io/x", ["slash"]),
        (".spec.a.*", ["nested"]),
        (".spec.list[0]", [1]),
        (".spec.list[-1]", [3]),
        (".spec.list[*]", [1, 2, 3]),
        (".spec.list[1:]", [2, 3]),
        (".spec.list[:2]", [1, 2]),
        (".spec.list[::2]", [1, 3]),
        (".spec.list[-2:]", [2, 3]),
        (".spec.list[0,2]", [1, 3]),
        (".spec.empty[*]", []),
        (".spec.missing[0]", []),
        (".spec.servers[*].hosts", [["foo"], ["bar", "baz"]]),
        (".spec.servers[*].hosts[*]", ["foo", "bar", "baz"]),
        (".spec..hosts", [["foo"], ["bar", "baz"]]),
        ('.spec.conditions[?(@.type=="Ready")].status', ["True"]),
        (".spec.conditions[?(@.type=='Ready')].status", ["True"]),
        ('.spec.conditions[?(@.type == "Other")].status', ["False"]),
        ('.spec.conditions[?(@.type!="Ready")].type', ["Other", "Third"]),
        ('.spec.conditions[?(@.type=="Third")].status', []),
        (".spec.conditions[?(@.age>=2)].type", ["Other", "Third"]),
        (".spec.conditions[?(@.final==true)].type", ["Other"]),
        (".spec.conditions[?(@.status)].type", ["Ready", "Other"]),
        (".spec.conditions[?(@.nope)].type", []),
        (".spec.size}/{.spec.text", [3]),
    ],
)
def test_what_a_path_finds(path: str, values: list[Any]) -> None:
    assert found(path) == values


@pytest.mark.parametrize(
    "path",
    [
        ".spec.list[7]",
        ".spec.list[-5]",
        ".spec.list[2:1]",
        ".spec.empty[0]",
        ".spec.empty[-1]",
        ".spec.list[::0]",
        ".spec.text[0]",
        ".spec.a[*]",
        '.spec.text[?(@.type=="Ready")]',
        ".spec.mixed[?(@.n==1)]",
        ".spec.conditions[?(@.final>true)]",
        ".spec.conditions[?(@.age=!1)]",
        ".spec.list word",
    ],
)
def test_a_path_that_cannot_be_followed_finds_nothing(path: str) -> None:
    assert first(path, OBJECT) == ()
    with pytest.raises(JsonPathError):
        found(path)


@pytest.mark.parametrize("path", ['.spec["text"]', ".spec[x]", ".spec[-]", ".spec[", ".spec[?(@.a", ";.a", ".a 1.2.3"])
def test_a_path_that_cannot_be_read(path: str) -> None:
    with pytest.raises(JsonPathError):
        compiled(path)


NAMES = st.text("abc.-_/ 9ö", min_size=1)


def escaped(name: str) -> str:
    return "." + "".join(f"\\{letter}" if letter in ". " else letter for letter in name)


@given(st.lists(NAMES, min_size=1, max_size=5), st.integers())
def test_escaped_names_lead_to_what_they_name(names: list[str], value: int) -> None:
    nested: Any = value
    for name in reversed(names):
        nested = {name: nested}
    assert first("".join(map(escaped, names)), nested) == (value,)


@given(st.lists(st.integers(), min_size=1), st.data())
def test_ranges_are_those_of_a_list(values: list[int], data: st.DataObject) -> None:
    index = data.draw(st.integers(-len(values), len(values) - 1))
    assert compiled(f"[{index}]")([values]) == [values[index]]
    start, end = sorted(data.draw(st.lists(st.integers(0, len(values)), min_size=2, max_size=2)))
    assert compiled(f"[{start}:{end}]")([values]) == values[start:end]


@given(st.lists(st.fixed_dictionaries({"n": st.integers(-5, 5)})), st.integers(-5, 5))
def test_filters_choose_what_holds(items: list[dict[str, int]], bound: int) -> None:
    assert compiled(f"[?(@.n<{bound})]")([items]) == [item for item in items if item["n"] < bound]
    assert compiled(f"[?(@.n=={bound})]")([items]) == [item for item in items if item["n"] == bound]


@given(st.text(".[]'\"?()@*:-+019ab =<>!\\,$}{", max_size=30))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    assert len(first(text, OBJECT)) <= 1
