"""Agents as Prometheus knows them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field

from antiphon_operator.observing.answers import AgentGrowth, Freshness, freshness_of, growth_of
from antiphon_operator.observing.prometheus import PrometheusClient, Rows
from antiphon_operator.observing.queries import freshness, growth
from antiphon_operator.observing.rounding import rounded_up
from antiphon_operator.observing.series import RATES, WORK, Need
from antiphon_operator.observing.settings import PrometheusSettings
from antiphon_operator.observing.watched import WatchedAgent, turn_of, wanted
from antiphon_policies.facts import AgentKey

_RATES = frozenset(map(Need, RATES))
_WORK = frozenset(map(Need, WORK))
_LONG_INTERVALS = 4.0
"""Scrape intervals that the shortest window has at least: of fewer samples an increase is a guess."""


@dataclass(frozen=True, slots=True)
class Window:
    """What came in one window, by agent."""

    seconds: float
    asked_at: float
    needs: frozenset[Need]
    agents: Mapping[AgentKey, AgentGrowth]


@dataclass(frozen=True, slots=True)
class PrometheusLook:
    """All that one look brought."""

    freshness: Freshness
    windows: Mapping[float, Window] = field(default_factory=dict)
    """By the window that an objective has; those that are rounded up stand here under their own length."""
    recent: Window | None = None
    rates: Window | None = None
    work: Window | None = None
    """Since the work was last looked at. None: it is not yet time to."""


class PrometheusSource:
    """Asks at most 4 + `most_windows` questions in a look, however many agents there are."""

    def __init__(
        self, client: PrometheusClient, clock: Callable[[], float], settings: PrometheusSettings | None = None
    ) -> None:
        self._client = client
        self._clock = clock
        self._settings = settings or PrometheusSettings()
        self._kept: dict[float, Window] = {}
        self._worked_at: float | None = None
        self.queries = 0
        """That were asked."""

    async def fresh(self) -> Freshness:
        """PrometheusError where it can't be told."""
        return freshness_of(await self._ask(freshness(self._settings.interval_window_seconds)))

    async def look(self, fresh: Freshness, agents: Sequence[WatchedAgent], *, quick: bool) -> PrometheusLook:
        """PrometheusError where a question was not answered. `quick`: what must be quick is asked for too."""
        keys = frozenset(agent.key for agent in agents)
        by_window, asked_for = self._objectives(agents)
        questions = [self._window(keys, needs, seconds) for seconds, needs in by_window.items()]
        shortest = _LONG_INTERVALS * (fresh.interval_seconds or 0.0)
        rates = self._grown(keys, _RATES, max(self._settings.rate_seconds, shortest))
        answered = await _all(
            [*questions, rates, self._recent(agents, shortest, quick), self._work(keys, shortest, quick)]
        )
        *windows, rated, recent, work = answered
        found = {window.seconds: window for window in windows if window is not None}
        self._kept = found
        return PrometheusLook(
            fresh, {own: found[asked] for own, asked in asked_for.items() if asked in found}, recent, rated, work
        )

    # --- inside ----------------------------------------------------------------------------------------------------

    def _objectives(self, agents: Sequence[WatchedAgent]) -> tuple[dict[float, frozenset[Need]], Mapping[float, float]]:
        """What is asked for in which window, and which window stands for which."""
        all_windows: dict[float, frozenset[Need]] = {}
        for agent in agents:
            for window, needs in wanted(agent).items():
                all_windows[window] = all_windows.get(window, frozenset()) | needs
        asked_for = rounded_up(all_windows, self._settings.most_windows)
        found: dict[float, frozenset[Need]] = {}
        for window, needs in all_windows.items():
            found[asked_for[window]] = found.get(asked_for[window], frozenset()) | needs
        return found, asked_for

    async def _window(self, agents: Collection[AgentKey], needs: frozenset[Need], seconds: float) -> Window | None:
        """A long window changes little from look to look, and is not asked for in each."""
        kept = self._kept.get(seconds)
        keeps_seconds = min(self._settings.longest_kept_seconds, seconds / 40)
        if kept is not None and needs <= kept.needs and self._clock() - kept.asked_at < keeps_seconds:
            return kept
        return await self._grown(agents, needs, seconds)

    async def _recent(self, agents: Sequence[WatchedAgent], shortest: float, quick: bool) -> Window | None:
        seconds = max(self._settings.recent_seconds, shortest)
        needs = frozenset(Need(turn_of(agent)) for agent in agents)
        return await self._grown(frozenset(agent.key for agent in agents), needs, seconds) if quick else None

    async def _work(self, agents: Collection[AgentKey], shortest: float, quick: bool) -> Window | None:
        """As long as the time since it was last asked, so that no work is told twice."""
        now, before = self._clock(), self._worked_at
        least = max(self._settings.work_seconds, shortest)
        if not quick or before is None or now - before > 2 * least:
            self._worked_at = now if quick else None
            return None
        if now - before < least:
            return None
        self._worked_at = now
        return await self._grown(agents, _WORK, now - before)

    async def _grown(self, agents: Collection[AgentKey], needs: frozenset[Need], seconds: float) -> Window:
        asked_at = self._clock()
        rows = await self._ask(growth(needs, seconds))
        return Window(seconds, asked_at, needs, growth_of(rows, agents, seconds))

    async def _ask(self, question: str) -> Rows:
        self.queries += 1
        return await self._client.query(question)


async def _all(questions: Sequence[Coroutine[None, None, Window | None]]) -> list[Window | None]:
    """One that fails ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(question) for question in questions]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]
