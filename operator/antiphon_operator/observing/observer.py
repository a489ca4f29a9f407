"""Looks at all agents at once: through Prometheus while it is fresh, else at their pods."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from antiphon_operator.observing import assembling
from antiphon_operator.observing.answers import Freshness
from antiphon_operator.observing.prometheus import PrometheusClient, PrometheusError
from antiphon_operator.observing.prometheus_source import PrometheusLook, PrometheusSource
from antiphon_operator.observing.scrape_source import ScrapedAgent, ScrapeSource
from antiphon_operator.observing.scraping import PodScraper
from antiphon_operator.observing.settings import PrometheusSettings, TrustSettings
from antiphon_operator.observing.trust import Trust, stale_seconds
from antiphon_operator.observing.watched import WatchedAgent
from antiphon_policies.facts import AgentKey
from antiphon_policies.seeing.observation import Observation, Source

_log = logging.getLogger(__name__)
_NOT_BELIEVED = "Prometheus has no fresh samples of it, or has not had them for long enough"


class Told(Protocol):
    """Who is told how the looking goes: the operator's metrics."""

    def saw_question(self, source: Source, result: str, seconds: float) -> None:
        """Of Prometheus: a look's questions; of pods: a look at them. `result`: answered or failed."""
        ...

    def saw_agents(self, by_source: Mapping[Source, int], oldest_seconds: Mapping[Source, float]) -> None:
        """After a look: how many agents each source told of, and how old the oldest of it is."""
        ...


class _Nobody:
    def saw_question(self, source: Source, result: str, seconds: float) -> None:
        pass

    def saw_agents(self, by_source: Mapping[Source, int], oldest_seconds: Mapping[Source, float]) -> None:
        pass


class Observer:
    """Made on the event loop. `client`: None where there is no Prometheus."""

    def __init__(
        self,
        scraper: PodScraper,
        client: PrometheusClient | None = None,
        *,
        settings: PrometheusSettings | None = None,
        trust: TrustSettings | None = None,
        told: Told | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """`clock`: seconds that never jump, the one of pods' reports."""
        self._clock = clock or asyncio.get_running_loop().time
        self._settings = settings or PrometheusSettings()
        self._prometheus = PrometheusSource(client, self._clock, self._settings) if client is not None else None
        self._scrape = ScrapeSource(scraper, self._clock)
        self._trust_settings = trust or TrustSettings()
        self._trust = Trust(self._trust_settings)
        self._told: Told = told or _Nobody()
        self._source: Source = "none"
        self._error = ""

    async def look(self, watched: Sequence[WatchedAgent], now: float) -> Mapping[AgentKey, Observation]:
        """Of each agent one. `now`: unix time, told in the observations and used for nothing else."""
        self._scrape.forget_others(agent.key for agent in watched)
        look, believed = await self._ask_prometheus(watched)
        quick = self._needs_pods(look, watched, believed)
        asked = [agent for agent in watched if agent.key not in believed or quick]
        scraped = await self._ask_pods(asked) if asked else {}
        found = {agent.key: self._seen(agent, now, look, believed, scraped) for agent in watched}
        self._tell(found)
        return found

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _ask_prometheus(
        self, watched: Sequence[WatchedAgent]
    ) -> tuple[PrometheusLook | None, frozenset[AgentKey]]:
        """What it brought, and of which agents it is believed."""
        source, began = self._prometheus, self._clock()
        if source is None or not watched or not self._trust.may_ask(began):
            return None, frozenset()
        try:
            look, believed = await self._look(source, watched)
        except PrometheusError as error:
            self._trust.failed(self._clock())
            self._error = str(error)
            self._told.saw_question("prometheus", "failed", self._clock() - began)
            return None, frozenset()
        self._error = "" if believed else "Prometheus has no fresh samples"
        self._told.saw_question("prometheus", "answered", self._clock() - began)
        return look, believed

    async def _look(
        self, source: PrometheusSource, watched: Sequence[WatchedAgent]
    ) -> tuple[PrometheusLook | None, frozenset[AgentKey]]:
        """While none is believed, only how fresh it is is asked for."""
        fresh = await source.fresh()
        believed = self._trust.believed(watched, fresh)
        if not believed:
            return None, believed
        asked = [agent for agent in watched if agent.key in believed]
        look = await source.look(fresh, asked, quick=not self._is_slow(fresh, asked))
        self._trust.answered()
        return look, believed

    def _needs_pods(
        self, look: PrometheusLook | None, watched: Sequence[WatchedAgent], believed: frozenset[AgentKey]
    ) -> bool:
        agents = [agent for agent in watched if agent.key in believed]
        return look is not None and self._is_slow(look.freshness, agents)

    def _is_slow(self, fresh: Freshness, agents: Sequence[WatchedAgent]) -> bool:
        """Whether pods are scraped for what must be quick. Too many would cost more than it is worth."""
        interval = fresh.interval_seconds
        pods = sum(len(agent.pods) for agent in agents)
        slow = interval is None or interval > self._settings.quick_interval_seconds
        return slow and pods <= self._settings.most_quick_pods

    async def _ask_pods(self, agents: Sequence[WatchedAgent]) -> dict[AgentKey, ScrapedAgent]:
        began = self._clock()
        scraped = await self._scrape.look(agents)
        failed = any(agent.pods for agent in agents) and not any(each.pages for each in scraped.values())
        self._told.saw_question("scrape", "failed" if failed else "answered", self._clock() - began)
        return scraped

    def _seen(
        self,
        agent: WatchedAgent,
        now: float,
        look: PrometheusLook | None,
        believed: frozenset[AgentKey],
        scraped: Mapping[AgentKey, ScrapedAgent],
    ) -> Observation:
        clock, own = self._clock(), scraped.get(agent.key)
        errors = [self._error or _NOT_BELIEVED] if self._prometheus is not None else []
        try:
            if look is not None and agent.key in believed:
                stale = stale_seconds(look.freshness.interval_seconds, self._trust_settings)
                return assembling.from_prometheus(agent, look, own, now, clock, stale)
            if own is not None and own.windows.last_at is not None:
                return assembling.from_scrape(agent, own, now, clock, errors)
            return assembling.unknown(agent, now, clock, [*errors, *(own.problems if own is not None else ())])
        except Exception as error:
            _log.exception("%s/%s: what was seen of it can't be put together", *agent.key)
            return assembling.unknown(agent, now, clock, [f"{type(error).__name__} while putting it together"])

    def _tell(self, found: Mapping[AgentKey, Observation]) -> None:
        sources = Counter(each.source for each in found.values())
        oldest: dict[Source, float] = {}
        for each in found.values():
            for seen in each.measured.values():
                oldest[each.source] = max(oldest.get(each.source, 0.0), seen.age_seconds)
        self._told.saw_agents(sources, oldest)
        in_force = max(sources, key=lambda source: sources[source], default=self._source)
        if in_force != self._source:
            why = f": {self._error}" if self._error else ""
            _log.info("most agents are now seen by %s, no more by %s%s", in_force, self._source, why)
            self._source = in_force
