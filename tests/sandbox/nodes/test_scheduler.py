"""Where pods go, and what is said of those that go nowhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from controlled_world import events_about, quiet
from hollow_world import NAMESPACE, SLICE, hollow_world, make, place_of, pod, why
from virtual_time import in_virtual_time

_GPU_TAINT = {"key": "nvidia.com/gpu", "effect": "NoSchedule"}
_TOLERATES = [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def _required(kind: str, value: Any) -> dict[str, Any]:
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": value}}


def _node_affinity(*expressions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    term = {"matchExpressions": list(expressions), **fields}
    return _required("nodeAffinity", {"nodeSelectorTerms": [term]})


def _like(app: str) -> list[dict[str, Any]]:
    return [{"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "zone"}]


@in_virtual_time
async def test_seventy_slices_hold_seventy_pods() -> None:
    nodes = [{"name": f"mig-{i}", "capacity": {SLICE: 7}} for i in range(10)]
    async with hollow_world(*nodes) as api:
        make(api, *(pod(f"p{i}", {SLICE: "1"}) for i in range(71)))
        await quiet(api)
        places = Counter(place_of(api, f"p{i}") for i in range(71))
        assert sorted(places.values()) == [1, *[7] * 10]
        [waiting] = [name for name in (f"p{i}" for i in range(71)) if place_of(api, name) is None]
        says = f"0/10 nodes are available: 10 Insufficient {SLICE}."
        assert why(api, waiting) == says
        assert ("FailedScheduling", says) in events_about(api, waiting)
        gone = "p0" if waiting != "p0" else "p1"
        was = place_of(api, gone)
        api.delete("pods", NAMESPACE, gone, grace_seconds=0)
        await quiet(api)
        assert place_of(api, waiting) == was


@in_virtual_time
async def test_partitions_are_filled_one_node_after_the_other() -> None:
    async with hollow_world(*({"name": f"n{i}", "capacity": {SLICE: 7}} for i in range(3))) as api:
        make(api, *(pod(f"p{i}", {SLICE: "1"}) for i in range(7)))
        await quiet(api)
        assert len({place_of(api, f"p{i}") for i in range(7)}) == 1


@in_virtual_time
async def test_what_asks_for_no_partition_goes_where_most_is_left() -> None:
    async with hollow_world({"name": "small", "capacity": {"cpu": 2}}, {"name": "big", "capacity": {"cpu": 8}}) as api:
        make(api, pod("p", {"cpu": "1"}))
        await quiet(api)
        assert place_of(api, "p") == "big"


@in_virtual_time
async def test_each_reason_is_counted() -> None:
    nodes: list[dict[str, Any]] = [
        {"name": "a", "taints": [_GPU_TAINT]},
        {"name": "b", "capacity": {"cpu": 1}},
        {"name": "c", "capacity": {"cpu": 1, "memory": "1Gi"}},
        {"name": "d"},
    ]
    async with hollow_world(*nodes) as api:
        api.patch("nodes", "", "d", {"spec": {"unschedulable": True}})
        make(api, pod("p", {"cpu": "2", "memory": "2Gi"}), pod("q", nodeSelector={"disk": "ssd"}))
        await quiet(api)
        assert why(api, "p") == (
            "0/4 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s) {nvidia.com/gpu: }, "
            "1 node(s) were unschedulable, 2 Insufficient cpu."
        )
        assert "2 node(s) didn't match Pod's node affinity/selector" in why(api, "q")


@in_virtual_time
async def test_no_nodes_at_all() -> None:
    async with hollow_world({"name": "a"}) as api:
        api.delete("nodes", "", "a")
        make(api, pod("p"))
        await quiet(api)
        assert why(api, "p") == "no nodes available to schedule pods"


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"disk": "ssd"}},
        {"affinity": _node_affinity({"key": "disk", "operator": "In", "values": ["ssd", "nvme"]})},
        {"affinity": _node_affinity({"key": "disk", "operator": "Exists"})},
        {"affinity": _node_affinity({"key": "hdd", "operator": "DoesNotExist"})},
        {"affinity": _node_affinity({"key": "gpus", "operator": "Gt", "values": ["3"]})},
        {
            "affinity": _required(
                "nodeAffinity",
                {
                    "nodeSelectorTerms": [
                        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["good"]}]}
                    ]
                },
            )
        },
        {
            "affinity": {
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 1,
                            "preference": {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]},
                        }
                    ]
                }
            }
        },
    ],
)
def test_labels_draw_pods(spec: dict[str, Any]) -> None:
    @in_virtual_time
    async def story() -> None:
        good = {"name": "good", "labels": {"disk": "ssd", "gpus": "8"}, "capacity": {"cpu": 1}}
        async with hollow_world({"name": "bad", "labels": {"hdd": "1", "gpus": "2"}}, good) as api:
            make(api, pod("p", {"cpu": "1"}, **spec))
            await quiet(api)
            assert place_of(api, "p") == "good"

    story()


@in_virtual_time
async def test_a_taint_keeps_away_who_does_not_tolerate_it() -> None:
    async with hollow_world({"name": "gpu", "taints": [_GPU_TAINT]}) as api:
        make(api, pod("shy"), pod("bold", tolerations=_TOLERATES))
        await quiet(api)
        assert (place_of(api, "shy"), place_of(api, "bold")) == (None, "gpu")
        api.patch("nodes", "", "gpu", {"spec": {"taints": None}})
        await quiet(api)
        assert place_of(api, "shy") == "gpu"


@in_virtual_time
async def test_a_cordoned_node_takes_nobody_until_it_is_uncordoned() -> None:
    async with hollow_world({"name": "a"}) as api:
        api.patch("nodes", "", "a", {"spec": {"unschedulable": True}})
        make(api, pod("p"))
        await quiet(api)
        assert why(api, "p") == "0/1 nodes are available: 1 node(s) were unschedulable."
        api.patch("nodes", "", "a", {"spec": {"unschedulable": None}})
        await quiet(api)
        assert place_of(api, "p") == "a"


@in_virtual_time
async def test_neighbours() -> None:
    nodes = [{"name": f"n{i}", "labels": {"zone": f"z{i % 2}"}} for i in range(4)]
    async with hollow_world(*nodes) as api:
        make(api, pod("web", metadata={"labels": {"app": "web"}}, nodeName=None, nodeSelector={"zone": "z1"}))
        await quiet(api)
        make(
            api,
            pod("near", affinity=_required("podAffinity", _like("web"))),
            pod("far", affinity=_required("podAntiAffinity", _like("web"))),
            pod("alone", affinity=_required("podAffinity", _like("nobody"))),
            pod("first", metadata={"labels": {"app": "first"}}, affinity=_required("podAffinity", _like("first"))),
        )
        await quiet(api)
        assert place_of(api, "near") in ("n1", "n3")
        assert place_of(api, "far") in ("n0", "n2")
        assert why(api, "alone") == "0/4 nodes are available: 4 node(s) didn't match pod affinity rules."
        assert place_of(api, "first") is not None


@in_virtual_time
async def test_who_is_there_may_keep_others_away() -> None:
    async with hollow_world({"name": "a", "labels": {"zone": "z"}}) as api:
        make(api, pod("grump", affinity=_required("podAntiAffinity", _like("web"))))
        await quiet(api)
        make(api, pod("web", metadata={"labels": {"app": "web"}}))
        await quiet(api)
        says = "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules."
        assert why(api, "web") == says


@in_virtual_time
async def test_spreading() -> None:
    nodes = [{"name": f"n{i}", "labels": {"zone": f"z{i}"}} for i in range(3)]
    constraint = {
        "maxSkew": 1,
        "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    async with hollow_world(*nodes) as api:
        for i in range(7):
            make(api, pod(f"p{i}", metadata={"labels": {"app": "web"}}, topologySpreadConstraints=[constraint]))
        await quiet(api)
        counts = Counter(place_of(api, f"p{i}") for i in range(7))
        assert sorted(counts.values()) == [2, 2, 3]


@in_virtual_time
async def test_host_ports_are_taken_once() -> None:
    async with hollow_world({"name": "a"}) as api:
        ports: dict[str, Any] = {
            "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80, "hostPort": 8080}]}]
        }
        make(api, pod("one", **ports), pod("two", **ports))
        await quiet(api)
        assert place_of(api, "one") == "a"
        assert "didn't have free ports" in why(api, "two")


@in_virtual_time
async def test_a_gated_pod_waits_for_its_gate() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p", schedulingGates=[{"name": "example.com/wait"}]))
        await quiet(api)
        assert why(api, "p") == "Scheduling is blocked due to non-empty scheduling gates"
        api.patch("pods", NAMESPACE, "p", {"spec": {"schedulingGates": None}})
        await quiet(api)
        assert place_of(api, "p") == "a"


@in_virtual_time
async def test_other_schedulers_pods_are_theirs() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p", schedulerName="mine"))
        await quiet(api)
        assert place_of(api, "p") is None


@in_virtual_time
async def test_higher_priority_goes_first() -> None:
    async with hollow_world({"name": "a", "capacity": {SLICE: 1}}) as api:
        api.patch("nodes", "", "a", {"spec": {"unschedulable": True}})
        api.create(
            "priorityclasses.scheduling.k8s.io", {"metadata": {"name": "calls"}, "value": 1000, "globalDefault": False}
        )
        make(api, pod("low", {SLICE: "1"}), pod("high", {SLICE: "1"}, priorityClassName="calls"))
        await quiet(api)
        api.patch("nodes", "", "a", {"spec": {"unschedulable": None}})
        await quiet(api)
        assert (place_of(api, "low"), place_of(api, "high")) == (None, "a")


@in_virtual_time
async def test_a_pod_that_is_over_makes_room() -> None:
    async with hollow_world({"name": "a", "capacity": {SLICE: 1}}) as api:
        ends = {"annotations": {"sandbox.antiphon.dev/exit-after": "5"}}
        make(api, pod("short", {SLICE: "1"}, metadata=ends, restartPolicy="Never"))
        await quiet(api)
        make(api, pod("next", {SLICE: "1"}))
        await asyncio.sleep(8)
        assert place_of(api, "next") == "a"


@in_virtual_time
async def test_nothing_is_written_while_nothing_changes() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p"), pod("q", {SLICE: "1"}))
        await quiet(api)
        written = api.store.revision
        api.patch("nodes", "", "a", {"metadata": {"annotations": {"seen": "1"}}})
        await quiet(api)
        assert api.store.revision == written + 1


@in_virtual_time
async def test_one_that_cannot_be_read_holds_up_nobody() -> None:
    async with hollow_world({"name": "a", "labels": {"gpus": "8"}}) as api:
        affinity = _node_affinity({"key": "gpus", "operator": "Gt", "values": ["many"]})
        make(api, pod("odd", affinity=affinity), pod("good"))
        await quiet(api)
        assert place_of(api, "good") == "a"
        assert why(api, "odd") == "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."


@in_virtual_time
async def test_one_that_is_being_deleted_gets_no_place() -> None:
    async with hollow_world({"name": "a"}) as api:
        api.patch("nodes", "", "a", {"spec": {"unschedulable": True}})
        make(api, pod("p", metadata={"finalizers": ["example.com/hold"]}))
        await quiet(api)
        api.delete("pods", NAMESPACE, "p")
        api.patch("nodes", "", "a", {"spec": {"unschedulable": None}})
        await quiet(api)
        assert place_of(api, "p") is None


@in_virtual_time
async def test_a_crowd_is_placed_while_others_have_their_turn() -> None:
    """One pod a visit: whoever asks the API meanwhile is served in between."""
    async with hollow_world(*({"name": f"n{i}", "capacity": {"pods": 10}} for i in range(10))) as api:
        make(api, *(pod(f"p{i}") for i in range(100)))
        turns, placed = 0, 0
        while placed < 100:
            await asyncio.sleep(0)
            before, placed = placed, sum(place_of(api, f"p{i}") is not None for i in range(100))
            turns += 1
            assert placed - before <= 1
        assert turns >= 100


@in_virtual_time
async def test_another_spec_may_fit() -> None:
    async with hollow_world({"name": "a", "taints": [_GPU_TAINT]}) as api:
        make(api, pod("p"))
        await quiet(api)
        assert place_of(api, "p") is None
        found = api.get("pods", NAMESPACE, "p")
        assert found is not None
        kept = found["spec"].get("tolerations") or []
        api.patch("pods", NAMESPACE, "p", {"spec": {"tolerations": [*kept, *_TOLERATES]}})
        await quiet(api)
        assert place_of(api, "p") == "a"
