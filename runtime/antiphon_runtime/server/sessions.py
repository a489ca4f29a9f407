"""All sessions of the pod: opened, resumed, counted, drained."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

from antiphon_crds.control import SessionCounts
from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.runtime_config import SessionLimits
from antiphon_runtime.server.admission import Admission
from antiphon_runtime.server.live_session import LiveSession
from antiphon_runtime.server.outbox import Outbox
from antiphon_runtime.stages.cast import Stages
from antiphon_runtime.telemetry.labels import SessionEnd
from antiphon_runtime.voice.session import Agent, Session

_log = logging.getLogger(__name__)
_WATCH_SECONDS = 0.1


def new_id(prefix: str) -> str:
    """A session's id lets its client come back, so nobody may guess it."""
    return f"{prefix}_{secrets.token_hex(12)}"


class Sessions:
    def __init__(
        self,
        agent: Agent,
        stages: Stages,
        admission: Admission,
        limits: SessionLimits,
        *,
        on_end: Callable[[SessionEnd], None] = lambda _: None,
        on_count: Callable[[], None] = lambda: None,
    ) -> None:
        self._agent = agent
        self._stages = stages
        self._admission = admission
        self._idle_seconds = parse_duration_seconds(limits.idle_timeout)
        self._longest_seconds = parse_duration_seconds(limits.max_duration)
        self.grace_seconds = parse_duration_seconds(limits.resume_grace)
        self._on_end = on_end
        self._on_count = on_count
        self._live: dict[str, LiveSession] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._live)

    def open(self, model: str = "") -> LiveSession:
        """Raises RefusedError."""
        slot = self._admission.reserve()
        try:
            live = LiveSession(
                lambda outbox: self._session(outbox, model),
                slot,
                idle_seconds=self._idle_seconds,
                longest_seconds=self._longest_seconds,
            )
        except BaseException:
            slot.free()
            raise
        self._live[live.id] = live
        live.ended.add_done_callback(lambda _: self._close(live))
        self._on_count()
        return live

    def resume(self, session_id: str) -> LiveSession | None:
        """The session, if it is there and without a connection."""
        live = self._live.get(session_id)
        return live if live is not None and not live.is_attached and not live.ended.done() else None

    def counts(self) -> SessionCounts:
        doing = [live.doing for live in self._live.values()]
        return SessionCounts(**{name: doing.count(name) for name in ("idle", "listening", "speaking", "resumable")})

    @property
    def speaking(self) -> int:
        """Sessions in which the agent works or speaks."""
        return sum(live.session.is_speaking for live in self._live.values())

    def apply_features(self) -> None:
        for live in self._live.values():
            live.session.apply_features()

    async def drain(self, seconds: float) -> None:
        """Returns when all have ended. Sessions go on until their clients end them; what is left at the limit is told
        so, and ended when its turn is over or a little later."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._live and loop.time() < until:
            self._end_unattended()
            await asyncio.sleep(min(_WATCH_SECONDS, max(until - loop.time(), 0)))
        for live in tuple(self._live.values()):
            live.tell("session_drained", "this pod ends now; open a new session")
            live.end("drained")
        await self.close()

    async def close(self) -> None:
        for live in tuple(self._live.values()):
            live.end("drained")
        while self._live or self._closing:
            await asyncio.gather(*self._closing)
            await asyncio.sleep(0)

    def _end_unattended(self) -> None:
        """Nobody can come back to a pod that is ending: its service has forgotten it."""
        for live in tuple(self._live.values()):
            if not live.is_attached:
                live.end("lost")

    def _session(self, outbox: Outbox, model: str) -> Session:
        session_key = new_id("sess")
        cast = self._stages.cast(session_key)
        return Session(self._agent, cast, new_id=new_id, send=outbox.put, model=model)

    def _close(self, live: LiveSession) -> None:
        task = asyncio.create_task(self._close_session(live), name="close session")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_session(self, live: LiveSession) -> None:
        await live.close()
        del self._live[live.id]
        self._on_end(live.ended.result())
        self._on_count()
