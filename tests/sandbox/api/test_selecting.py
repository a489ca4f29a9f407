"""Label and field selectors of queries."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon_sandbox.api.selecting import parse
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj

LABELLED = {"1": {"a": "1"}, "2": {"a": "2", "b": "x"}, "3": {"b": "y"}, "none": {}}


def found(labels: str) -> list[str]:
    selector = parse("configmaps", labels, "")
    return [name for name, own in LABELLED.items() if selector.matches({"metadata": {"name": name, "labels": own}})]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ("", ["1", "2", "3", "none"]),
        ("a=1", ["1"]),
        ("a==1", ["1"]),
        ("a!=1", ["2", "3", "none"]),
        ("a", ["1", "2"]),
        ("!a", ["3", "none"]),
        ("a in (1,2)", ["1", "2"]),
        ("a notin (1)", ["2", "3", "none"]),
        ("a in (1, 2) , b=x", ["2"]),
        ("a,!b", ["1"]),
        ("a=", []),
        ("a>1", ["2"]),
        ("a<2", ["1"]),
        ("x.y/z=1", []),
    ],
)
def test_labels(labels: str, names: list[str]) -> None:
    assert found(labels) == names


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("a=1,", "found '', expected: identifier after ','"),
        ("a=1=2", "found '=', expected: ',' or 'end of string'"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("=", "found '=', expected: !, identifier, or 'end of string'"),
        ("!", "unable to parse requirement: found '', expected: identifier"),
        ("a in 1", "unable to parse requirement: found '1' expected: '('"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a>x", "unable to parse requirement: for 'Gt', 'Lt' operators, the value must be an integer: 'x'"),
    ],
)
def test_what_is_no_label_selector(labels: str, said: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse("configmaps", labels, "")
    assert (refused.value.code, refused.value.message) == (400, said)


@pytest.mark.parametrize("labels", ["a in (1,", "-a=1", "a=*", "A/B/C=1", "a=" + "x" * 64])
def test_names_and_values_are_checked(labels: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse("configmaps", labels, "")
    assert refused.value.code == 400


POD: Obj = {
    "metadata": {"name": "p", "namespace": "n"},
    "spec": {"nodeName": "here", "hostNetwork": True},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("fields", "matches"),
    [
        ("metadata.name=p", True),
        ("metadata.name!=p", False),
        ("metadata.namespace==n,status.phase=Running", True),
        ("spec.nodeName=", False),
        ("spec.hostNetwork=true", True),
        ("status.podIP=", True),
        ("=", True),
    ],
)
def test_fields(fields: str, matches: Any) -> None:
    assert parse("pods", "", fields).matches(POD) is matches


@pytest.mark.parametrize(
    ("resource", "more", "fields", "said"),
    [
        (
            "configmaps",
            None,
            "data.a=1",
            '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ("pods", None, "spec.bogus=1", "field label not supported: spec.bogus"),
        ("things.test.dev", ("spec.mode",), "spec.size=1", "field label not supported: spec.size"),
        ("pods", None, "metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    ],
)
def test_what_is_no_field_selector(resource: str, more: tuple[str, ...] | None, fields: str, said: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse(resource, "", fields, more)
    assert (refused.value.code, refused.value.message) == (400, said)


def test_a_custom_kind_may_name_fields() -> None:
    thing = {"metadata": {"name": "t"}, "spec": {"mode": "slow"}}
    assert parse("things.test.dev", "", "spec.mode=slow", ("spec.mode",)).matches(thing)
