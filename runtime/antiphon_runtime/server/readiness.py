"""HTTP requests wait for no models: until the pod has loaded them they are refused with a hint.

A pod that drains still serves them: they are over soon, and sessions of other pods may need it for a stage.
"""

from __future__ import annotations

import math

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon_runtime.server.admission import RefusedError
from antiphon_runtime.server.pod import Pod

_API = "/v1/"
_ALWAYS = "/v1/models"


class ReadyMiddleware:
    def __init__(self, app: ASGIApp, pod: Pod) -> None:
        self._app = app
        self._pod = pod

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._pod.phase not in ("Starting", "Failed") or not _needs_models(scope):
            await self._app(scope, receive, send)
            return
        refused = RefusedError("not_ready", f"this pod is not ready: {self._pod.message}")
        headers = {"Retry-After": str(math.ceil(refused.retry_after_seconds))}
        await JSONResponse({"error": refused.as_error()}, 503, headers)(scope, receive, send)


def _needs_models(scope: Scope) -> bool:
    """WebSockets are refused by admission."""
    path = str(scope.get("path", ""))
    return scope["type"] == "http" and path.startswith(_API) and not path.startswith(_ALWAYS)
