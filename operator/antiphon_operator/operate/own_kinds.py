"""Our own four kinds, watched by kopf: each event only says that something is due.

kopf ends when an API server sends what it does not expect (a malformed line, an ERROR event, lists that fail for a
minute): then it is started again, and lists anew. It never writes for us: no handler needs a finalizer or an annotation.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import kopf

from antiphon_operator.kube.kopf_login import kopf_credentials
from antiphon_operator.kube.resources import GPU_POOLS, SLA_POLICIES, VOICE_AGENTS, VOICE_MODELS, Resource
from antiphon_operator.kube.session import Connection
from antiphon_operator.objects import Obj

log = logging.getLogger(__name__)

OWN_KINDS = (SLA_POLICIES, VOICE_MODELS, GPU_POOLS, VOICE_AGENTS)
"""Agents last: what they name is known then."""

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 15.0
_STEADY_SECONDS = 60.0
"""A kopf that lived so long had recovered: its next end is a new trouble."""

_ENDS_WITHIN_SECONDS = 2.0
"""kopf's parts may wait for each other for ever when one has failed; what they do is nothing that could be lost."""

OnEvent = Callable[[Resource, str, Obj], None]
"""Resource, kind of event (ADDED, MODIFIED, DELETED), object."""


class OwnKinds:
    """Runs kopf, again and again if need be."""

    def __init__(
        self,
        connection: Connection,
        namespaces: Sequence[str],
        on_event: OnEvent,
        on_restart: Callable[[str], None],
        on_started: Callable[[], None] = lambda: None,
        on_told_to_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._namespaces = namespaces
        self._on_event = on_event
        self._on_restart = on_restart
        self._on_started = on_started
        """kopf takes the signals of the process for itself when it starts: who needs them takes them back here."""
        self._on_told_to_end = on_told_to_end
        """kopf was ended by such a signal."""
        self._chance = random.Random()  # noqa: S311 (jitter)

    async def run(self) -> None:
        """Until cancelled."""
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE_SECONDS
        while True:
            began = loop.time()
            why = await self._run_once()
            if why is None:
                self._on_told_to_end()
                return
            self._on_restart(why)
            if loop.time() - began > _STEADY_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            log.warning("kopf ended (%s); it is started again in about %.1f s", why, pause)
            await asyncio.sleep(pause * self._chance.uniform(0.75, 1.25))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _run_once(self) -> str | None:
        """Why it ended; None where it was told to."""
        stop, ready = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(self._kopf(stop, ready), name="kopf")
        starting = asyncio.create_task(self._tell_started(ready))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait((running,), timeout=3 * _ENDS_WITHIN_SECONDS)
            running.cancel()
            raise
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            starting.cancel()
        return None

    async def _tell_started(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self._on_started()

    async def _kopf(self, stop: asyncio.Event, ready: asyncio.Event) -> None:
        where: dict[str, Any] = {"namespaces": self._namespaces} if self._namespaces else {"clusterwide": True}
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=kopf_settings(),
            standalone=True,
            stop_flag=stop,
            ready_flag=ready,
            **where,
        )
        running = asyncio.create_task(kopf.run_tasks(tasks, ignored=_NotOfKopf()), name="kopf's tasks")
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((running,), timeout=_ENDS_WITHIN_SECONDS)
        finally:
            running.cancel()
            await asyncio.wait((running,), timeout=_ENDS_WITHIN_SECONDS)
        for task in ended:
            task.result()

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: Any) -> kopf.AiohttpSession:
            return kopf_credentials(self._connection)

        for resource in OWN_KINDS:
            self._watch(registry, resource)
        return registry

    def _watch(self, registry: kopf.OperatorRegistry, resource: Resource) -> None:
        @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)
        async def heard(event: Any, **_: Any) -> None:
            self._on_event(resource, event.get("type") or "ADDED", dict(event["object"]))


class NoMemory(kopf.DiffBaseStorage, kopf.ProgressStorage):
    """kopf compares each object with what it handled last, for handlers that we do not have: a sixth of the operator's time."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None: ...

    def purge(self, **_: Any) -> None: ...

    def touch(self, **_: Any) -> None: ...

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


class _NotOfKopf(Collection["asyncio.Task[Any]"]):
    """The tasks of all others. At its end kopf cancels whatever came up since it began, and it is not alone here."""

    _FOLDER = str(Path(kopf.__file__).parent)

    def __contains__(self, task: object) -> bool:
        code = getattr(task.get_coro(), "cr_code", None) if isinstance(task, asyncio.Task) else None
        return code is None or not code.co_filename.startswith(self._FOLDER)

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        return (task for task in asyncio.all_tasks() if task in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def kopf_settings() -> kopf.OperatorSettings:
    """kopf as watcher alone."""
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = settings.persistence.progress_storage = NoMemory()
    settings.posting.enabled = False  # Events are ours to write
    settings.scanning.disabled = True  # the kinds are known; a watch of all definitions needs rights for nothing
    settings.process.ultimate_exiting_timeout = None  # it would end the whole process
    settings.background.cancellation_polling = 1.0
    settings.networking.error_backoffs = (0.5, 1, 2, 4, 8, 8, 8)
    settings.networking.connect_timeout = 5.0
    settings.watching.connect_timeout = 5.0
    settings.watching.server_timeout = 240  # watches end by themselves now and then, and are heard to live
    settings.watching.inactivity_timeout = 100.0
    settings.watching.reconnect_backoff = 0.2
    settings.queueing.idle_timeout = 0.5  # a worker for each object: of thousands, few at a time
    return settings
