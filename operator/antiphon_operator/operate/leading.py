"""What the leader does: watch, work off what is due, listen to pods. It ends when it is cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.resources import CLAIM_TEMPLATES, VOICE_AGENTS
from antiphon_operator.looping.loop import ControlLoop
from antiphon_operator.observing.observer import Observer
from antiphon_operator.operate.catalog import CatalogTeller
from antiphon_operator.operate.due import DueQueue
from antiphon_operator.operate.events import EventRecorder
from antiphon_operator.operate.herald import Herald
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.reconciling import Due, Reconciler, agent_due
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.operate.voices import Voices
from antiphon_operator.operate.watches import Watches
from antiphon_operator.operate.world import World
from antiphon_operator.pods.control_client import Control

log = logging.getLogger(__name__)

_GAUGES_SECONDS = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


def wall_clock() -> float:
    return utc_now().timestamp()


class Leading:
    """One term as leader: it begins with an empty memory, and knows nothing that the cluster does not tell."""

    def __init__(
        self,
        kube: Kube,
        control: Control,
        settings: OperatorSettings,
        metrics: Metrics,
        observer: Observer,
        on_started: Callable[[], None],
        on_told_to_end: Callable[[], None],
    ) -> None:
        self._kube = kube
        self._settings = settings
        self._metrics = metrics
        self._due: DueQueue[Due] = DueQueue()
        self.world = World()
        self._herald = Herald(self.world, self._due, settings)
        self._voices = Voices(control, lambda agent: self._due.mark(agent_due(agent)), metrics)
        events = EventRecorder(kube, settings.identity, utc_now)
        self._agents = Reconciler(kube, self.world, self._voices, self._due, settings, metrics, events, utc_now)
        self._herald.is_visited = self._agents.hears
        self._catalog = CatalogTeller(kube, self.world, utc_now)
        self.watches = Watches(kube, self._herald, settings, metrics, on_started, on_told_to_end)
        self.world.on_accept = self.watches.accept
        self.loop = ControlLoop(
            self.world,
            self._voices,
            self._agents,
            observer,
            lambda agent, seconds: self._due.mark(agent_due(agent), seconds),
            metrics,
            wall_clock,
            enforce=settings.enforce,
        )
        self.is_ready = False

    async def run(self) -> None:
        """Until cancelled."""
        await self.watches.until_served()
        self._agents.serves_dra = await self._kube.serves(CLAIM_TEMPLATES)
        async with asyncio.TaskGroup() as group:
            await self.watches.begin(group)
            log.info("%d agents are known", len(self.world.agents))
            self._herald.mark_all()
            self.is_ready = True
            group.create_task(self._voices.run())
            group.create_task(self._due.run(self._visit, self._settings.workers))
            group.create_task(self._gauge())
            group.create_task(self.loop.run())

    async def _visit(self, due: Due) -> None:
        plural, key = due
        if plural == VOICE_AGENTS.plural:
            await self._agents.visit(key)
        else:
            await self._catalog.visit(plural, key)

    async def _gauge(self) -> None:
        while True:
            self._metrics.queue_depth.set(len(self._due))
            for resource, age in self.watches.ages():
                self._metrics.watch_age_seconds.labels(resource).set(age)
            phases = Counter((agent.get("status") or {}).get("phase") or "Pending" for agent in self.world.agents.all())
            self._metrics.agents.clear()
            for phase, count in phases.items():
                self._metrics.agents.labels(phase).set(count)
            await asyncio.sleep(_GAUGES_SECONDS)

    def stale_watch(self) -> str | None:
        """A watch that has heard nothing for too long."""
        for resource, age in self.watches.ages():
            if age > self._settings.stale_watch_seconds:
                return f"the watch of {resource} has heard nothing for {age:.0f} s"
        return None
