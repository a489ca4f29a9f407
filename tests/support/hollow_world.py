"""The API with a scheduler and hollow nodes, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from controlled_world import quiet
from virtual_time import virtual_now

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.nodes.fleet import Fleet, FleetFile, Node, NodeSpec
from antiphon_sandbox.nodes.hollow import HollowNodes
from antiphon_sandbox.nodes.node_agent import NodeAgent
from antiphon_sandbox.nodes.scheduler import Scheduler
from antiphon_sandbox.objects import Obj, condition

NAMESPACE = "default"
SLICE = "nvidia.com/mig-1g.18gb"


def fleet(*nodes: dict[str, Any]) -> Fleet:
    """Hollow ones."""
    file = FleetFile(nodes=[NodeSpec.model_validate(node) for node in nodes])
    return Fleet(tuple(Node(spec.name, spec) for spec in file.nodes), {})


@asynccontextmanager
async def hollow_world(*nodes: dict[str, Any], api: Api | None = None) -> AsyncIterator[Api]:
    """With an `api`: one that was there before."""
    api, found = api or Api(now=virtual_now), fleet(*nodes)
    parts = [api.run(), NodeAgent(api, found).run(), Scheduler(api).run(), HollowNodes(api, found.node_names).run()]
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await quiet(api)
        yield api
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}, ends


def pod(name: str, requests: dict[str, str] | None = None, **spec: Any) -> Obj:
    metadata = spec.pop("metadata", {})
    container: Obj = {"name": "main", "image": "voice"}
    if requests:
        container["resources"] = {"requests": requests, "limits": {k: v for k, v in requests.items() if "/" in k}}
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, **metadata},
        "spec": {"containers": [container], **spec},
    }


def make(api: Api, *pods: Obj) -> None:
    for each in pods:
        api.create("pods", each)


def place_of(api: Api, name: str) -> str | None:
    found = api.get("pods", NAMESPACE, name)
    assert found is not None
    node: str | None = found["spec"].get("nodeName")
    return node


def why(api: Api, name: str) -> str:
    """Why the pod has no node."""
    found = api.get("pods", NAMESPACE, name)
    assert found is not None
    told = condition(found, "PodScheduled") or {}
    assert told.get("status") == "False", told
    return str(told["message"])
