"""Load on an API server, and what it answers: creates, server-side applies, and how soon watchers hear of a write.

The client shall not be what is measured: bodies are bytes made beforehand, connections are kept, answers are not parsed.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yaml
from kubeconfig import Connection
from offline_apiserver import REPOSITORY, committed_crds

CONNECTIONS = 16
WATCHERS = 10
WRITES_PER_SECOND = 100
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SENT = b'"sent":"'


@dataclass
class Phase:
    """One measurement: how many requests in which time, and how busy the client was."""

    requests: int = 0
    seconds: float = 0.0
    client_cpu: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def percentile_ms(self, percent: int) -> float:
        return statistics.quantiles(self.latencies_ms, n=100, method="inclusive")[percent - 1]


@contextmanager
def measured(phase: Phase) -> Iterator[None]:
    """Times what is done within; the client's garbage collector waits meanwhile."""
    gc.collect()
    gc.disable()
    started, cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        phase.seconds = time.perf_counter() - started
        phase.client_cpu = (time.process_time() - cpu) / phase.seconds
        gc.enable()


class Load:
    """VoiceAgents of one namespace on one server."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str) -> None:
        self._session = session
        self._namespace = namespace
        self.path = f"/apis/antiphon.dev/v1alpha1/namespaces/{namespace}/voiceagents"
        manifest = yaml.safe_load((REPOSITORY / "examples" / "hello-world.yaml").read_text(encoding="utf-8"))
        manifest["metadata"]["name"] = "NAME"
        manifest["spec"]["scaling"]["maxReplicas"] = 77777
        self._agent = json.dumps(manifest).encode()

    def agent(self, name: str, most_replicas: int = 2) -> bytes:
        return self._agent.replace(b"NAME", name.encode(), 1).replace(b"77777", str(most_replicas).encode(), 1)

    async def send(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> None:
        """A request that must succeed."""
        async with self._session.request(method, path, data=body, headers={"Content-Type": content_type}) as answer:
            content = await answer.read()
            if answer.status not in (200, 201):
                raise RuntimeError(f"{method} {path}: {answer.status} {content[:1000].decode()}")

    async def create(self, number: int) -> Phase:
        """So many agents, by all connections at once."""
        path = f"{self.path}?fieldManager=bench&fieldValidation=Strict"
        bodies = [self.agent(f"agent-{index}") for index in range(number)]
        left = iter(bodies)

        async def work() -> None:
            for body in left:
                await self.send("POST", path, body)

        phase = Phase(number)
        with measured(phase):
            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
        return phase

    async def apply(self, seconds: float, agents: int) -> Phase:
        """Whole agents applied again and again with one field changed; their fields have one owner from the start."""
        paths = [f"{self.path}/agent-{index}?fieldManager=bench-apply&force=true" for index in range(agents)]
        rounds = [[self.agent(f"agent-{index}", most) for index in range(agents)] for most in (2, 3)]
        for path, body in zip(paths, rounds[0], strict=True):
            await self.send("PATCH", path, body, APPLY)
        work = itertools.cycle([*zip(paths, rounds[1], strict=True), *zip(paths, rounds[0], strict=True)])
        return await self._repeat(seconds, lambda: self.send("PATCH", *next(work), APPLY))

    async def _repeat(self, seconds: float, step: Callable[[], Awaitable[None]]) -> Phase:
        phase = Phase()
        end = time.perf_counter() + seconds

        async def work() -> None:
            while time.perf_counter() < end:
                await step()
                phase.requests += 1

        with measured(phase):
            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
        return phase

    async def watch(self, seconds: float, agents: int) -> Phase:
        """Writes at a moderate rate, and the time until each watcher has each of them."""
        phase = Phase()
        since = await self._revision()
        starts = [asyncio.Event() for _ in range(WATCHERS)]
        watchers = [asyncio.create_task(self._listen(since, start, phase)) for start in starts]
        await asyncio.gather(*(start.wait() for start in starts))
        with measured(phase):
            await self._write_steadily(seconds, agents, phase)
            await self._all_heard(phase)
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        return phase

    async def _revision(self) -> str:
        async with self._session.get(f"{self.path}?limit=1") as answer:
            return str((await answer.json())["metadata"]["resourceVersion"])

    async def _listen(self, since: str, start: asyncio.Event, phase: Phase) -> None:
        query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "600"}
        async with self._session.get(self.path, params=query) as answer:
            assert answer.status == 200, await answer.text()
            start.set()
            rest = b""
            async for chunk in answer.content.iter_any():
                now = time.perf_counter_ns()
                *lines, rest = (rest + chunk).split(b"\n")
                phase.latencies_ms += [(now - _sent_ns(line)) / 1e6 for line in lines]

    async def _write_steadily(self, seconds: float, agents: int, phase: Phase) -> None:
        writes: set[asyncio.Task[None]] = set()
        started = time.perf_counter()
        for number in range(int(seconds * WRITES_PER_SECOND)):
            await asyncio.sleep(started + number / WRITES_PER_SECOND - time.perf_counter())
            write = asyncio.create_task(self._write(f"agent-{number % agents}"))
            writes.add(write)
            phase.requests += 1
        await asyncio.gather(*writes)

    async def _write(self, name: str) -> None:
        change = b'{"metadata":{"annotations":{' + SENT + str(time.perf_counter_ns()).encode() + b'"}}}'
        await self.send("PATCH", f"{self.path}/{name}", change, MERGE)

    async def _all_heard(self, phase: Phase) -> None:
        last = time.perf_counter() + 30
        while len(phase.latencies_ms) < phase.requests * WATCHERS:
            if time.perf_counter() > last:
                raise RuntimeError(f"{phase.requests} writes, {len(phase.latencies_ms)} events at {WATCHERS} watchers")
            await asyncio.sleep(0.01)


def _sent_ns(line: bytes) -> int:
    start = line.index(SENT) + len(SENT)
    return int(line[start : line.index(b'"', start)])


@asynccontextmanager
async def ready_load(connection: Connection, namespace: str) -> AsyncIterator[Load]:
    """Our CRDs are there and one namespace; both are gone afterwards, the CRDs where they were not there before."""
    connector = aiohttp.TCPConnector(ssl=connection.tls or True, limit=0)
    async with aiohttp.ClientSession(connection.server, connector=connector, headers=connection.headers) as session:
        made = [crd["metadata"]["name"] for crd in committed_crds().values() if await _is_new(session, crd)]
        load = Load(session, namespace)
        await _wait_served(session)
        await load.send("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": namespace}}).encode())
        try:
            yield load
        finally:
            with suppress(aiohttp.ClientError):
                await session.delete(load.path)
                await session.delete(f"/api/v1/namespaces/{namespace}")
                for name in made:
                    await session.delete(f"{CRDS}/{name}")


async def _is_new(session: aiohttp.ClientSession, crd: Any) -> bool:
    async with session.post(CRDS, json=crd) as answer:
        if answer.status not in (201, 409):
            raise RuntimeError(await answer.text())
        return answer.status == 201


async def _wait_served(session: aiohttp.ClientSession) -> None:
    for _ in range(300):
        async with session.get("/apis/antiphon.dev/v1alpha1/voiceagents?limit=1") as answer:
            if answer.status == 200:
                return
        await asyncio.sleep(0.1)
    raise RuntimeError("the server does not serve our CRDs within 30 s")
