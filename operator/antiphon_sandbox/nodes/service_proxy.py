"""Services: their cluster addresses are of the loopback network, and we listen there for their ready endpoints."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address

from antiphon_sandbox.kube import Event, Kube
from antiphon_sandbox.objects import Obj, labels_of, name_of, namespace_of
from antiphon_sandbox.reconciler import Reconciler

log = logging.getLogger(__name__)

LOOPBACK = IPv4Network("127.0.0.0/8")
_SLICES = "endpointslices.discovery.k8s.io"
_SERVICE_LABEL = "kubernetes.io/service-name"
_PIECE_BYTES = 64 * 1024
_CONNECT_SECONDS = 2.0
_RETRY_SECONDS = 2.0
_BACKLOG = 512

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listened:
    """Where a Service is reached: one TCP port."""

    address: str
    port: int
    name: str


def listened(service: Obj) -> list[Listened]:
    """Empty for headless Services and for those elsewhere than on loopback."""
    address = service["spec"].get("clusterIP") or "None"
    if address == "None" or ip_address(address) not in LOOPBACK:
        return []
    ports = service["spec"].get("ports") or ()
    return [
        Listened(address, port["port"], port.get("name") or "")
        for port in ports
        if port.get("protocol", "TCP") == "TCP"
    ]


def endpoints(slices: list[Obj], port_name: str) -> list[tuple[str, int]]:
    """The ready ones; while there are none, those that serve although they are going."""
    found = [(endpoint, port) for piece in slices for endpoint, port in _pairs(piece, port_name)]
    ready = [pair for pair in found if _holds(pair[0], "ready")]
    chosen = ready or [pair for pair in found if (pair[0].get("conditions") or {}).get("serving")]
    return [(address, port) for endpoint, port in chosen for address in endpoint["addresses"]]


def _pairs(piece: Obj, port_name: str) -> Iterator[tuple[Obj, int]]:
    for port in piece.get("ports") or ():
        if (port.get("name") or "") == port_name and port.get("port"):
            yield from ((endpoint, port["port"]) for endpoint in piece.get("endpoints") or ())


def _holds(endpoint: Obj, condition: str) -> bool:
    """A condition that is not said holds."""
    return (endpoint.get("conditions") or {}).get(condition) is not False


class ServiceProxy:
    """Listens for Services and passes connections on to their endpoints in turn."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._due: Reconciler[Key] = Reconciler("service proxy", self._visit)
        self._listeners: dict[Key, dict[Listened, Callable[[], None]]] = {}
        self._turns = itertools.count()
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        unsubscribe = self._kube.subscribe(["services"], self._on_event)
        try:
            for service in self._kube.list("services"):
                self._mark(service)
            await self._due.run()
        finally:
            unsubscribe()
            await self._close()

    async def _close(self) -> None:
        for listeners in self._listeners.values():
            for close in listeners.values():
                close()
        await asyncio.sleep(0)  # what was just accepted begins, so that it can be ended
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _on_event(self, event: Event) -> None:
        self._mark(event.object)

    def _mark(self, service: Obj) -> None:
        self._due.mark((namespace_of(service), name_of(service)))

    def _visit(self, key: Key) -> None:
        service = self._kube.get("services", *key)
        wanted = set(listened(service)) if service else set()
        listeners = self._listeners.setdefault(key, {})
        for stale in listeners.keys() - wanted:
            listeners.pop(stale)()
        for missing in wanted - listeners.keys():
            try:
                listeners[missing] = self._listen(key, missing)
            except OSError as error:
                self._refused(key, missing, error)
        if not listeners:
            del self._listeners[key]

    def _listen(self, key: Key, where: Listened) -> Callable[[], None]:
        """Returns what ends it. We accept ourselves: asyncio's server trips over connections that come as it closes."""
        loop = asyncio.get_running_loop()
        listener = socket.create_server((where.address, where.port), backlog=_BACKLOG)
        listener.setblocking(False)
        loop.add_reader(listener, self._accept, listener, key, where.name)

        def close() -> None:
            loop.remove_reader(listener)
            listener.close()

        return close

    def _accept(self, listener: socket.socket, key: Key, port_name: str) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # it went away again, or there are too many open files: the loop asks again
            return
        task = asyncio.get_running_loop().create_task(self._forward(key, port_name, connection))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    def _refused(self, key: Key, where: Listened, error: OSError) -> None:
        """Somebody else has the port, or only root may open it: said, and tried again."""
        why = f"can't listen on {where.address}:{where.port}: {error.strerror or error}"
        if isinstance(error, PermissionError):
            why += "; ports below 1024 need root here: give the Service a higher port, or reach its pods directly"
        log.warning("service %s/%s %s", *key, why)
        if service := self._kube.get("services", *key):
            self._kube.record(service, "Warning", "PortNotListening", why, "kube-proxy")
        self._due.mark_after(key, _RETRY_SECONDS)

    async def _forward(self, key: Key, port_name: str, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            if reached := await self._connect(key, port_name):
                await _join((reader, writer), reached)
        finally:
            writer.close()

    async def _connect(self, key: Key, port_name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the next endpoint, or to one after it that answers."""
        slices = [piece for piece in self._kube.list(_SLICES, key[0]) if labels_of(piece).get(_SERVICE_LABEL) == key[1]]
        found = endpoints(slices, port_name)
        first = next(self._turns)
        for index in range(len(found)):
            address, port = found[(first + index) % len(found)]
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await asyncio.open_connection(address, port)
        return None


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _join(one: Ends, other: Ends) -> None:
    """Both directions; the end of one is passed on, so that half-closed connections work."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(one[0], other[1]))
            group.create_task(_pass_on(other[0], one[1]))
    except* OSError:
        pass
    finally:
        other[1].close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
