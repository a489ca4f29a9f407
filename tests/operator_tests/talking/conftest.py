"""Agents to talk to: a stand-in that plays a script, and the real runtime with emulated engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from voice_process import voice_process

Script = Callable[[web.WebSocketResponse], Awaitable[None]]
StandIn = Callable[..., AbstractAsyncContextManager[str]]


@asynccontextmanager
async def _stand_in(
    script: Script | None = None,
    handshake: web.Response | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    figures: Any = None,
    name: str = "hello",
) -> AsyncIterator[str]:
    """A server whose WebSocket does what the script does, or whose handshake is refused."""

    async def realtime(request: web.Request) -> web.StreamResponse:
        if handshake is not None:
            return handshake
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if script is not None:
            await script(socket)
        return socket

    async def latency(_: web.Request) -> web.Response:
        return web.json_response(figures) if figures is not None else web.Response(status=404)

    async def models(_: web.Request) -> web.Response:
        if handshake is not None and handshake.status == 401:
            return web.Response(status=401)
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"}]})

    app = web.Application()
    routes = {"/v1/realtime": realtime, "/v1/models": models, "/page/latency": latency}
    app.add_routes([web.get(path, handler) for path, handler in routes.items()])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def stand_in() -> StandIn:
    return _stand_in


@pytest.fixture(scope="session")
def emulated_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with voice_process(tmp_path_factory.mktemp("agent")) as url:
        yield url
