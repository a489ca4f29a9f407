"""An API with controllers and a hollow node, served, and the operator's command line's own client: to install into."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from io import StringIO
from typing import Any

from hollow_world import fleet
from rich.console import Console
from served_api import served

from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.install.installing import Done, Install, InstallOptions
from antiphon_operator.install.manifests import Choices
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.resources import Resource
from antiphon_operator.kube.session import Connection
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.controllers.all import run_controllers
from antiphon_sandbox.nodes.hollow import HollowNodes
from antiphon_sandbox.nodes.node_agent import NodeAgent
from antiphon_sandbox.nodes.scheduler import Scheduler

Obj = dict[str, Any]


class InstallingWorld:
    """In real time; pods of the hollow node run at once, and nothing is in them."""

    def __init__(self, api: Api, cluster: Cluster) -> None:
        self.api = api
        self.cluster = cluster
        self.said = StringIO()
        self.steps = Steps(Console(file=self.said, width=200))

    async def install(self, *, presets: bool = False, wait: bool = True, timeout: float = 20.0, **chosen: Any) -> Done:
        options = InstallOptions(Choices(**chosen), presets, wait, timeout)
        return await Install(self.cluster, options, self.steps).run()

    def names(self, resource: Resource, namespace: str = "") -> list[str]:
        return sorted(obj["metadata"]["name"] for obj in self.api.list(str(resource), namespace))

    def the(self, resource: Resource, name: str, namespace: str = "") -> Obj:
        found = self.api.get(str(resource), namespace, name)
        assert found is not None, f"no {resource} {name}; there are {self.names(resource)}"
        return copy.deepcopy(found)

    def make_namespace(self, name: str) -> None:
        self.api.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


@asynccontextmanager
async def installing_world(*, node: bool = True) -> AsyncIterator[InstallingWorld]:
    """Without a node, no pod can run."""
    api, nodes = Api(), fleet({"name": "hollow"})
    parts = [api.run(), run_controllers(api), Scheduler(api).run()]
    if node:
        parts += [NodeAgent(api, nodes).run(), HollowNodes(api, nodes.node_names).run()]
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(served(api))
            connection = Connection(Access(client.url, "default", "a test"))
            yield InstallingWorld(api, Cluster(await stack.enter_async_context(connection)))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
