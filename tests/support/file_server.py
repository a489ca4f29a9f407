"""A small file server on a real socket, with Range. What it is to do wrong is told to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Item:
    """What lies under a path."""

    content: bytes
    content_type: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: Message


class Shelf:
    """What the server has, what it was asked, and how it misbehaves."""

    def __init__(self) -> None:
        self.url = ""
        self.items: dict[str, Item] = {}
        self.faults: dict[str, list[Fault]] = {}
        """By path, with its query; each is for one request."""
        self.guard: Callable[[Handler], bool] = lambda handler: True  # noqa: ARG005
        """Asked before anything else; where it says no, it has answered."""
        self.asked: list[Asked] = []

    def put(self, path: str, content: bytes, content_type: str = "application/octet-stream", **headers: str) -> str:
        """The URL under which it is now."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.items[path] = Item(content, content_type, named)
        return f"{self.url}{path}"

    def times(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    def last(self, path: str) -> Message:
        """Headers of the latest request for it."""
        return [asked.headers for asked in self.asked if asked.path == path][-1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shelf: Shelf

    def do_GET(self) -> None:
        self.shelf.asked.append(Asked(self.path, self.headers))
        with suppress(ConnectionError):
            if not self.shelf.guard(self):
                return
            faults = self.shelf.faults.get(self.path)
            if faults:
                faults.pop(0)(self)
            else:
                self.serve()

    @property
    def item(self) -> Item | None:
        return self.shelf.items.get(self.path) or self.shelf.items.get(self.path.partition("?")[0])

    def serve(self) -> None:
        """The item, or the part of it that is asked for."""
        item = self.item
        if item is None:
            self.answer(404, b"not here")
            return
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked.startswith("bytes=") else 0
        if start and start >= len(item.content):
            self.answer(416, b"", **{"Content-Range": f"bytes */{len(item.content)}"})
            return
        part = {"Content-Range": f"bytes {start}-{len(item.content) - 1}/{len(item.content)}"} if asked else {}
        self.answer(206 if asked else 200, item.content[start:], item.content_type, **item.headers, **part)

    def answer(self, status: int, body: bytes, content_type: str = "text/plain", **headers: str) -> None:
        self.begin(status, len(body), content_type, **headers)
        self.wfile.write(body)

    def begin(self, status: int, length: int, content_type: str = "text/plain", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's own name)
        pass


Fault = Callable[[Handler], None]


def cut(after_bytes: int) -> Fault:
    """Promises the whole rest and breaks off."""

    def fault(handler: Handler) -> None:
        item = handler.item
        assert item is not None
        asked = handler.headers.get("Range", "bytes=0-")
        start = int(asked.removeprefix("bytes=").partition("-")[0])
        rest = item.content[start:]
        part = {"Content-Range": f"bytes {start}-{len(item.content) - 1}/{len(item.content)}"} if start else {}
        handler.begin(206 if start else 200, len(rest), **part)
        handler.wfile.write(rest[:after_bytes])
        handler.wfile.flush()
        handler.close_connection = True

    return fault


def drip(piece_bytes: int, every_seconds: float) -> Fault:
    """The whole item, slowly."""

    def fault(handler: Handler) -> None:
        item = handler.item
        assert item is not None
        handler.begin(200, len(item.content))
        for start in range(0, len(item.content), piece_bytes):
            handler.wfile.write(item.content[start : start + piece_bytes])
            handler.wfile.flush()
            time.sleep(every_seconds)

    return fault


def silent(until: threading.Event) -> Fault:
    """Takes the request and says nothing."""

    def fault(handler: Handler) -> None:
        until.wait(10)
        handler.close_connection = True

    return fault


def status(code: int, body: bytes = b"no", **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.answer(code, body, **named)


def whole(handler: Handler) -> None:
    """As if it knew no Range."""
    item = handler.item
    assert item is not None
    handler.answer(200, item.content, item.content_type)


def elsewhere(url: str) -> Fault:
    return lambda handler: handler.answer(302, b"", Location=url)


@contextmanager
def file_server() -> Iterator[Shelf]:
    shelf = Shelf()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"shelf": shelf}))
    server.daemon_threads = True
    shelf.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield shelf
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
