"""The operator's own port: `/healthz` for liveness, `/readyz`, `/metrics`, and what the control loop thought of an agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from antiphon_operator.objects import Obj

Problem = str | None


class Health:
    """Asks for problems when it is asked: what there is none of is well."""

    def __init__(
        self,
        registry: CollectorRegistry,
        alive: Callable[[], Problem],
        ready: Callable[[], Problem],
        thought_of: Callable[[str, str], Obj | None] = lambda namespace, name: None,  # noqa: ARG005
    ) -> None:
        """`thought_of`: of the agent with this namespace and name; None: nothing."""
        self._registry: Collector = registry
        self._alive = alive
        self._ready = ready
        self._thought_of = thought_of

    @asynccontextmanager
    async def served(self, host: str, port: int) -> AsyncIterator[int]:
        """The port, which is a free one where 0 was asked for."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._answer(self._alive)),
                web.get("/readyz", self._answer(self._ready)),
                web.get("/metrics", self._metrics),
                web.get("/v1/agents/{namespace}/{name}", self._thought),
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

    async def _thought(self, request: web.Request) -> web.StreamResponse:
        found = self._thought_of(request.match_info["namespace"], request.match_info["name"])
        if found is None:
            problem = "this operator has not looked at such an agent: it does not lead, or the agent is not accepted"
            return web.json_response({"error": problem}, status=404)
        return web.Response(body=orjson.dumps(found), content_type="application/json")
