"""Serves the page's files, with what browsers need to cache them and to confine them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

INDEX = "index.html"
FOLDER_URL = "/page"
"""Below it are all files but the first. `/page/latency` is none of them and is left to the server."""
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self' ws: wss:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""`no-cache`: kept by the browser, but asked for again each time, which the ETag answers in a few bytes."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, as it is sent."""

    name: str
    content: bytes
    content_type: str

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'

    def headers(self) -> dict[str, str]:
        return {**HEADERS, "ETag": self.etag, "Content-Type": self.content_type}


def page_files() -> list[PageFile]:
    """All files of the page. Read anew at each call."""
    found = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in CONTENT_TYPES)
    return [PageFile(path.name, path.read_bytes(), CONTENT_TYPES[path.suffix]) for path in found]


def page_routes() -> list[BaseRoute]:
    """Routes for `/` and for each file below `/page`; the files are read now, once.

    The page uses relative addresses only, so it may be mounted under any path that ends in a slash.
    """
    return [_route(file) for file in page_files()]


def _route(file: PageFile) -> Route:
    headers = file.headers()

    async def send(request: Request) -> Response:
        if _has(request, file.etag):
            kept = {name: value for name, value in headers.items() if name != "Content-Type"}
            return Response(status_code=304, headers=kept)
        return Response(file.content, headers=headers)

    path = "/" if file.name == INDEX else f"{FOLDER_URL}/{file.name}"
    return Route(path, send, methods=["GET"], name=f"page:{file.name}")


def _has(request: Request, etag: str) -> bool:
    """The browser has this version. Proxies that compress make the tag a weak one."""
    given = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return etag in given or "*" in given
