"""A reverse proxy before an API server that injects faults when it is told to, and counts requests.

It serves plain HTTP on loopback from a thread of its own, and has a kubeconfig for whoever shall meet the faults.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from faults import CutWatch, Delay, DropAfter, DropBefore, ExpireWatch, Fault, Hang, Injection, Refuse, WatchEnd
from kubeconfig import Connection, read_kubeconfig, write_kubeconfig

Result = TypeVar("Result")
Listener = Callable[[web.BaseRequest, int], None]
"""Hears of each request once, with the code of its answer; 0 where it was not answered."""
CONNECTION_HEADERS = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}
)


@dataclass(eq=False)
class _Visit:
    request: web.BaseRequest
    verb: str
    fault: Fault | None
    is_counted: bool = False


@dataclass(eq=False)
class _Watch:
    path: str
    pump: asyncio.Task[None]
    end: WatchEnd | None = None


class FaultyProxy:
    """Starts with `running_proxy`. Verbs are the methods of HTTP, and WATCH for a GET that watches."""

    def __init__(self, upstream: Connection) -> None:
        self._upstream = upstream
        self._loop = asyncio.new_event_loop()
        self._injections: list[Injection] = []
        self._watches: set[_Watch] = set()
        self._watch_began = threading.Condition()
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._listeners: list[Listener] = []
        self._session: aiohttp.ClientSession
        self._runner: web.ServerRunner
        self.server = ""
        self.kubeconfig = Path()

    # --- what tests say -------------------------------------------------------------------------------------------

    def inject(self, fault: Fault, method: str = ".*", path: str = "", times: int | None = 1) -> Injection:
        """The next `times` requests whose verb matches `method` and that have `path` (regex) in their path."""
        if isinstance(fault, CutWatch | ExpireWatch):
            method = "WATCH"
        injection = Injection(fault, method, path, times)
        self._in_loop(lambda: self._injections.append(injection))
        return injection

    def heal(self) -> None:
        """No more faults."""
        self._in_loop(self._injections.clear)

    def end_watches(self, end: WatchEnd, path: str = "") -> int:
        """Ends the watches that run now (their `after_events` is not waited for); returns how many."""
        return self._in_loop(lambda: self._end_watches(end, path))

    def wait_watched(self, path: str, timeout_seconds: float = 30) -> None:
        """Until a watch of that path runs."""
        with self._watch_began:
            runs = self._watch_began.wait_for(lambda: bool(self._running(path)), timeout_seconds)
        assert runs, f"nobody watches {path} within {timeout_seconds} s"

    def counts(self, method: str = ".*", path: str = "") -> Counter[int]:
        """How many requests were answered with which code; 0 is for those that were not answered."""
        found: Counter[int] = Counter()
        for (verb, where, code), number in self._in_loop(self._counts.copy).items():
            if re.fullmatch(method, verb) and re.search(path, where):
                found[code] += number
        return found

    def listen(self, listener: Listener) -> None:
        """It is called in the proxy's thread."""
        self._in_loop(lambda: self._listeners.append(listener))

    def _in_loop(self, call: Callable[[], Result]) -> Result:
        done: Future[Result] = Future()

        def run() -> None:
            try:
                done.set_result(call())
            except Exception as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(timeout=10)

    def _running(self, path: str) -> list[_Watch]:
        return [watch for watch in tuple(self._watches) if re.search(path, watch.path)]

    def _end_watches(self, end: WatchEnd, path: str) -> int:
        chosen = self._running(path)
        for watch in chosen:
            watch.end = end
            watch.pump.cancel()
        return len(chosen)

    # --- its thread -----------------------------------------------------------------------------------------------

    def run(self, started: threading.Event) -> None:
        """Serves until `stop`."""
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._start())
            started.set()
            self._loop.run_forever()
            self._loop.run_until_complete(self._stop())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
            started.set()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._upstream.tls or True, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        server = web.Server(self._handle, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.server = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        self._end_watches(CutWatch(), "")
        await self._runner.cleanup()
        await self._session.close()

    # --- requests -------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        verb = "WATCH" if request.query.get("watch", "") in ("1", "true") else request.method
        fault = next((entry.fault for entry in self._injections if entry.takes(verb, request.path)), None)
        visit = _Visit(request, verb, fault)
        try:
            response = await self._answer(visit)
            if not _is_dropped(request):
                self._count(visit, response.status)
            return response
        finally:
            self._count(visit, 0)

    def _count(self, visit: _Visit, code: int) -> None:
        """The first word counts."""
        if visit.is_counted:
            return
        visit.is_counted = True
        self._counts[visit.verb, visit.request.path, code] += 1
        for listener in self._listeners:
            listener(visit.request, code)

    async def _answer(self, visit: _Visit) -> web.StreamResponse:
        body = await visit.request.read()
        match visit.fault:
            case Refuse():
                return _refusal(visit.fault)
            case DropBefore():
                return _drop(visit.request)
            case Hang():
                await asyncio.Event().wait()
            case Delay():
                await asyncio.sleep(visit.fault.seconds)
        try:
            return await self._pass_on(visit, body)
        except aiohttp.ClientError:
            return _drop(visit.request)

    async def _pass_on(self, visit: _Visit, body: bytes) -> web.StreamResponse:
        sent = visit.request.headers.items()
        async with self._session.request(
            visit.request.method,
            self._upstream.server + visit.request.raw_path,
            data=body or None,
            headers=[*_end_to_end(sent), *self._upstream.headers.items()],
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            allow_redirects=False,
        ) as answer:
            if visit.verb == "WATCH" and answer.status == 200:
                return await self._watch(visit, answer)
            content = await answer.read()
            if isinstance(visit.fault, DropAfter):
                return _drop(visit.request)
            return web.Response(status=answer.status, body=content, headers=_end_to_end(answer.headers.items()))

    # --- watches --------------------------------------------------------------------------------------------------

    async def _watch(self, visit: _Visit, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers.items()))
        await response.prepare(visit.request)
        self._count(visit, answer.status)
        end = visit.fault if isinstance(visit.fault, CutWatch | ExpireWatch) else None
        events = None if end is None else end.after_events if isinstance(end, CutWatch) else 0
        watch = _Watch(visit.request.path, asyncio.create_task(_pump(answer, response, events)), end)
        with self._watch_began:
            self._watches.add(watch)
            self._watch_began.notify_all()
        try:
            await asyncio.wait([watch.pump])
            if watch.end is not None:
                await _end(visit.request, response, watch.end)
            with suppress(asyncio.CancelledError, ConnectionError, aiohttp.ClientError):
                watch.pump.result()
        finally:
            self._watches.discard(watch)
            watch.pump.cancel()
        return response


async def _pump(answer: aiohttp.ClientResponse, response: web.StreamResponse, events: int | None) -> None:
    """Lines as they come, until so many are through."""
    if events == 0:
        return
    async for lines in _whole_lines(answer):
        await response.write(b"".join(lines[:events]))
        if events is not None:
            events -= len(lines[:events])
            if events == 0:
                return


async def _whole_lines(answer: aiohttp.ClientResponse) -> AsyncIterator[list[bytes]]:
    rest = b""
    async for chunk in answer.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [line + b"\n" for line in lines]


async def _end(request: web.BaseRequest, response: web.StreamResponse, end: WatchEnd) -> None:
    with suppress(ConnectionError):
        if isinstance(end, ExpireWatch):
            await response.write(json.dumps({"type": "ERROR", "object": _status(410, "Expired")}).encode() + b"\n")
        elif end.mid_line:
            await response.write(b'{"type":"MODIFIED","object":{"metadata":{"na')
            _drop(request)


def _status(code: int, reason: str) -> dict[str, Any]:
    text = f"the proxy answers {code} because a test asks for it"
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**head, "message": text, "reason": reason, "code": code}


def _refusal(fault: Refuse) -> web.Response:
    later = fault.retry_after_seconds
    headers = {} if later is None else {"Retry-After": str(later)}
    details = {} if later is None else {"details": {"retryAfterSeconds": later}}
    body = json.dumps({**_status(fault.code, fault.reason), **details})
    return web.Response(status=fault.code, text=body, content_type="application/json", headers=headers)


def _drop(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)


def _is_dropped(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


def _end_to_end(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in headers if name.lower() not in CONNECTION_HEADERS]


@contextmanager
def running_proxy(upstream: Path, kubeconfig: Path) -> Iterator[FaultyProxy]:
    """A proxy before the server of the kubeconfig `upstream`; writes one of its own to `kubeconfig`."""
    proxy = FaultyProxy(read_kubeconfig(upstream))
    started = threading.Event()
    thread = threading.Thread(target=proxy.run, args=[started], name="faulty proxy", daemon=True)
    thread.start()
    started.wait()
    proxy.kubeconfig = write_kubeconfig(kubeconfig, proxy.server)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(timeout=10)
