"""Watches: the past that is still known, then every change as it comes; bookmarks in between."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from antiphon_sandbox.api.listing import selected, selector_of
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.negotiation import Form
from antiphon_sandbox.api.read_options import check_watch
from antiphon_sandbox.api.targets import Target
from antiphon_sandbox.kube import ApiError, Event
from antiphon_sandbox.objects import Obj, namespace_of

BOOKMARK_SECONDS = 15.0
"""How long a watch is silent at most: kopf takes one for dead after 70 s of silence."""
_LONGEST_SECONDS = (1800.0, 3600.0)
"""A watch without a timeout ends by itself some time in between, as upstream's does."""
_MOST_EVENTS_A_WRITE = 200
_INITIAL_END = {"k8s.io/initial-events-end": "true"}


class Watch:
    """One client's watch of one collection."""

    def __init__(self, api: Api, target: Target, query: Mapping[str, str], form: Form) -> None:
        self._api = api
        self._target = target
        self._selector = selector_of(target.resource, query, target.name)
        self._form = form.changes(target.resource, api.now)
        self._is_plain = form.kind == "Object"
        self._bookmarks = query.get("allowWatchBookmarks") in ("true", "1")
        self._initial = query.get("sendInitialEvents")
        self._revision = check_watch(query)
        timeout = float(query.get("timeoutSeconds") or 0) or random.uniform(*_LONGEST_SECONDS)  # noqa: S311
        self._ends = time.monotonic() + timeout
        self._waiting: deque[Event] = deque()
        self._woken = asyncio.Event()

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Until the client goes, the time is over or the server stops."""
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        begun, refused = self._begin_or_refusal()
        unsubscribe = self._api.subscribe([self._target.resource.name], self._notice)
        try:
            await response.prepare(request)
            for at in range(0, len(begun), _MOST_EVENTS_A_WRITE):
                await response.write(b"".join(begun[at : at + _MOST_EVENTS_A_WRITE]))
            if not refused:
                await self._follow(response)
            await response.write_eof()
        except ConnectionError:
            pass
        finally:
            unsubscribe()
        return response

    def _notice(self, event: Event) -> None:
        self._waiting.append(event)
        self._woken.set()

    # --- the beginning ---------------------------------------------------------------------------------------------

    def _begin_or_refusal(self) -> tuple[list[bytes], bool]:
        """A past that is forgotten is told within the stream, as upstream does."""
        try:
            return self._begin(), False
        except ApiError as error:
            return [orjson.dumps({"type": "ERROR", "object": error.status()}) + b"\n"], True

    def _begin(self) -> list[bytes]:
        """What is told before anything new happens. ApiError 410 when the past is forgotten."""
        if self._revision and self._initial != "true":
            events = self._api.store.since(self._target.resource.name, self._revision)
            return [line for event in events if (line := self._line(event))]
        lines: list[bytes] = []
        if self._initial != "false":
            found = selected(self._api.store, self._target.resource, self._target.namespace, self._selector)
            lines = [self._encode("ADDED", obj) for obj in found]
        if self._initial == "true" and self._bookmarks:
            lines.append(self._bookmark(_INITIAL_END))
        return lines

    # --- what comes ------------------------------------------------------------------------------------------------

    async def _follow(self, response: web.StreamResponse) -> None:
        bookmark_at = time.monotonic() + BOOKMARK_SECONDS
        while True:
            if not self._waiting:
                self._woken.clear()
                until = min(self._ends, bookmark_at) if self._bookmarks else self._ends
                await _wait(self._woken, until - time.monotonic())
            if lines := self._take():
                await response.write(b"".join(lines))
            now = time.monotonic()
            if self._bookmarks and now >= min(bookmark_at, self._ends) and not self._waiting:
                await response.write(self._bookmark())
                bookmark_at = now + BOOKMARK_SECONDS
            if now >= self._ends:
                return

    def _take(self) -> list[bytes]:
        lines: list[bytes] = []
        while self._waiting and len(lines) < _MOST_EVENTS_A_WRITE:
            if line := self._line(self._waiting.popleft()):
                lines.append(line)
        return lines

    def _line(self, event: Event) -> bytes | None:
        """What the event is to this watch: an object may come into its selection, and leave it."""
        obj = event.object
        if self._target.namespace and namespace_of(obj) != self._target.namespace:
            return None
        if not self._selector:
            return self._shared_line(event)
        matches = self._selector.matches(obj)
        matched = event.old is not None and self._selector.matches(event.old)
        if event.type == "DELETED":
            return self._encode("DELETED", obj) if matched else None
        if matches:
            return self._encode("MODIFIED" if matched else "ADDED", obj)
        return self._encode("DELETED", _at_revision(event)) if matched else None

    def _shared_line(self, event: Event) -> bytes:
        """Encoded once for all watches that see the event in the same words."""
        if not self._is_plain or event.object["apiVersion"] != self._target.resource.api_version:
            return self._encode(event.type, event.object)
        line = self._api.lines.get(event.revision)
        if line is None:
            line = self._encode(event.type, event.object)
            self._api.lines[event.revision] = line
        return line

    def _encode(self, kind: str, obj: Obj) -> bytes:
        return orjson.dumps({"type": kind, "object": self._form(obj)}) + b"\n"

    def _bookmark(self, annotations: Mapping[str, str] | None = None) -> bytes:
        metadata: dict[str, Any] = {"resourceVersion": str(self._api.store.revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = dict(annotations)
        resource = self._target.resource
        obj = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"


def _at_revision(event: Event) -> Obj:
    """The last state that the watch knew, at the revision at which it left."""
    old = event.old or event.object
    return {**old, "metadata": {**old["metadata"], "resourceVersion": str(event.revision)}}


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        pass
