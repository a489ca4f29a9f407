"""The client against the runtime's own control API, and against servers that answer as they should not."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from control_pods import TOKEN, free_port, runtime_pod

from antiphon_crds.control import StageTuning, Tuning
from antiphon_operator.pods.control_client import (
    LARGEST_ANSWER_BYTES,
    ControlClient,
    ControlError,
    RefusedError,
    UnreachableError,
    WrongAnswerError,
    control_session,
)

HERE = "127.0.0.1"


@asynccontextmanager
async def client(port: int, timeout_seconds: float = 3.0) -> AsyncIterator[ControlClient]:
    async with control_session() as session:
        yield ControlClient(session, timeout_seconds=timeout_seconds, port=port)


def test_the_runtime_is_asked_and_tuned(tmp_path: Path) -> None:
    async def story() -> None:
        port = free_port()
        async with runtime_pod(tmp_path, HERE, port), client(port) as control:
            state = await control.state(HERE, f"{TOKEN}\n")
            assert (state.phase, state.capacity, state.generation) == ("Ready", 10, 0)
            tuning = Tuning(generation=3, stages=[StageTuning(stage="asr", variant="b", max_batch=2)], max_sessions=4)
            assert (await control.tune(HERE, TOKEN, tuning)).reason == "Applying"
            while (state := await control.state(HERE, TOKEN)).generation != 3:
                await asyncio.sleep(0.01)
            assert [(each.variant, each.max_batch) for each in state.stages if each.stage == "asr"] == [("b", 2)]
            assert (await control.tune(HERE, TOKEN, tuning)).reason == "Applied"
            stale = await control.tune(HERE, TOKEN, Tuning(generation=2))
            assert (stale.reason, stale.generation, stale.accepted) == ("StaleGeneration", 3, False)
            unknown = Tuning(generation=4, stages=[StageTuning(stage="asr", variant="c")])
            assert (await control.tune(HERE, TOKEN, unknown)).reason == "UnknownVariant"

    asyncio.run(story())


@pytest.mark.parametrize("token", ["wrong", "", "two\nlines", "späte", f"{TOKEN}x"])
def test_a_wrong_token_is_refused_and_not_told(tmp_path: Path, token: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        port = free_port()
        async with runtime_pod(tmp_path, HERE, port), client(port) as control:
            with pytest.raises(RefusedError) as refused:
                await control.state(HERE, token)
            assert not token or token not in f"{refused.value!r} {caplog.text}"
            with pytest.raises(RefusedError):
                await control.tune(HERE, token, Tuning(generation=1))

    caplog.set_level(logging.DEBUG)
    asyncio.run(story())


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{oops", WrongAnswerError, "no JSON"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]', WrongAnswerError, "no State"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"phase":"Ready"}', WrongAnswerError, "capacity"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", WrongAnswerError, "302"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", WrongAnswerError, "503"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", RefusedError, "403"),
        (b"\x00\xff nonsense\r\n\r\n", WrongAnswerError, "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", UnreachableError, "."),
        (b"", UnreachableError, "."),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (LARGEST_ANSWER_BYTES + 1), WrongAnswerError, "longer than"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n{"phase":"token-of-the-agent"', WrongAnswerError, "JSON"),
    ],
)  # fmt: skip
def test_what_is_not_of_the_contract_is_a_typed_error(answer: bytes, error: type[ControlError], said: str) -> None:
    async def story() -> None:
        async with saying(answer) as port, client(port) as control:
            with pytest.raises(error, match=said) as told:
                await control.state(HERE, TOKEN)
            assert TOKEN not in repr(told.value)
            assert len(str(told.value)) <= 300
            with pytest.raises(ControlError):
                await control.tune(HERE, TOKEN, Tuning(generation=1))

    asyncio.run(story())


def test_a_newer_pod_may_say_more() -> None:
    async def story() -> None:
        body = b'{"phase": "Ready", "capacity": 3, "mood": "good", "sessions": {"idle": 1, "singing": 2}}'
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        async with saying(answer) as port, client(port) as control:
            assert (await control.state(HERE, TOKEN)).sessions.idle == 1

    asyncio.run(story())


def test_a_pod_that_echoes_the_token_does_not_bring_it_into_a_status() -> None:
    async def story() -> None:
        body = b'{"accepted": false, "generation": 1, "reason": "Invalid", "message": "you sent %s"}' % TOKEN.encode()
        answer = b"HTTP/1.1 422 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        async with saying(answer) as port, client(port) as control:
            assert (await control.tune(HERE, TOKEN, Tuning(generation=1))).message == "you sent ***"

    asyncio.run(story())


def test_a_pod_that_is_slow_is_given_up() -> None:
    async def story() -> None:
        async with saying(None) as port, client(port, timeout_seconds=0.1) as control:
            with pytest.raises(UnreachableError, match=r"0\.1 s"):
                await control.state(HERE, TOKEN)

    asyncio.run(story())


@pytest.mark.parametrize("address", ["", "pod.example.com", "127.0.0.1:80/x", "127.0.0.1"])
def test_nobody_there(address: str) -> None:
    async def story() -> None:
        async with client(free_port()) as control:
            with pytest.raises(UnreachableError):
                await control.state(address, TOKEN)

    asyncio.run(story())


def test_ipv6(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as trial:
        try:
            trial.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")

    async def story() -> None:
        port = free_port()
        async with runtime_pod(tmp_path, "::1", port), client(port) as control:
            assert (await control.state("::1", TOKEN)).phase == "Ready"

    asyncio.run(story())


def test_a_session_that_takes_proxies_from_the_environment_is_not_taken() -> None:
    async def story() -> None:
        async with aiohttp.ClientSession(trust_env=True) as session:
            with pytest.raises(ValueError, match="proxies"):
                ControlClient(session)

    asyncio.run(story())


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        body = b'{"phase": "Starting"}'
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        async with saying(answer) as port, client(port) as control:
            assert (await control.state(HERE, TOKEN)).phase == "Starting"

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    asyncio.run(story())


@asynccontextmanager
async def saying(answer: bytes | None) -> AsyncIterator[int]:
    """Port of a server that says just this and hangs up; None: that says nothing."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await over.wait()
        else:
            writer.write(answer)
        writer.close()

    handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]] = serve
    server = await asyncio.start_server(handler, HERE, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        over.set()
