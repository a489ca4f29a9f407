"""A small voice server for tests of the page: the real protocol and turns with emulated engines, and faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon_crds.voicemodel import Profile
from antiphon_runtime.engines.emulated import (
    EmulatedLanguageModel,
    EmulatedRecognizer,
    EmulatedSynthesizer,
    EmulatedVad,
)
from antiphon_runtime.engines.emulated_time import RealClock
from antiphon_runtime.engines.protocols import VAD_SAMPLES, Chat, Samples, Speech, Utterance
from antiphon_runtime.page import page_routes
from antiphon_runtime.realtime.actions import AudioCommitted, AudioHeard, Reply, StartResponse, StopResponse
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.response_writer import ResponseWriter
from antiphon_runtime.realtime.session_settings import SessionSettings
from antiphon_runtime.turns.endpointing import Endpointer, EndpointingSettings, SpeechStarted, TurnEnded, TurnReopened

SILENCE_MS = 320.0


def _profile(**more: Any) -> Profile:
    known = {"hardware": "test", "item": "anything", "basis": "Projected", "origin": "chosen for a test"}
    return Profile.model_validate({**known, "alpha_ms": 20, "beta_ms": 5, "noise": 0, "max_batch": 8, **more})


@dataclass
class Faults:
    """What the server does wrong, from now on."""

    refusal: dict[str, Any] | None = None
    """The error with which new sessions are refused."""
    key: str | None = None
    """The only key that is accepted."""
    keeps_sessions: bool = False
    """Clients that lost their connection find their session again."""
    has_figures: bool = True
    is_unreachable: bool = False


@dataclass
class PageServer:
    """What the tests see of it."""

    url: str = ""
    faults: Faults = field(default_factory=Faults)
    events: list[dict[str, Any]] = field(default_factory=list)
    """All that clients sent, but for audio."""
    sessions: list[_Talk] = field(default_factory=list)
    """All that ever were."""
    loop: asyncio.AbstractEventLoop | None = None

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("type") == kind]

    def drop_connections(self, code: int = 1011, reason: str = "") -> None:
        """Ends all connections, as a crash would."""
        assert self.loop
        for talk in self.sessions:
            asyncio.run_coroutine_threadsafe(talk.close(code, reason), self.loop)


class _Talk:
    """One session: what a voice pod does, at its simplest."""

    def __init__(self, socket: WebSocket, server: PageServer, number: int) -> None:
        ids = itertools.count(1)
        self.socket = socket
        self.protocol = Protocol(SessionSettings(), new_id=lambda prefix: f"{prefix}_{number}_{next(ids)}")
        self.is_open = True
        self._server = server
        self._outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[str, asyncio.Task[None]] = {}
        clock = RealClock()
        self._vad = EmulatedVad(_profile(alpha_ms=0.01, beta_ms=0.01), clock, 0)
        self._stream = self._vad.open()
        self._endpointer = Endpointer(EndpointingSettings(silence_ms=SILENCE_MS))
        self._waiting: Samples = np.zeros(0, np.float32)
        self._asr = EmulatedRecognizer(_profile(), clock, 0)
        self._llm = EmulatedLanguageModel(_profile(decode_alpha_ms=5, decode_beta_ms=1), clock, 0)
        self._tts = EmulatedSynthesizer(_profile(decode_alpha_ms=5, decode_beta_ms=1), clock, 0)

    async def run(self, socket: WebSocket) -> None:
        """Until the connection ends; may be called again with the next one."""
        self.socket, self.is_open = socket, True
        writing = self._start(self._write())
        self._do(self.protocol.open())
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                event = await socket.receive_json()
                if event.get("type") != "input_audio_buffer.append":
                    self._server.events.append(event)
                self._do(self.protocol.feed(event))
        self.is_open = False
        for task in (writing,) if self._server.faults.keeps_sessions else self._tasks:
            task.cancel()

    async def close(self, code: int, reason: str) -> None:
        if self.is_open:
            self.is_open = False
            await self.socket.close(code, reason)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _write(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self.socket.send_json(await self._outgoing.get())

    def _send(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            self._outgoing.put_nowait(event)

    def _do(self, reply: Reply) -> None:
        self._send(reply.events)
        for action in reply.actions:
            match action:
                case AudioHeard():
                    self._hear(action.samples)
                case AudioCommitted():
                    self._start(self._recognise(action))
                case StartResponse():
                    self._answers[action.response.id] = self._start(self._answer(action.response))
                case StopResponse():
                    self._answers.pop(action.response_id).cancel()

    def _hear(self, samples: Samples) -> None:
        self._waiting = np.concatenate((self._waiting, samples))
        while len(self._waiting) >= VAD_SAMPLES:
            frame, self._waiting = self._waiting[:VAD_SAMPLES], self._waiting[VAD_SAMPLES:]
            for event in self._endpointer.hear(self._vad.step([(self._stream, frame)])[0]):
                match event:
                    case SpeechStarted() | TurnReopened():
                        self._do(self.protocol.speech_started(int(event.onset_ms)))
                    case TurnEnded() if self.protocol.turns.is_speaking:
                        self._send(self.protocol.turns.speech_stopped(int(event.audio_end_ms)))
                        self._do(self.protocol.turns.commit_turn())

    async def _recognise(self, turn: AudioCommitted) -> None:
        (found,) = await asyncio.to_thread(self._asr.transcribe, [Utterance(turn.samples)])
        self._send(self.protocol.turns.transcript_completed(turn.item_id, found.text))
        if not turn.by_client:
            self._do(self.protocol.respond())

    async def _answer(self, response: ResponseWriter) -> None:
        self._send(response.begin() if response.status != "in_progress" else [])
        async for sentence in self._sentences(response):
            self._send(response.text(sentence))
            if response.plan.modality == "audio":
                async for sound in self._tts.speak(Speech(sentence)):
                    self._send(response.speak(sound.samples, self._tts.sample_rate))
                self._send(response.pause())
        self._send(response.finish())

    async def _sentences(self, response: ResponseWriter) -> AsyncIterator[str]:
        text = ""
        async for token in self._llm.answer(Chat(response.messages())):
            text += token.text
            if text.endswith("."):
                yield text
                text = ""
        if text:
            yield text


def _application(server: PageServer) -> Starlette:
    numbers = itertools.count(1)

    async def realtime(socket: WebSocket) -> None:
        faults = server.faults
        offered = socket.headers.get("sec-websocket-protocol", "").split(", ")
        if faults.is_unreachable or (faults.key and f"openai-insecure-api-key.{faults.key}" not in offered):
            await socket.close()
            return
        await socket.accept("realtime" if "realtime" in offered else None)
        if faults.refusal is not None:
            await socket.send_json({"type": "error", "event_id": "event_1", "error": faults.refusal})
            await socket.close(1013)
            return
        kept = [talk for talk in server.sessions if talk.protocol.id == socket.query_params.get("resume")]
        if not (kept and faults.keeps_sessions):
            kept = [_Talk(socket, server, next(numbers))]
            server.sessions += kept
        await kept[0].run(socket)

    async def models(request: Request) -> Response:
        wanted = server.faults.key
        is_known = wanted is None or request.headers.get("authorization") == f"Bearer {wanted}"
        return JSONResponse({"object": "list", "data": []}, 200 if is_known else 401)

    async def latency(_request: Request) -> Response:
        if not server.faults.has_figures:
            return JSONResponse({"error": "not found"}, 404)
        return JSONResponse(_figures(sum(talk.is_open for talk in server.sessions)))

    routes = [
        *page_routes(),
        WebSocketRoute("/v1/realtime", realtime),
        Route("/v1/models", models),
        Route("/page/latency", latency),
    ]
    return Starlette(routes=[Mount("/under/a/path", routes=routes), *routes])


def _figures(sessions: int) -> dict[str, Any]:
    stages = [
        {"stage": "vad", "variant": "v6-fp32", "emulated": False, "p50_ms": 0.4, "p95_ms": 0.9, "samples": 512},
        {"stage": "asr", "variant": "tiny.en-int8", "emulated": False, "p50_ms": 182.0, "p95_ms": 240.0, "samples": 4},
        {"stage": "llm", "variant": "emulated", "emulated": True, "p50_ms": 25.0, "p95_ms": 31.0, "samples": 4},
        {"stage": "tts", "variant": "emulated", "emulated": True, "p50_ms": 25.0, "p95_ms": 31.0, "samples": 8},
    ]
    turn = {"p50_ms": 512.0, "p95_ms": 634.0, "samples": 4}
    return {"stages": stages, "turn": turn, "sessions": sessions, "capacity": 12}


@contextlib.contextmanager
def page_server() -> Iterator[PageServer]:
    """Serves on a free port of loopback until left."""
    server = PageServer()
    uvicorn_server = uvicorn.Server(
        uvicorn.Config(_application(server), port=0, log_level="error", ws="websockets-sansio", lifespan="off")
    )
    started = threading.Event()

    async def serve() -> None:
        server.loop = asyncio.get_running_loop()
        serving = asyncio.create_task(uvicorn_server.serve())
        while not uvicorn_server.started and not serving.done():
            await asyncio.sleep(0.01)
        if uvicorn_server.started:
            port = uvicorn_server.servers[0].sockets[0].getsockname()[1]
            server.url = f"http://127.0.0.1:{port}"
        started.set()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield server
    finally:
        server.drop_connections(1001)
        uvicorn_server.should_exit = True
        thread.join(10)


def spoken_turns(seconds: float, speech: float, silence: float, rate: int = 48_000) -> bytes:
    """16-bit samples of somebody who speaks and pauses in turn: vowels on a gliding pitch, syllable by syllable."""
    times = np.arange(int(seconds * rate)) / rate
    pitch = 130 + 30 * np.sin(2 * np.pi * 0.9 * times) + 12 * np.sin(2 * np.pi * 3.1 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(n * phase) / n for n in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * times) + 0.6, 0, 1)
    is_speech = times % (speech + silence) < speech
    return (np.asarray(voice * syllables * is_speech) * 9_000).astype("<i2").tobytes()
