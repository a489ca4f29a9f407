"""Port 8080: the realtime API, the HTTP API, and the page."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import WebSocketRoute

from antiphon_runtime.page.files import page_routes
from antiphon_runtime.server.access import KeyMiddleware
from antiphon_runtime.server.http_api.errors import add_error_handlers
from antiphon_runtime.server.http_api.routes import voice_api
from antiphon_runtime.server.keys import Keys
from antiphon_runtime.server.pod import Pod
from antiphon_runtime.server.readiness import ReadyMiddleware
from antiphon_runtime.server.realtime_socket import RealtimeSocket


def voice_app(pod: Pod, keys: Keys) -> FastAPI:
    app = FastAPI(title="Antiphon runtime: voice", docs_url=None, redoc_url=None)
    origins = tuple(pod.config.server.allowed_origins)
    realtime = RealtimeSocket(pod.sessions, keys, origins, pod.metrics.session_started)
    app.router.routes.append(WebSocketRoute("/v1/realtime", realtime.serve))
    app.router.routes.extend(page_routes())
    app.include_router(voice_api(pod.stages, pod.config))
    add_error_handlers(app)
    app.add_middleware(ReadyMiddleware, pod=pod)
    app.add_middleware(KeyMiddleware, keys=keys)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["antiphon-emulated", "Retry-After"],
        )

    @app.get("/page/latency", include_in_schema=False)
    async def latency() -> dict[str, Any]:
        return _latency(pod)

    return app


def _latency(pod: Pod) -> dict[str, Any]:
    stages = [
        {
            "stage": part.config.stage,
            "variant": working.variant.name,
            "emulated": working.engine.emulated,
            **pod.recent_steps[part.config.stage].as_json(),
        }
        for part in pod.stages
        if (working := part.served.current) is not None and part.config.stage in pod.recent_steps
    ]
    return {
        "stages": stages,
        "turn": pod.recent_turns.turns.as_json(),
        "sessions": len(pod.sessions),
        "capacity": pod.admission.capacity,
    }
