"""Pods near others, far from them, and spread: what the rules and the wishes lead to."""

from __future__ import annotations

from typing import Any

import pytest
from controlled_world import quiet
from hollow_world import NAMESPACE, SLICE, hollow_world, make, place_of, pod, why
from virtual_time import in_virtual_time

_WEB = {"labels": {"app": "web"}}
_TAINT = {"key": "gpu", "effect": "NoSchedule"}
_THREE = [{"name": f"n{i}", "labels": {"zone": f"z{i}"}, "capacity": {SLICE: 7}} for i in range(3)]


def _spread(when: str = "DoNotSchedule", key: str = "kubernetes.io/hostname", **more: Any) -> list[dict[str, Any]]:
    selector = {"matchLabels": {"app": "web"}}
    return [{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": when, "labelSelector": selector, **more}]


def _wish(kind: str, app: str) -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "zone"}
    return {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "podAffinityTerm": term}]}}


def _required(kind: str, *apps: str) -> dict[str, Any]:
    terms = [{"labelSelector": {"matchExpressions": [{"key": app, "operator": "Exists"}]}} for app in apps]
    return {
        kind: {"requiredDuringSchedulingIgnoredDuringExecution": [{**term, "topologyKey": "zone"} for term in terms]}
    }


@in_virtual_time
async def test_nodes_that_the_pod_does_not_want_do_not_count() -> None:
    async with hollow_world({"name": "local"}, *({**node, "labels": {"gpu": "y"}} for node in _THREE)) as api:
        pods = [
            pod(f"p{i}", metadata=_WEB, nodeSelector={"gpu": "y"}, topologySpreadConstraints=_spread())
            for i in range(6)
        ]
        make(api, *pods)
        await quiet(api)
        assert sorted(str(place_of(api, f"p{i}")) for i in range(6)) == ["n0", "n0", "n1", "n1", "n2", "n2"]


@pytest.mark.parametrize(("policy", "placed"), [("Honor", 2), ("Ignore", 1)])
def test_tainted_nodes_count_unless_told_otherwise(policy: str, placed: int) -> None:
    @in_virtual_time
    async def story() -> None:
        async with hollow_world({"name": "free"}, {"name": "gpu", "taints": [_TAINT]}) as api:
            spread = _spread(nodeTaintsPolicy=policy)
            make(api, *(pod(f"p{i}", metadata=_WEB, topologySpreadConstraints=spread) for i in range(2)))
            await quiet(api)
            assert sum(place_of(api, f"p{i}") == "free" for i in range(2)) == placed

    story()


@in_virtual_time
async def test_too_few_domains_count_as_one_more_that_is_empty() -> None:
    async with hollow_world(*_THREE[:2]) as api:
        spread = _spread(minDomains=3)
        make(api, *(pod(f"p{i}", metadata=_WEB, topologySpreadConstraints=spread) for i in range(3)))
        await quiet(api)
        says = "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints."
        assert why(api, "p2") == says


@in_virtual_time
async def test_each_revision_is_spread_by_itself() -> None:
    async with hollow_world(*_THREE[:2]) as api:
        spread = _spread(matchLabelKeys=["revision"])
        for revision in ("1", "2"):
            labels = {"labels": {"app": "web", "revision": revision}}
            make(api, pod(f"r{revision}", metadata=labels, nodeName="n0", topologySpreadConstraints=spread))
        await quiet(api)
        make(api, pod("p", metadata={"labels": {"app": "web", "revision": "3"}}, topologySpreadConstraints=spread,
                      nodeSelector={"kubernetes.io/hostname": "n0"}))  # fmt: skip
        await quiet(api)
        assert place_of(api, "p") == "n0"


@in_virtual_time
async def test_a_wish_to_spread_comes_before_packing() -> None:
    async with hollow_world(*_THREE) as api:
        spread = _spread("ScheduleAnyway", "zone")
        make(api, *(pod(f"p{i}", {SLICE: "1"}, metadata=_WEB, topologySpreadConstraints=spread) for i in range(3)))
        await quiet(api)
        assert {place_of(api, f"p{i}") for i in range(3)} == {"n0", "n1", "n2"}


@in_virtual_time
async def test_wishes_for_neighbours() -> None:
    async with hollow_world(*_THREE) as api:
        make(api, pod("web", metadata=_WEB, nodeName="n1"))
        await quiet(api)
        make(api, pod("near", affinity=_wish("podAffinity", "web")))
        make(api, *(pod(f"far{i}", affinity=_wish("podAntiAffinity", "web")) for i in range(4)))
        await quiet(api)
        assert place_of(api, "near") == "n1"
        assert "n1" not in {place_of(api, f"far{i}") for i in range(4)}


@in_virtual_time
async def test_one_neighbour_has_to_fit_all_terms() -> None:
    async with hollow_world({"name": "a", "labels": {"zone": "z"}}) as api:
        make(api, pod("one", metadata={"labels": {"red": ""}}), pod("other", metadata={"labels": {"big": ""}}))
        make(api, pod("p", affinity=_required("podAffinity", "red", "big")))
        await quiet(api)
        assert why(api, "p") == "0/1 nodes are available: 1 node(s) didn't match pod affinity rules."
        make(api, pod("both", metadata={"labels": {"red": "", "big": ""}}))
        await quiet(api)
        assert place_of(api, "p") == "a", "a neighbour that comes is noticed"


@in_virtual_time
async def test_a_neighbour_that_changes_its_labels_is_noticed() -> None:
    async with hollow_world({"name": "a", "labels": {"zone": "z"}}) as api:
        make(api, pod("one"), pod("p", affinity=_required("podAffinity", "red")))
        await quiet(api)
        assert place_of(api, "p") is None
        api.patch("pods", NAMESPACE, "one", {"metadata": {"labels": {"red": ""}}})
        await quiet(api)
        assert place_of(api, "p") == "a"
