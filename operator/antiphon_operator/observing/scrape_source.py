"""Agents as their pods' own pages tell of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from antiphon_operator.observing.scraping import PodScraper, Scraped, problems_of
from antiphon_operator.observing.series import RATES, What
from antiphon_operator.observing.settings import PrometheusSettings, ScrapeSettings
from antiphon_operator.observing.watched import WatchedAgent, turn_of, wanted
from antiphon_operator.observing.windows import AgentWindows, Grown
from antiphon_policies.facts import AgentKey


@dataclass(frozen=True, slots=True)
class ScrapedAgent:
    """Of one agent, after a look."""

    windows: AgentWindows
    pages: int
    """That this look brought."""
    age_seconds: float
    """Of the newest page of any of its pods."""
    work: Grown | None
    gpu_utilisation: Mapping[str, float]
    """By pod."""
    problems: tuple[str, ...]


class ScrapeSource:
    """Remembers what pods told, agent by agent."""

    def __init__(self, scraper: PodScraper, clock: Callable[[], float], settings: ScrapeSettings | None = None) -> None:
        self._scraper = scraper
        self._clock = clock
        self._settings = settings or ScrapeSettings()
        self._windows: dict[AgentKey, AgentWindows] = {}

    async def look(self, agents: Sequence[WatchedAgent]) -> dict[AgentKey, ScrapedAgent]:
        for agent in agents:
            self._attend(agent)
        scraped = await self._scraper.scrape([pod for agent in agents for pod in agent.reachable()])
        return {agent.key: self._seen(agent, scraped) for agent in agents}

    def forget_others(self, agents: Iterable[AgentKey]) -> None:
        """These are all that there are."""
        living = frozenset(agents)
        self._windows = {key: windows for key, windows in self._windows.items() if key in living}

    # --- inside ----------------------------------------------------------------------------------------------------

    def _attend(self, agent: WatchedAgent) -> None:
        windows = self._windows.setdefault(agent.key, AgentWindows())
        windows.attend({pod.address.key: pod.address.uid for pod in agent.pods})
        last = windows.last_at
        if last is not None and self._clock() - last > self._settings.gap_seconds:
            windows.begin_anew()

    def _seen(self, agent: WatchedAgent, scraped: Scraped) -> ScrapedAgent:
        windows, now = self._windows[agent.key], self._clock()
        pods = agent.reachable()
        pages = {pod: scraped.pages[pod.key] for pod in pods if pod.key in scraped.pages}
        for pod, page in pages.items():
            windows.take(pod.key, page)
        work = None
        if pages:
            longest, kept = _needs(agent)
            windows.snapshot(now, longest, kept)
            work = windows.take_work(now)
        age = now - windows.last_at if windows.last_at is not None else float("inf")
        gpu = {pod.name: page.gpu_utilisation for pod, page in pages.items() if page.gpu_utilisation is not None}
        return ScrapedAgent(windows, len(pages), age, work, gpu, tuple(problems_of(scraped, pods)))


_QUICK_SECONDS = PrometheusSettings.rate_seconds


def _needs(agent: WatchedAgent) -> tuple[float, frozenset[What]]:
    """Longest window, and what is counted in windows."""
    by_window = wanted(agent)
    whats = (need.what for needs in by_window.values() for need in needs)
    return max((*by_window, _QUICK_SECONDS)), frozenset((*whats, *RATES, turn_of(agent)))
