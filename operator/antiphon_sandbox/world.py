"""A whole world in one process: API, controllers, scheduler, nodes and the proxy of Services."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from antiphon_sandbox.api.http_server import ApiServer
from antiphon_sandbox.api.journal import SqliteJournal
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.controllers.all import run_controllers
from antiphon_sandbox.kubeconfig import write_kubeconfig
from antiphon_sandbox.lifetime import tune_garbage_collection, until_told_to_end
from antiphon_sandbox.nodes.fleet import Fleet
from antiphon_sandbox.nodes.hollow import HollowNodes
from antiphon_sandbox.nodes.node_agent import NodeAgent
from antiphon_sandbox.nodes.processes import ProcessNodes
from antiphon_sandbox.nodes.scheduler import Scheduler
from antiphon_sandbox.nodes.service_proxy import ServiceProxy
from antiphon_sandbox.world_file import World, WorldFile

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What `up` is asked for."""

    file: WorldFile
    fleet: Fleet
    host: str = "127.0.0.1"
    port: int = 0
    beyond_loopback: bool = False
    sqlite: Path | None = None


async def run_world(plan: Plan, tell: Callable[[World], None]) -> None:
    """Until told to end. `tell` hears of it when it is ready."""
    journal = SqliteJournal(plan.sqlite) if plan.sqlite else None
    api = Api(journal=journal)
    server = ApiServer(api, plan.host, plan.port, plan.beyond_loopback)
    await server.start()
    write_kubeconfig(plan.file.kubeconfig, server.url)
    tune_garbage_collection()
    inhabitants = asyncio.create_task(_live(api, plan))
    ending = asyncio.create_task(until_told_to_end())
    try:
        await _until_nodes_are_there(api, plan.fleet, inhabitants)
        world = World(os.getpid(), server.url, str(plan.file.kubeconfig), plan.fleet.node_names)
        plan.file.write(world)
        tell(world)
        await asyncio.wait((inhabitants, ending), return_when=asyncio.FIRST_COMPLETED)
        if inhabitants.done():
            await inhabitants  # it ends only by an error
    finally:
        ending.cancel()
        inhabitants.cancel()
        await asyncio.gather(inhabitants, return_exceptions=True)
        await server.stop()
        if journal:
            journal.close()


async def _live(api: Api, plan: Plan) -> None:
    hollow = HollowNodes(api, plan.fleet.names_of("hollow"))
    processes = ProcessNodes(
        api,
        plan.fleet.names_of("process"),
        plan.file.folder / "pods",
        images=plan.fleet.images,
        environment={"KUBECONFIG": str(plan.file.kubeconfig)},
        remove_state=plan.sqlite is None,
    )
    for node in plan.fleet.nodes:
        api.serve_logs(node.name, hollow if node.kind == "hollow" else processes)
    async with asyncio.TaskGroup() as group:
        for inhabitant in (api, Scheduler(api), NodeAgent(api, plan.fleet), hollow, processes, ServiceProxy(api)):
            group.create_task(inhabitant.run())
        group.create_task(run_controllers(api))


async def _until_nodes_are_there(api: Api, fleet: Fleet, inhabitants: asyncio.Task[None]) -> None:
    """Ready, too: pods can be placed at once."""
    there = asyncio.Event()

    def look(_: object = None) -> None:
        if {node["metadata"]["name"] for node in api.list("nodes")}.issuperset(fleet.node_names):
            there.set()

    unsubscribe = api.subscribe(["nodes"], look)
    look()
    waiting = asyncio.create_task(there.wait())
    await asyncio.wait((waiting, inhabitants), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    unsubscribe()
