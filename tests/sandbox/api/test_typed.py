"""What is applied must fit the schema before it is merged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from small_kinds import SCHEMA, api_with_things, applied, specs, thing

from antiphon_sandbox.api.typed import mistakes
from antiphon_sandbox.kube import ApiError

SPEC = SCHEMA.child("spec")


@given(specs)
def test_what_fits_is_let_pass(spec: Any) -> None:
    assert list(mistakes(SPEC, spec, ".spec")) == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"bogus": 1}, ".spec.bogus: field not declared in schema"),
        ({"size": "x"}, ".spec.size: expected numeric (int or float), got string"),
        ({"mode": 5}, ".spec.mode: expected string, got &value.valueUnstructured{Value:5}"),
        ({"items": "x"}, ".spec.items: expected list, got &{x}"),
        ({"labels": [1]}, ".spec.labels: expected map, got &{[1]}"),
        ({"tags": ["x", "x"]}, '.spec.tags: duplicate entries for key [="x"]'),
        ({"items": [{"name": "a"}, {"name": "a"}]}, '.spec.items: duplicate entries for key [name="a"]'),
        (
            {"items": ["x"]},
            ".spec.items: element 0: associative list with keys may not have non-map elements",
        ),
        ({"items": [{"name": "a", "z": 1}]}, '.spec.items[name="a"].z: field not declared in schema'),
        ({"nested": {"k": {"a": True}}}, ".spec.nested.k.a: expected numeric (int or float), got bool"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(spec: Any, said: str) -> None:
    assert list(mistakes(SPEC, spec, ".spec")) == [said]


@pytest.mark.parametrize("spec", [{"open": {"x": [1, {"y": None}]}}, {"note": None}, {"labels": None}])
def test_open_parts_and_nulls_fit(spec: Any) -> None:
    assert list(mistakes(SPEC, spec)) == []


def test_the_refusal_is_upstreams() -> None:
    with pytest.raises(ApiError) as refused:
        applied(api_with_things(), thing(spec={"bogus": 1}))
    assert (refused.value.code, refused.value.reason) == (500, "")
    assert refused.value.message == (
        "failed to create typed patch object (default/it; test.dev/v1, Kind=Thing): "
        ".spec.bogus: field not declared in schema"
    )
