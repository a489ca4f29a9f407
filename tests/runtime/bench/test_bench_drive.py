"""The driver against a server that follows a script, in real time."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from antiphon_runtime.bench.clips import Clip
from antiphon_runtime.bench.driver import drive
from antiphon_runtime.bench.figures import Figures
from antiphon_runtime.bench.plan import Plan
from antiphon_runtime.bench.tables import sessions_text
from antiphon_runtime.bench.user import Manner

RATE = 24_000
CLIP = Clip("tone", np.full(RATE // 5, 0.3, np.float32), RATE, "one two")
PLAN = Plan("", (CLIP,), sessions=2, seconds=1.2, finish_seconds=3, manner=Manner(duty=1.0))
Script = Callable[[ServerConnection], Awaitable[None]]


@contextmanager
def served(script: Script, **options: Any) -> Iterator[str]:
    """Its URL; it runs on a loop of its own."""
    started, stop = threading.Event(), asyncio.Event()
    found: dict[str, Any] = {}

    async def main() -> None:
        async with serve(script, "127.0.0.1", 0, **options) as server:
            found.update(loop=asyncio.get_running_loop(), port=next(iter(server.sockets)).getsockname()[1])
            started.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert started.wait(10)
    try:
        yield f"ws://127.0.0.1:{found['port']}/v1/realtime"
    finally:
        found["loop"].call_soon_threadsafe(stop.set)
        thread.join(10)


def event(kind: str, **body: Any) -> str:
    return json.dumps({"type": kind, "event_id": "e", **body}, separators=(",", ":"))


def sound(seconds: float, loudness: float = 0.5) -> str:
    samples = np.full(round(seconds * RATE), loudness * 32767, "<i2")
    delta = base64.b64encode(samples.tobytes()).decode()
    return event("response.output_audio.delta", response_id="r", item_id="a", delta=delta)


async def user_stops(connection: ServerConnection, silent_frames: int = 5) -> None:
    """Returns after so many frames without sound, after some with."""
    heard, silent = False, 0
    while silent < silent_frames:
        given = json.loads(await connection.recv())
        if given["type"] != "input_audio_buffer.append":
            continue
        loud = np.abs(np.frombuffer(base64.b64decode(given["audio"]), "<i2")).max() > 1000
        heard, silent = heard or loud, silent + 1 if heard and not loud else 0


async def answer(connection: ServerConnection) -> None:
    """80 ms after the decision, with 100 ms of silence before the sound."""
    await connection.send(event("session.created", session={}))
    try:
        while True:
            await user_stops(connection)
            for kind in ("speech_started", "speech_stopped"):
                await connection.send(event(f"input_audio_buffer.{kind}", item_id="u"))
            await connection.send(event("response.created", response={"id": "r"}))
            said = event("conversation.item.input_audio_transcription.completed", item_id="u", transcript="One, three.")
            await connection.send(said)
            await asyncio.sleep(0.08)
            await connection.send(sound(0.1, loudness=0))
            await connection.send(sound(0.2))
            await connection.send(event("response.done", response={"id": "r", "status": "completed"}))
    except ConnectionClosed:
        pass


@pytest.mark.parametrize("processes", [1, 2])
def test_turns_are_timed_and_counted(processes: int) -> None:
    with served(answer) as url:
        figures = Figures(drive(replace(PLAN, url=url, processes=processes)))
    assert figures.is_flawless
    assert figures.session_outcomes["completed"] == 2
    assert len(figures.turns) >= 2
    from_decision, decision = figures.from_decision_ms, figures.decision_ms
    assert from_decision is not None
    assert decision is not None
    assert 175 <= from_decision.p50 < 1000
    assert 95 <= decision.p50 < 1000
    assert figures.word_error_rate == 0.5
    found = figures.as_json()
    assert found["underruns"]["gaps"] == 0
    assert found["sending"]["frames"] + found["sending"]["slipped_frames"] >= 2 * 30
    assert "answered" in sessions_text(figures)


async def refuse(connection: ServerConnection) -> None:
    error = {"type": "server_error", "code": "session_refused_full", "message": "full", "retry_after_seconds": 2.0}
    await connection.send(event("error", error=error))
    await connection.close(1013, "full")


async def hang_up(connection: ServerConnection) -> None:
    await connection.send(event("session.created", session={}))
    await user_stops(connection)
    await connection.close(1011, "broken")


async def talk_nonsense(connection: ServerConnection) -> None:
    await connection.send(event("session.created", session={}))
    await connection.send(event("response.created"))
    await connection.wait_closed()


@pytest.mark.parametrize(
    ("script", "outcome", "reason"),
    [
        (refuse, "rejected", "session_refused_full"),
        (hang_up, "dropped", "closed with 1011 broken"),
        (talk_nonsense, "dropped", "an event that can't be read: KeyError('response')"),
    ],
)
def test_what_goes_wrong_is_counted(script: Script, outcome: str, reason: str) -> None:
    with served(script) as url:
        figures = Figures(drive(replace(PLAN, url=url)))
    found = figures.as_json()["sessions"]
    assert found["asked"] == found[outcome] == 2
    assert found["reasons"] == {reason: 2}
    assert found["retry_after_seconds"] == (2.0 if outcome == "rejected" else None)
    assert found["rejected_share"] == (1.0 if outcome == "rejected" else 0.0)
    assert not figures.is_flawless


def test_a_turn_that_was_cut_off_stays_in_the_count() -> None:
    with served(hang_up) as url:
        turns = Figures(drive(replace(PLAN, url=url))).as_json()["turns"]
    assert turns["over"] == turns["dropped"] == 2
    assert turns["failed_share"] == 1.0


def test_a_refused_handshake_says_when_to_come_back() -> None:
    def busy(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(503, "busy")
        response.headers["Retry-After"] = "7"
        return response

    with served(answer, process_request=busy) as url:
        found = Figures(drive(replace(PLAN, url=url))).as_json()["sessions"]
    assert (found["rejected"], found["reasons"], found["retry_after_seconds"]) == (2, {"HTTP 503": 2}, 7.0)


def test_nobody_at_the_address_is_a_failure() -> None:
    found = Figures(drive(replace(PLAN, url="ws://127.0.0.1:9/none"))).as_json()["sessions"]
    assert found["failed"] == 2
