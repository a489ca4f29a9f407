"""Faults that need another proxy than `faulty_proxy`: answers that are no JSON, watches that say what no server should."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from faulty_proxy import FaultyProxy
from kubeconfig import read_kubeconfig, write_kubeconfig


@dataclass(frozen=True)
class Truncate:
    """Does what was asked, and passes on the first half of the answer as if it were all."""


@dataclass(frozen=True)
class SayInWatch:
    """A watch that says this line and ends. An ERROR event, or what is none."""

    line: bytes


MALFORMED = SayInWatch(b'{"type":"MODIFIED","object":{"metadata":{"name":\n')
NO_OBJECT = SayInWatch(b'{"type":"ADDED"}\n')


def error_event(code: int, reason: str) -> SayInWatch:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return SayInWatch(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")


@dataclass(frozen=True)
class Arrival:
    """A request as it came in, answered or not."""

    at: float
    """Monotonic seconds."""
    method: str
    path: str

    @property
    def is_write(self) -> bool:
        return self.method in ("POST", "PUT", "PATCH", "DELETE") and "/leases" not in self.path


class WorseProxy(FaultyProxy):
    """Also writes down what comes in, when it comes in."""

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.arrivals: list[Arrival] = []

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        verb = "WATCH" if request.query.get("watch", "") in ("1", "true") else request.method
        self.arrivals.append(Arrival(time.monotonic(), verb, request.path))
        return await super()._handle(request)

    async def _pass_on(self, visit: Any, body: bytes) -> web.StreamResponse:
        if isinstance(visit.fault, SayInWatch):
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(visit.request)
            await response.write(visit.fault.line)
            return response
        answer = await super()._pass_on(visit, body)
        if isinstance(visit.fault, Truncate) and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            return web.Response(status=answer.status, body=answer.body[: len(answer.body) // 2], headers=answer.headers)
        return answer


@contextmanager
def worse_proxy(upstream: Path, kubeconfig: Path) -> Iterator[WorseProxy]:
    """As `running_proxy`."""
    proxy = WorseProxy(read_kubeconfig(upstream))
    started = threading.Event()
    thread = threading.Thread(target=proxy.run, args=[started], name="worse proxy", daemon=True)
    thread.start()
    started.wait()
    proxy.kubeconfig = write_kubeconfig(kubeconfig, proxy.server)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(timeout=10)
