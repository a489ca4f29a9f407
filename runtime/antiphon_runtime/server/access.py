"""Lets HTTP requests in by key; pages of other hosts only where the configuration names them."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon_runtime.server.keys import Keys, bearer

_OPEN_FOLDER = "/page/"
"""The page holds no secret and asks for the key itself. All else below /v1, and the page's figures, need one."""
_GUARDED_PAGE = "/page/latency"


class KeyMiddleware:
    """WebSockets are left to their endpoint, which can say more."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_allowed(scope):
            await self._app(scope, receive, send)
            return
        error = {
            "type": "invalid_request_error",
            "code": "invalid_api_key",
            "message": "give a valid key as Authorization: Bearer KEY",
            "param": None,
        }
        answer = JSONResponse({"error": error}, 401, {"WWW-Authenticate": "Bearer"})
        await answer(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        path = scope["path"]
        if scope["method"] == "OPTIONS" or (path != _GUARDED_PAGE and (path == "/" or path.startswith(_OPEN_FOLDER))):
            return True
        return self._keys.accept(bearer(Headers(scope=scope)))
