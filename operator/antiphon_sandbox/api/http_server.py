"""The HTTP server: paths that are no objects, refusals as Status, and the life of the socket."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from antiphon_sandbox.api import bodies, discovery, openapi, requests, reviews
from antiphon_sandbox.api.calls import Call, json_response
from antiphon_sandbox.api.errors import PageNotFoundError, method_not_allowed
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.patching import APPLY
from antiphon_sandbox.api.resources import Registry, Resource
from antiphon_sandbox.api.targets import target_of
from antiphon_sandbox.api.write_options import options_of
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.problems import SandboxError

log = logging.getLogger(__name__)

_VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+antiphon-sandbox",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none, this is Python",
    "compiler": "none",
    "platform": "linux/amd64",
}
_HEALTH = frozenset({"healthz", "livez", "readyz"})
_LONGEST_BODY_BYTES = 3 * 1024 * 1024
"""As upstream's limit on a request."""


class NotLoopbackError(SandboxError):
    """An address that others could reach, without anybody having asked for it."""


class ApiServer:
    """Serves an Api. No TLS, no tokens: whoever reaches the port may do everything."""

    def __init__(self, api: Api, host: str = "127.0.0.1", port: int = 0, beyond_loopback: bool = False) -> None:
        if not beyond_loopback and not _is_loopback(host):
            raise NotLoopbackError(
                f"host {host!r}: anybody who reaches it may do everything, as there are neither tokens nor TLS; "
                "it must be a loopback address such as 127.0.0.1, unless the server is told to go beyond"
            )
        self._api = api
        self._host = host
        self.port = port
        self._runner: web.ServerRunner | None = None
        self._streams: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listens; OSError when the port is taken."""
        server = web.Server(self._handle, access_log=None, request_factory=_request)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.2)
        await self._runner.setup()
        listener = socket.create_server((self._host, self.port), family=_family(self._host), backlog=1024)
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Ends watches and refuses what comes."""
        for task in self._streams:
            task.cancel()
        if self._runner:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._streams.add(task)
        try:
            return await self._answer(request)
        except ApiError as error:
            retry = error.details.get("retryAfterSeconds")
            response = json_response(error.status(), error.code)
            if retry:
                response.headers["Retry-After"] = str(retry)
            return response
        except PageNotFoundError:
            return web.Response(text="404 page not found\n", status=404)
        except ConnectionError:
            raise
        except Exception as error:
            log.exception("%s %s", request.method, request.path_qs)
            return json_response(ApiError(500, "InternalError", f"Internal error occurred: {error!r}").status(), 500)
        finally:
            if task is not None:
                self._streams.discard(task)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if parts[0] in ("api", "apis") and len(parts) > (2 if parts[0] == "api" else 3):
            return await self._answer_about_objects(request, parts)
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        answer = self._answer_about_server(request, parts)
        if answer is None:
            raise PageNotFoundError
        return answer

    async def _answer_about_objects(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        if parts[0] == "apis" and (kind := discovery.review_kind(parts[1], parts[2], parts[3])):
            if request.method != "POST":
                raise method_not_allowed()
            review = bodies.read(await request.read(), request.content_type, parts[1], parts[2], kind)
            return json_response(reviews.answer(kind, review), 201)
        target = target_of(self._api.registry, parts)
        verb = requests.VERBS.get(request.method)
        if verb is None:
            raise method_not_allowed()
        try:
            body = await request.read() if request.can_read_body else b""
        except web.HTTPRequestEntityTooLarge as error:
            message = f"Request entity too large: limit is {_LONGEST_BODY_BYTES}"
            raise ApiError(413, "RequestEntityTooLarge", message) from error
        call = Call(
            self._api, request, target, body, options_of(request, target.subresource, request.content_type in APPLY)
        )
        call.options.warnings.extend(_of_deprecation(self._api.registry, target.resource))
        response = await verb(call)
        for warning in call.options.warnings:
            escaped = warning.replace("\\", "\\\\").replace('"', '\\"')
            response.headers.add("Warning", f'299 - "{escaped}"')
        return response

    def _answer_about_server(self, request: web.BaseRequest, parts: list[str]) -> web.Response | None:
        registry = self._api.registry
        aggregated = "g=apidiscovery.k8s.io" in request.headers.get("Accept", "")
        match parts:
            case ["api"] | ["apis"] if aggregated:
                return json_response(
                    discovery.aggregated(registry, parts == ["api"]), content_type=discovery.AGGREGATED
                )
            case ["api"]:
                return json_response({"kind": "APIVersions", "versions": ["v1"]})
            case ["apis"]:
                return json_response(discovery.group_list(registry))
            case ["api", version]:
                return json_response(discovery.resource_list(registry, "", version))
            case ["apis", group]:
                return json_response(discovery.group(registry, group))
            case ["apis", group, version]:
                return json_response(discovery.resource_list(registry, group, version))
            case ["openapi", "v2"]:
                body, media = openapi.old_document("proto-openapi" in request.headers.get("Accept", ""))
                return web.Response(body=body, headers={"Content-Type": media})
            case ["openapi", "v3"]:
                return json_response(openapi.index(registry))
            case ["openapi", "v3", *path]:
                return json_response(openapi.document(registry, "/".join(path)))
            case _:
                return _plain_page(parts, registry)


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_LONGEST_BODY_BYTES)


def _of_deprecation(registry: Registry, resource: Resource) -> Iterator[str]:
    if not resource.definition.get("deprecated"):
        return
    current = next(
        (other for other in registry if other.name == resource.name and not other.definition.get("deprecated")), None
    )
    instead = f"; use {current.api_version} {current.kind}" if current else ""
    yield resource.definition.get("deprecationWarning") or (
        f"{resource.api_version} {resource.kind} is deprecated{instead}"
    )


def _plain_page(parts: list[str], registry: Any) -> web.Response | None:
    match parts:
        case ["version"]:
            return json_response(_VERSION)
        case [page, *_] if page in _HEALTH:
            return web.Response(text="ok")
        case [""]:
            groups = [f"/apis/{name}" for name in discovery.groups(registry) if name]
            paths = ["/api", "/api/v1", "/apis", *groups, *sorted(f"/{page}" for page in _HEALTH)]
            return json_response({"paths": [*paths, "/openapi/v2", "/openapi/v3", "/version"]})
        case _:
            return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
