"""The API alone: no controllers, no nodes. For tests of clients, and as a base to run one's own parts against."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from antiphon_sandbox.api.http_server import ApiServer
from antiphon_sandbox.api.journal import SqliteJournal
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kubeconfig import write_kubeconfig
from antiphon_sandbox.lifetime import tune_garbage_collection, until_told_to_end


async def serve(
    host: str,
    port: int,
    beyond_loopback: bool,
    sqlite: Path | None,
    kubeconfig: Path | None,
    history: int,
    tell: Callable[[str], None],
) -> None:
    """Until told to end. `tell` hears the URL when it serves."""
    journal = SqliteJournal(sqlite) if sqlite else None
    api = Api(journal=journal, history=history)
    server = ApiServer(api, host, port, beyond_loopback)
    await server.start()
    if kubeconfig:
        write_kubeconfig(kubeconfig, server.url)
    tune_garbage_collection()
    tell(server.url)
    collecting = asyncio.create_task(api.run())
    await until_told_to_end()
    collecting.cancel()
    await server.stop()
    if journal:
        journal.close()
