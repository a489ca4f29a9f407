"""Whether Prometheus is believed: agent by agent, and not again at once where it was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from antiphon_operator.observing.answers import Freshness
from antiphon_operator.observing.settings import TrustSettings
from antiphon_operator.observing.watched import WatchedAgent
from antiphon_policies.facts import AgentKey

_USUAL_INTERVAL_SECONDS = 15.0
"""Where it can't be told."""


class Trust:
    """Times are seconds of one clock that never jumps."""

    def __init__(self, settings: TrustSettings | None = None) -> None:
        self._settings = settings or TrustSettings()
        self._streak: dict[AgentKey, int] = {}
        """Looks in a row that found it fresh; those that are believed have enough."""
        self._failures = 0
        self._asked_again_at = float("-inf")
        self._began = False

    def may_ask(self, now: float) -> bool:
        return now >= self._asked_again_at

    def failed(self, now: float) -> None:
        """A question was not answered: none is believed, and it is left in peace for a while."""
        self._streak.clear()
        self._began = True
        pause = self._settings.pause_seconds * 2.0 ** min(self._failures, 10)
        self._failures += 1
        self._asked_again_at = now + min(pause, self._settings.longest_pause_seconds)

    def answered(self) -> None:
        """All questions of a look."""
        self._failures = 0

    def believed(self, agents: Iterable[WatchedAgent], fresh: Freshness) -> frozenset[AgentKey]:
        """Those agents of which Prometheus has news. The first look of all needs no others before it."""
        enough = self._settings.looks_to_return
        limit = stale_seconds(fresh.interval_seconds, self._settings)
        before, self._streak = self._streak, {}
        for agent in agents:
            if is_fresh(agent, fresh.ages.get(agent.key, {}), limit):
                self._streak[agent.key] = before.get(agent.key, 0) + 1 if self._began else enough
        self._began = True
        return frozenset(key for key, streak in self._streak.items() if streak >= enough)


def stale_seconds(interval_seconds: float | None, settings: TrustSettings) -> float:
    """Age from which a sample is stale."""
    several = settings.stale_intervals * (interval_seconds or _USUAL_INTERVAL_SECONDS)
    return min(max(several, settings.least_stale_seconds), settings.most_stale_seconds)


def is_fresh(agent: WatchedAgent, ages: Mapping[str, float], limit_seconds: float) -> bool:
    """Whether at least half of its ready pods have a fresh sample; of an agent without any, whether any pod has."""
    ready = [pod.address.name for pod in agent.pods if pod.address.ready]
    asked = ready or [pod.address.name for pod in agent.pods]
    told = sum(ages.get(name, float("inf")) <= limit_seconds for name in asked)
    return told > 0 and 2 * told >= len(asked)


def unseen(agent: WatchedAgent, ages: Mapping[str, float], limit_seconds: float) -> list[str]:
    """Ready pods of which Prometheus has nothing that is fresh."""
    ready = (pod.address.name for pod in agent.pods if pod.address.ready)
    return [name for name in ready if ages.get(name, float("inf")) > limit_seconds]
