"""One call of a probe or a hook: httpGet, tcpSocket, exec, sleep; worded as a kubelet words it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import aiohttp

from antiphon_sandbox.nodes.child import Program, StartError, run_to_end
from antiphon_sandbox.nodes.volumes import Mounts
from antiphon_sandbox.objects import Obj

OUTPUT_BYTES = 10 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Where a container can be asked: its address and named ports, and the program whose surroundings exec shares."""

    address: str
    ports: Sequence[Obj]
    program: Program
    mounts: Mounts
    http: aiohttp.ClientSession

    def port(self, said: int | str) -> int:
        if isinstance(said, int) or said.isdecimal():
            return int(said)
        for port in self.ports:
            if port.get("name") == said:
                return int(port["containerPort"])
        raise HandlerError(f"couldn't find port: {said}")


class HandlerError(Exception):
    """The container answered no; the text says how."""


async def call(handler: Obj, target: Target, timeout_seconds: float | None, second: float = 1.0) -> None:
    """Returns when the answer is yes. `second` is the length of a second of `sleep`."""
    match handler:
        case {"httpGet": request}:
            await _http_get(request, target, timeout_seconds)
        case {"tcpSocket": socket}:
            await _tcp(socket, target, timeout_seconds)
        case {"exec": execution}:
            await _exec(execution["command"], target, timeout_seconds)
        case {"sleep": sleep}:
            await asyncio.sleep(sleep["seconds"] * second)
        case {"grpc": _}:
            raise HandlerError("the sandbox has no gRPC probes; use httpGet, tcpSocket or exec here")


async def _http_get(request: Obj, target: Target, timeout_seconds: float | None) -> None:
    host, scheme = request.get("host") or target.address, request.get("scheme", "HTTP").lower()
    path = request.get("path") or "/"
    url = f"{scheme}://{host}:{target.port(request['port'])}{path if path.startswith('/') else '/' + path}"
    headers = [(header["name"], header["value"]) for header in request.get("httpHeaders") or ()]
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with target.http.get(url, headers=headers, timeout=timeout, allow_redirects=False) as response:
            status = response.status
            await response.content.read(OUTPUT_BYTES)
    except TimeoutError:
        raise HandlerError(f'Get "{url}": context deadline exceeded') from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise HandlerError(f'Get "{url}": {_dial_problem(error, url)}') from None
    if not 200 <= status < 400:
        raise HandlerError(f"HTTP probe failed with statuscode: {status}")


def _dial_problem(error: Exception, url: str) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"dial tcp {url.split('/')[2]}: connect: {(error.os_error.strerror or str(error)).lower()}"
    return str(error) or type(error).__name__


async def _tcp(socket: Obj, target: Target, timeout_seconds: float | None) -> None:
    host, port = socket.get("host") or target.address, target.port(socket["port"])
    try:
        async with asyncio.timeout(timeout_seconds):
            _reader, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
    except TimeoutError:
        raise HandlerError(f"dial tcp {host}:{port}: i/o timeout") from None
    except OSError as error:
        reason = "connection refused" if isinstance(error, ConnectionRefusedError) else str(error)
        raise HandlerError(f"dial tcp {host}:{port}: connect: {reason}") from None


async def _exec(command: Sequence[str], target: Target, timeout_seconds: float | None) -> None:
    try:
        async with asyncio.timeout(timeout_seconds):
            argv = [target.mounts.real(part) for part in command]
            code, output = await run_to_end(replace(target.program, argv=argv), OUTPUT_BYTES)
    except TimeoutError:
        raise HandlerError(f'command timed out: "{" ".join(command)}" timed out after {timeout_seconds}s') from None
    except StartError as error:
        raise HandlerError(str(error)) from None
    if code:
        raise HandlerError(output.strip() or f'command "{" ".join(command)}" exited with {code}')
