"""Nodes as they are registered, kept alive, and found again."""

from __future__ import annotations

import asyncio

from controlled_world import quiet
from hollow_world import SLICE, hollow_world, make, place_of, pod
from virtual_time import in_virtual_time

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.objects import Obj, is_true, uid_of

_NODE = {"name": "a", "labels": {"zone": "z"}, "capacity": {SLICE: 7}}
_LEASES = "leases.coordination.k8s.io"


def _node(api: Api) -> Obj:
    found = api.get("nodes", "", "a")
    assert found is not None
    return found


@in_virtual_time
async def test_a_node_is_ready_with_what_it_has() -> None:
    async with hollow_world(_NODE) as api:
        node = _node(api)
        assert is_true(node, "Ready")
        assert node["status"]["allocatable"][SLICE] == "7"
        labels = node["metadata"]["labels"]
        assert labels["zone"] == "z"
        assert labels["kubernetes.io/hostname"] == "a"
        assert labels["antiphon.dev/node-kind"] == "hollow"


@in_virtual_time
async def test_its_lease_is_renewed_and_the_node_left_alone() -> None:
    async with hollow_world(_NODE) as api:
        before, lease = _node(api), api.get(_LEASES, "kube-node-lease", "a")
        await asyncio.sleep(60)
        after = api.get(_LEASES, "kube-node-lease", "a")
        assert lease is not None
        assert after is not None
        assert after["spec"]["renewTime"] > lease["spec"]["renewTime"]
        assert _node(api) is before, "a node of which nothing changes is not written"


@in_virtual_time
async def test_a_deleted_node_comes_back_and_its_lease_with_it() -> None:
    async with hollow_world(_NODE) as api:
        was = uid_of(_node(api))
        api.delete("nodes", "", "a")
        await asyncio.sleep(30)
        assert uid_of(_node(api)) != was
        lease = api.get(_LEASES, "kube-node-lease", "a")
        assert lease is not None
        assert lease["metadata"]["ownerReferences"][0]["uid"] == uid_of(_node(api))


@in_virtual_time
async def test_what_others_put_on_a_node_stays() -> None:
    async with hollow_world({"name": "b"}) as api:
        first = api.get("nodes", "", "b")
        assert first is not None
        taint = {"key": "mine", "effect": "NoSchedule"}
        api.patch("nodes", "", "b", {"metadata": {"labels": {"mine": "1"}}, "spec": {"taints": [taint]}})
        status = {**first["status"], "capacity": {**first["status"]["capacity"], "mine.io/x": "3"}}
        api.update_status("nodes", {**first, "metadata": {"name": "b"}, "status": status})
        await quiet(api)
        second = api.get("nodes", "", "b")
        assert second is not None
        assert second["metadata"]["labels"]["mine"] == "1"
        assert second["spec"]["taints"] == [taint]
        assert second["status"]["capacity"]["mine.io/x"] == "3"


@in_virtual_time
async def test_the_fleet_of_today_counts() -> None:
    """A file of objects has outlived the fleet with which it was made."""
    async with hollow_world({"name": "a", "capacity": {SLICE: 7}}, {"name": "gone"}) as api:
        api.patch("nodes", "", "a", {"metadata": {"labels": {"mine": "1"}}})
    async with hollow_world({"name": "a", "capacity": {SLICE: 3}}, api=api):
        node = _node(api)
        assert node["status"]["allocatable"][SLICE] == "3"
        assert node["metadata"]["labels"]["mine"] == "1"
        gone = api.get("nodes", "", "gone")
        assert gone is not None
        assert not is_true(gone, "Ready")
        make(api, *(pod(f"p{i}") for i in range(3)))
        await quiet(api)
        assert {place_of(api, f"p{i}") for i in range(3)} == {"a"}
