"""Following a collection as clients do: list, then watch from the list's revision."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

Obj = dict[str, Any]
TIMEOUT = 60.0
"""Seconds within which whatever a test waits for must have happened, on a busy machine too."""


class Server(Protocol):
    """What it takes to follow a collection."""

    def request(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> Any: ...

    def stream(self, path: str, query: Mapping[str, str], timeout: float) -> Any: ...


@dataclass(frozen=True)
class Event:
    """One line of a watch."""

    type: str
    object: Obj

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])


def changes(
    server: Server, path: str, since: str, timeout: float, query: Mapping[str, str]
) -> Generator[Event, None, None]:
    """The events of one watch request, which lasts `timeout` seconds at most."""
    told = {"watch": "true", "resourceVersion": since, "timeoutSeconds": str(max(1, int(timeout)))}
    with closing(server.stream(path, {**told, **query}, timeout + 10)) as response:
        assert response.status == 200, (response.status, response.read())
        yield from _events(response)


def _events(response: Any) -> Generator[Event, None, None]:
    rest = b""
    for chunk in response.stream(amt=None, decode_content=False):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            read = json.loads(line)
            yield Event(read["type"], read["object"])


def wait(
    server: Server,
    path: str,
    holds: Callable[[list[Obj]], Any],
    timeout: float,
    query: Mapping[str, str],
) -> list[Obj]:
    """The collection, by name, as soon as `holds` says yes to it."""
    found: list[Obj] = []
    with closing(_states(server, path, timeout, query)) as states:
        for found in states:
            if holds(found):
                return found
    raise AssertionError(f"{path} {dict(query)}: not within {timeout:g} s; at last {json.dumps(found)[:3000]}")


def _states(server: Server, path: str, timeout: float, query: Mapping[str, str]) -> Generator[list[Obj], None, None]:
    """The collection now, and after each change of it, until `timeout` seconds are over."""
    end = time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        listed = server.request("GET", path, query=query)
        assert listed.status == 200, listed
        world = {_key(one): one for one in listed.body["items"]}
        yield _by_name(world)
        with closing(changes(server, path, listed.body["metadata"]["resourceVersion"], left, query)) as events:
            for event in events:
                if event.type == "ERROR":
                    break
                _note(world, event)
                yield _by_name(world)


def _note(world: dict[tuple[str, str], Obj], event: Event) -> None:
    if event.type == "DELETED":
        world.pop(_key(event.object), None)
    elif event.type != "BOOKMARK":
        world[_key(event.object)] = event.object


def _by_name(world: Mapping[tuple[str, str], Obj]) -> list[Obj]:
    return [world[key] for key in sorted(world)]


def _key(one: Obj) -> tuple[str, str]:
    return one["metadata"].get("namespace", ""), one["metadata"]["name"]
