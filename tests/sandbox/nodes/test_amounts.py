"""Amounts of resources: what a pod asks for in all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.nodes.amounts import amounts, largest, requested, thousandths, total

_AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory", "x.io/y"]), st.integers(0, 10**12))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1000), ("500m", 500), ("1.5", 1500), ("1Ki", 1024000), ("2k", 2000000), (3, 3000), ("1u", 1), ("0", 0)],
)
def test_thousandths(text: str | int, expected: int) -> None:
    assert thousandths(text) == expected


@given(st.lists(_AMOUNTS, max_size=4))
def test_the_total_is_at_least_the_largest(parts: list[dict[str, int]]) -> None:
    found, most = total(parts), largest(parts)
    assert found.keys() == most.keys()
    assert all(found[name] >= most[name] for name in found)


def _pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "spec": {"containers": list(containers), **spec}}


def _asks(cpu: str, **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {"cpu": cpu}}, **more}


def test_containers_add_up() -> None:
    assert requested(_pod(_asks("1"), _asks("500m"))) == {"cpu": 1500, "pods": 1000}


def test_an_init_container_may_ask_for_more_than_all_that_follow() -> None:
    assert requested(_pod(_asks("1"), initContainers=[_asks("3"), _asks("2")]))["cpu"] == 3000


def test_a_sidecar_runs_beside_all_that_comes_after_it() -> None:
    inits = [_asks("2"), _asks("1", restartPolicy="Always"), _asks("4")]
    assert requested(_pod(_asks("1"), initContainers=inits))["cpu"] == 5000
    assert requested(_pod(_asks("9"), initContainers=inits))["cpu"] == 10000


def test_what_is_only_limited_is_asked_for() -> None:
    limited = {"name": "c", "resources": {"limits": {"x.io/y": "1"}}}
    assert requested(_pod(limited))["x.io/y"] == 1000


def test_overhead_comes_on_top() -> None:
    assert requested(_pod(_asks("1"), overhead=amounts({}) or {"cpu": "250m"}))["cpu"] == 1250
