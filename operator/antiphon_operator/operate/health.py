"""The operator's own port: `/healthz` for liveness, `/readyz`, and `/metrics`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

Problem = str | None


class Health:
    """Asks for problems when it is asked: what there is none of is well."""

    def __init__(self, registry: CollectorRegistry, alive: Callable[[], Problem], ready: Callable[[], Problem]) -> None:
        self._registry: Collector = registry
        self._alive = alive
        self._ready = ready

    @asynccontextmanager
    async def served(self, host: str, port: int) -> AsyncIterator[int]:
        """The port, which is a free one where 0 was asked for."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._answer(self._alive)),
                web.get("/readyz", self._answer(self._ready)),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()

    def _answer(self, problem: Callable[[], Problem]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(_: web.Request) -> web.StreamResponse:
            found = problem()
            return web.Response(text=f"{found or 'ok'}\n", status=503 if found else 200)

        return answer

    async def _metrics(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
