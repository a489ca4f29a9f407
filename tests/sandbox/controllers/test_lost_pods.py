import asyncio

from controlled_world import controlled_world, pods_of, quiet
from prompt_node import pod, pod_spec, replica_set
from virtual_time import in_virtual_time

from antiphon_sandbox.controllers.lost_pods import GRACE_SECONDS


@in_virtual_time
async def test_pods_go_with_their_node() -> None:
    async with controlled_world() as api:
        api.create("replicasets.apps", replica_set("web", 2))
        await quiet(api)
        before = {each["metadata"]["uid"] for each in pods_of(api, "web")}
        api.delete("nodes", "", "prompt")
        await quiet(api)
        assert not before & {each["metadata"]["uid"] for each in pods_of(api, "web")}


@in_virtual_time
async def test_a_node_may_come_after_its_pods() -> None:
    async with controlled_world(node=False) as api:
        for name in ("early", "late"):
            api.create("pods", pod(name, pod_spec(nodeName=name)))
        await asyncio.sleep(GRACE_SECONDS / 2)
        api.create("nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "early"}})
        await asyncio.sleep(GRACE_SECONDS)
        assert [each["metadata"]["name"] for each in api.list("pods")] == ["early"]
