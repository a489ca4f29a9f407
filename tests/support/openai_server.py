"""A small server with OpenAI's HTTP API on a real socket. Its answers are made up; what it is to do wrong is told to it."""

from __future__ import annotations

import io
import json
import socketserver
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

PIECE_SECONDS = 0.01
SPOKEN_RATE = 24_000


class Asked:
    """One request as it came."""

    def __init__(self, path: str, headers: Message, body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, bytes]:
        kind = self.headers["content-type"].encode()
        whole = BytesParser().parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + self.body)
        parts = {}
        for part in whole.get_payload():
            assert isinstance(part, Message)
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            parts[str(part.get_param("name", header="content-disposition"))] = payload
        return parts


Behaviour = Callable[["Handler", Asked], None]


class World:
    """What the server was asked, and how it is to answer next."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.next: list[Behaviour] = []
        """Each is for one request; then it answers as usual."""
        self.answer = "Boil some water."
        self.left = threading.Event()
        """Set when a caller went away before its answer was over."""
        self.at_once = 0
        self.most_at_once = 0
        self.get: Callable[[Handler], None] = lambda handler: handler.reply(404, {"detail": "Not Found"})
        self.post: Callable[[Handler, Asked], bool] = lambda handler, asked: False  # noqa: ARG005


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World

    def do_GET(self) -> None:
        self.world.get(self)

    def do_POST(self) -> None:
        asked = Asked(self.path, self.headers, self.rfile.read(int(self.headers.get("content-length") or 0)))
        world = self.world
        world.asked.append(asked)
        world.at_once += 1
        world.most_at_once = max(world.most_at_once, world.at_once)
        try:
            if not world.post(self, asked):
                (world.next.pop(0) if world.next else _as_usual)(self, asked)
        except (BrokenPipeError, ConnectionResetError):
            world.left.set()
            self.close_connection = True
        finally:
            world.at_once -= 1

    def reply(self, status: int, content: Any = None, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def event(self, content: Any) -> None:
        data = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        self.chunk(f"data: {data}\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


def _as_usual(handler: Handler, asked: Asked) -> None:
    if asked.path.endswith("/chat/completions"):
        words = handler.world.answer.split(" ")
        tell(*(piece(content=word if at == 0 else f" {word}") for at, word in enumerate(words)))(handler, asked)
    elif asked.path.endswith("/audio/transcriptions"):
        transcribe(handler, asked)
    elif asked.path.endswith("/audio/speech"):
        speak(0.2)(handler, asked)
    else:
        handler.reply(404, {"error": {"message": f"there is no {asked.path}"}})


def piece(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def tell(*pieces: Any, finish: str | None = "stop", usage: bool = True, done: bool = True) -> Behaviour:
    def behave(handler: Handler, _: Asked) -> None:
        handler.begin("text/event-stream")
        for one in pieces:
            handler.event(one)
        if finish:
            handler.event(piece(finish))
        if usage:
            handler.event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": len(pieces)}})
        if done:
            handler.event("[DONE]")
        handler.chunk(b"")

    return behave


def tell_for_ever(handler: Handler, _: Asked) -> None:
    handler.begin("text/event-stream")
    while True:
        handler.event(piece(content="and "))
        time.sleep(PIECE_SECONDS)


def refuse(status: int, message: str = "no", **headers: str) -> Behaviour:
    return lambda handler, _: handler.reply(status, {"error": {"message": message, "type": "made up"}}, **headers)


def hang_up(handler: Handler, _: Asked) -> None:
    """Without a word."""
    handler.close_connection = True


def break_off(*pieces: Any) -> Behaviour:
    def behave(handler: Handler, _: Asked) -> None:
        handler.begin("text/event-stream")
        for one in pieces:
            handler.event(one)
        handler.close_connection = True

    return behave


def transcribe(handler: Handler, asked: Asked) -> None:
    """Says how long the file is, in tenths of a second."""
    with wave.open(io.BytesIO(asked.form["file"])) as file:
        tenths = round(10 * file.getnframes() / file.getframerate())
    said: dict[str, Any] = {"text": f" {tenths} tenths"}
    if asked.form["response_format"] == b"verbose_json":
        said["words"] = [{"word": "tenths", "start": 0.1, "end": 0.4}]
        said["segments"] = [{"no_speech_prob": 0.25}]
        said["language"] = "english"
    handler.reply(200, said)


def speak(seconds: float, content_type: str = "audio/pcm") -> Behaviour:
    """A tone, in chunks that cut samples in two."""
    tone = 0.5 * np.sin(np.arange(int(seconds * SPOKEN_RATE)) * 0.1)
    data = (tone * 32768).astype("<i2").tobytes()

    def behave(handler: Handler, _: Asked) -> None:
        handler.begin(content_type)
        for at in range(0, len(data), 777):
            handler.chunk(data[at : at + 777])
        handler.chunk(b"")

    return behave


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who went away went away."""


class _SocketServer(_Server):
    """On a Unix socket."""

    address_family = socketserver.socket.AF_UNIX  # type: ignore[attr-defined]

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 0

    def get_request(self) -> Any:
        request, _ = self.socket.accept()
        return request, ("local", 0)


def listening(world: World, address: str | tuple[str, int]) -> ThreadingHTTPServer:
    handler = type("Bound", (Handler,), {"world": world})
    kind: Any = _SocketServer if isinstance(address, str) else _Server
    server: ThreadingHTTPServer = kind(address, handler)
    return server


@contextmanager
def openai_server() -> Iterator[tuple[str, World]]:
    """Its URL without a version, and what it knows."""
    world = World()
    server = listening(world, ("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", world
    finally:
        server.shutdown()
        with suppress(OSError):
            server.server_close()
        thread.join()
