import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from process_world import NAMESPACE, comes_true, in_real_time

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.nodes.addresses import Addresses
from antiphon_sandbox.nodes.service_proxy import ServiceProxy, endpoints
from antiphon_sandbox.objects import Obj

SLICES = "endpointslices.discovery.k8s.io"


def endpoint(address: str, ready: bool | None = None, serving: bool | None = None) -> Obj:
    said = {"ready": ready, "serving": serving}
    return {"addresses": [address], "conditions": {name: value for name, value in said.items() if value is not None}}


def piece(port: int, *found: Obj, name: str = "") -> Obj:
    metadata = {"name": "web-1", "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": "web"}}
    ports = [{"name": name, "port": port, "protocol": "TCP"}]
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": list(found), "ports": ports}


def test_only_ready_endpoints_and_those_that_still_serve_when_there_are_none() -> None:
    going = endpoint("127.64.0.3", ready=False, serving=True)
    assert endpoints([piece(80, endpoint("127.64.0.1"), endpoint("127.64.0.2", False), going)], "") == [
        ("127.64.0.1", 80)
    ]
    assert endpoints([piece(80, endpoint("127.64.0.2", False), going)], "") == [("127.64.0.3", 80)]
    assert endpoints([piece(80, endpoint("127.64.0.1"), name="http")], "metrics") == []


@asynccontextmanager
async def proxied(api: Api) -> AsyncIterator[None]:
    running = asyncio.create_task(ServiceProxy(api).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def answering(address: str, port: int) -> AsyncIterator[None]:
    """Reads to the end, then answers with its own address and how much it read."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read = await reader.read(-1)
        writer.write(f"{address} {len(read)}".encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, address, port):
        yield


async def ask(address: str, port: int, said: bytes = b"") -> str:
    """Asks until somebody listens."""
    async with asyncio.timeout(10):
        while True:
            try:
                reader, writer = await asyncio.open_connection(address, port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.005)
                continue
            writer.write(said)
            writer.write_eof()
            answer = await reader.read(-1)
            writer.close()
            await writer.wait_closed()
            return answer.decode()


def service(address: str, port: int, **spec: Any) -> Obj:
    whole = {"clusterIP": address, "ports": [{"port": port, "targetPort": 8080}]} | spec
    return {"metadata": {"name": "web", "namespace": NAMESPACE}, "spec": whole}


@in_real_time
async def test_connections_go_to_the_endpoints_in_turn(free: int) -> None:
    api, addresses = Api(), Addresses()
    one, other, dead = addresses.take(), addresses.take(), addresses.take()
    api.create("services", service("127.96.7.7", free))
    async with proxied(api), answering(one, free), answering(other, free):
        api.create(SLICES, piece(free, endpoint(one), endpoint(other), endpoint(dead)))
        answers = [await ask("127.96.7.7", free, b"x" * 200_000) for _ in range(6)]
        assert set(answers) == {f"{one} 200000", f"{other} 200000"}
        api.patch(SLICES, NAMESPACE, "web-1", {"endpoints": [endpoint(other)]})
        assert {await ask("127.96.7.7", free) for _ in range(3)} == {f"{other} 0"}
        api.patch(SLICES, NAMESPACE, "web-1", {"endpoints": []})
        assert await ask("127.96.7.7", free) == ""


@in_real_time
async def test_it_listens_as_long_as_the_service_is_there(free: int) -> None:
    api = Api()
    async with proxied(api):
        api.create("services", service("127.96.7.8", free))
        assert await ask("127.96.7.8", free) == ""
        api.delete("services", NAMESPACE, "web")
        await comes_true(lambda: not _is_open("127.96.7.8", free))


@in_real_time
async def test_a_taken_port_is_said_and_tried_again(free: int) -> None:
    api = Api()
    with socket.create_server(("127.96.7.9", free)):
        async with proxied(api):
            api.create("services", service("127.96.7.9", free))
            await comes_true(lambda: api.list("events"))
    (event,) = api.list("events")
    assert event["reason"] == "PortNotListening"
    assert "127.96.7.9" in event["message"]


def _is_open(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0
