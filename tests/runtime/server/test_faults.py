"""What goes wrong on the wire ends in the right error, and the pod serves the next one as if nothing had been."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import websockets
from callers import SILENCE, SPEECH, Caller
from voice_process import PodProcess, pod_process


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProcess]:
    """At the end of all it still answers."""
    with pod_process(tmp_path_factory.mktemp("pod"), sessions={"resumeGrace": "2s"}) as running:
        yield running
        caller = Caller(running.realtime_url)
        asyncio.run(caller.call(1, waits_seconds=2))
        assert caller.answers == ["completed"]


@pytest.fixture(autouse=True)
def _no_fault_of_ours(pod: PodProcess) -> Iterator[None]:
    yield
    assert pod.process.poll() is None
    assert "Traceback" not in pod.log.read_text()


def sessions_of(pod: PodProcess) -> dict[str, int]:
    with urllib.request.urlopen(f"{pod.control_url}/control/v1/state", timeout=5) as answer:
        found: dict[str, int] = json.load(answer)["sessions"]
        return found


async def until_empty(pod: PodProcess, seconds: float = 5) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while sum((await asyncio.to_thread(sessions_of, pod)).values()):
        assert loop.time() < until, "sessions are left behind"
        await asyncio.sleep(0.05)


async def next_of(socket: websockets.ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            event: dict[str, Any] = json.loads(await socket.recv())
            if event["type"] == kind:
                return event


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "{}",
        '{"type": 7}',
        '{"type": "nothing.known"}',
        "\N{GRINNING FACE}",
        "[" * 100_000,
    ],
)
def test_nonsense_is_told_and_the_session_lives_on(pod: PodProcess, message: str) -> None:
    async def story() -> None:
        async with websockets.connect(pod.realtime_url) as socket:
            await next_of(socket, "session.created")
            await socket.send(message)
            error = (await next_of(socket, "error"))["error"]
            assert error["type"] == "invalid_request_error"
            assert error["message"]
            await socket.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
            await next_of(socket, "session.updated")

    asyncio.run(story())


def test_bytes_that_are_no_text_are_told_too(pod: PodProcess) -> None:
    async def story() -> None:
        async with websockets.connect(pod.realtime_url) as socket:
            await next_of(socket, "session.created")
            await socket.send(b"\xff\xfe\x00")
            await next_of(socket, "error")

    asyncio.run(story())


def test_wrong_order_is_told_by_code(pod: PodProcess) -> None:
    wrong = {
        '{"type": "input_audio_buffer.commit"}': "input_audio_buffer_commit_empty",
        '{"type": "response.cancel"}': "response_cancel_not_active",
        '{"type": "conversation.item.delete", "item_id": "nobody"}': "item_delete_invalid_item_id",
    }

    async def story() -> None:
        async with websockets.connect(pod.realtime_url) as socket:
            for message, code in wrong.items():
                await socket.send(message)
                assert (await next_of(socket, "error"))["error"]["code"] == code

    asyncio.run(story())


def test_the_largest_append_is_taken_while_others_talk(pod: PodProcess) -> None:
    """15 MiB of audio, in one message: five minutes."""

    async def story() -> None:
        caller = Caller(pod.realtime_url)
        call = asyncio.create_task(caller.call(2, waits_seconds=2))
        async with websockets.connect(pod.realtime_url, max_size=None) as socket:
            off = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            await socket.send(json.dumps({"type": "session.update", "session": off}))
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA" * (5 * 2**20)}))
            await socket.send('{"type": "input_audio_buffer.commit"}')
            await next_of(socket, "input_audio_buffer.committed")
        await call
        assert caller.answers == ["completed"] * 2
        assert caller.gaps == 0

    asyncio.run(story())


def test_a_message_beyond_all_bounds_ends_its_session_only(pod: PodProcess) -> None:
    async def story() -> None:
        async with websockets.connect(pod.realtime_url, max_size=None) as socket:
            await next_of(socket, "session.created")
            with suppress(websockets.ConnectionClosed):
                await socket.send("x" * (40 * 2**20))
            await socket.wait_closed()
            assert socket.close_code == 1009
        await until_empty(pod)

    asyncio.run(story())


def test_minutes_of_silence_cost_no_memory(pod: PodProcess) -> None:
    """Twenty times as fast as real time."""

    async def story() -> None:
        async with websockets.connect(pod.realtime_url) as socket:

            async def silence(seconds: int) -> None:
                for _ in range(seconds):
                    for _ in range(50):
                        await socket.send(SILENCE)
                    await asyncio.sleep(1 / 20)

            await silence(20)
            before = pod.resident_bytes
            await silence(120)
            assert pod.resident_bytes - before < 4 * 2**20

    asyncio.run(story())


def test_a_client_that_stops_reading_is_let_go(pod: PodProcess) -> None:
    """It asks for more and more, and takes nothing."""

    async def story() -> None:
        reader, writer = await asyncio.open_connection(pod.host, pod.voice_port)
        writer.write(
            b"GET /v1/realtime HTTP/1.1\r\nHost: pod\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        big = json.dumps(
            {"type": "session.update", "event_id": "x", "session": {"type": "realtime", "instructions": "x" * 60_000}}
        )
        frame = b"\x81\xff" + len(big).to_bytes(8, "big") + b"\0\0\0\0" + big.encode()

        async def ask_on() -> None:
            while True:
                writer.write(frame)
                await writer.drain()

        asking = asyncio.create_task(ask_on())
        await asyncio.sleep(1)
        await until_empty(pod, seconds=10)
        asking.cancel()
        writer.transport.abort()

    asyncio.run(story())


def test_a_lost_connection_is_taken_up_again(pod: PodProcess) -> None:
    async def story() -> None:
        first = await websockets.connect(pod.realtime_url)
        session_id = (await next_of(first, "session.created"))["session"]["id"]
        await first.send(
            '{"type": "conversation.item.create", "item": {"id": "mine", "type": "message", "role": "user",'
            ' "content": [{"type": "input_text", "text": "Remember me"}]}}'
        )
        await next_of(first, "conversation.item.done")
        first.transport.abort()
        await asyncio.sleep(0.3)
        assert (await asyncio.to_thread(sessions_of, pod))["resumable"] == 1
        async with websockets.connect(f"{pod.realtime_url}?resume={session_id}") as again:
            assert (await next_of(again, "session.created"))["session"]["id"] == session_id
            await again.send('{"type": "conversation.item.retrieve", "item_id": "mine"}')
            assert (await next_of(again, "conversation.item.retrieved"))["item"]["id"] == "mine"
        await until_empty(pod, seconds=1)

    asyncio.run(story())


def test_a_lost_connection_is_forgotten_after_its_grace(pod: PodProcess) -> None:
    async def story() -> None:
        first = await websockets.connect(pod.realtime_url)
        session_id = (await next_of(first, "session.created"))["session"]["id"]
        first.transport.abort()
        await asyncio.sleep(2.5)
        await until_empty(pod)
        async with websockets.connect(f"{pod.realtime_url}?resume={session_id}") as again:
            assert (await next_of(again, "session.created"))["session"]["id"] != session_id

    asyncio.run(story())


def test_a_thousand_sessions_leave_nothing_behind(pod: PodProcess) -> None:
    async def one() -> None:
        async with websockets.connect(pod.realtime_url) as socket:
            await socket.send('{"type": "response.create", "response": {"output_modalities": ["text"]}}')
            await next_of(socket, "response.output_text.delta")
            for _ in range(15):
                await socket.send(SPEECH)
            await next_of(socket, "input_audio_buffer.speech_started")

    async def many(count: int) -> None:
        for _ in range(count // 20):
            await asyncio.gather(*(one() for _ in range(20)))
        await until_empty(pod)
        await asyncio.sleep(0.5)

    asyncio.run(many(300))
    before = pod.resident_bytes
    asyncio.run(many(1000))
    grown = pod.resident_bytes / before - 1
    print(f"memory after 1000 sessions: {before / 2**20:.1f} MiB before, {grown:+.1%}")
    assert grown < 0.05
