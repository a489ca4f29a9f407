"""Whoever is not let in, or loses the agent in the middle, hears why in words."""

from __future__ import annotations

import asyncio
import io
import json
import socket as sockets
from typing import Any

import pytest
from aiohttp import web

from antiphon_operator.commands.talk_command import Wishes, converse
from antiphon_operator.talking.call import Manner
from antiphon_operator.talking.errors import (
    LostError,
    NoKeyError,
    NotReachedError,
    RefusedError,
    TalkError,
    UnreadableError,
)
from antiphon_operator.talking.prompt import SayText
from antiphon_operator.talking.reach import Wanted
from antiphon_operator.talking.telling import JsonTeller, TextTeller
from antiphon_operator.talking.wire import base_url

HELLO = (SayText("hello"),)


async def greet(socket: web.WebSocketResponse) -> None:
    """As every server begins."""
    await socket.send_json({"type": "session.created", "session": {}})
    await socket.receive()
    await socket.send_json({"type": "session.updated", "session": {}})


async def next_of(socket: web.WebSocketResponse, kind: str) -> Any:
    """The client's next event of that kind; the microphone's silence is passed over."""
    async with asyncio.timeout(10):
        async for message in socket:
            event = json.loads(message.data)
            if event["type"] == kind:
                return event
    raise AssertionError(f"the client has gone without {kind}")


def talked(url: str, *, key: str | None = None, timeout_seconds: float = 5.0) -> Any:
    wishes = Wishes(Wanted(), url, key, HELLO, Manner(timeout_seconds=timeout_seconds), play=False)
    return converse(wishes, TextTeller(io.StringIO(), io.StringIO()), io.StringIO())


async def refuse(socket: web.WebSocketResponse, code: str, message: str, after: float) -> None:
    error = {"type": "server_error", "code": code, "message": message, "retry_after_seconds": after}
    await socket.send_json({"type": "error", "error": error})
    await socket.close(code=1013, message=message.encode())


@pytest.mark.parametrize("code", ["session_refused_full", "session_refused_draining", "session_refused_not_ready"])
def test_a_refused_session_says_why_and_when_to_try_again(stand_in: Any, code: str) -> None:
    async def story() -> RefusedError:
        async with stand_in(lambda socket: refuse(socket, code, "all 2 are taken; try again in 2 s", 2.0)) as url:
            with pytest.raises(RefusedError, match="try again in 2 s") as refused:
                await talked(url)
            return refused.value

    error = asyncio.run(story())
    assert (error.code, error.retry_after_seconds) == (code, 2.0)


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (lambda: web.Response(status=401), NoKeyError, "wants an API key.*--key.*ANTIPHON_API_KEY"),
        (lambda: web.Response(status=503, headers={"Retry-After": "7"}), RefusedError, "503; try again in 7 s"),
        (lambda: web.Response(status=429), RefusedError, "429"),
        (lambda: web.Response(status=404), NotReachedError, "404: is that the voice port"),
    ],
)
def test_a_refused_handshake_says_what_to_do(stand_in: Any, response: Any, kind: type[TalkError], says: str) -> None:
    async def story() -> None:
        async with stand_in(handshake=response()) as url:
            with pytest.raises(kind, match=says):
                await talked(url)

    asyncio.run(story())


def test_a_wrong_key_is_told_apart_from_none(stand_in: Any) -> None:
    async def story() -> None:
        async with stand_in(handshake=web.Response(status=401)) as url:
            with pytest.raises(NoKeyError, match="refuses this API key"):
                await talked(url, key="wrong")

    asyncio.run(story())


def test_nobody_there_is_not_reached() -> None:
    with sockets.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(NotReachedError, match=f"{url} can't be reached"):
        asyncio.run(talked(url))


def test_one_that_closes_in_the_middle_is_lost(stand_in: Any) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await greet(socket)
        await next_of(socket, "response.create")
        await socket.send_json({"type": "response.created", "response": {"id": "one"}})
        await socket.close(code=1001, message=b"drained")

    async def story() -> None:
        async with stand_in(script) as url:
            with pytest.raises(LostError, match=r"closed the connection \(1001: drained\)"):
                await talked(url)

    asyncio.run(story())


def test_a_broken_line_is_lost(stand_in: Any) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await greet(socket)
        await next_of(socket, "response.create")
        transport = socket.get_extra_info("peername") and socket._req.transport  # type: ignore[union-attr]
        assert transport is not None
        transport.abort()

    async def story() -> None:
        async with stand_in(script) as url:
            with pytest.raises(LostError, match="connection to the agent broke"):
                await talked(url)

    asyncio.run(story())


@pytest.mark.parametrize("said", ["not json", "[1]", '{"no": "type"}'])
def test_garbage_ends_the_conversation(stand_in: Any, said: str) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await greet(socket)
        await socket.send_str(said)
        await next_of(socket, "never")

    async def story() -> None:
        async with stand_in(script) as url:
            with pytest.raises(LostError, match="sent what is no event"):
                await talked(url)

    asyncio.run(story())


def test_one_that_never_answers_is_given_up(stand_in: Any) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await greet(socket)
        await next_of(socket, "never")

    async def story() -> tuple[int, dict[str, Any]]:
        out = io.StringIO()
        async with stand_in(script) as url:
            wishes = Wishes(Wanted(), url, None, HELLO, Manner(timeout_seconds=0.3), play=False)
            code = await converse(wishes, JsonTeller(out, io.StringIO()), io.StringIO())
        return code, json.loads(out.getvalue())

    code, told = asyncio.run(story())
    assert code == 1
    assert (told["outcome"], told["reason"], told["done_ms"]) == ("failed", "no answer within 0.3 s", None)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("ws://host:1/v1/realtime", "http://host:1"),
        ("wss://host/v1/", "https://host"),
        ("https://host/agents/hello/", "https://host/agents/hello"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_addresses_are_taken_as_people_write_them(given: str, base: str) -> None:
    assert base_url(given) == base


@pytest.mark.parametrize("given", ["ftp://host", "http://", ""])
def test_what_is_no_address_is_told_so(given: str) -> None:
    with pytest.raises(UnreadableError, match="no address of an agent"):
        base_url(given)
