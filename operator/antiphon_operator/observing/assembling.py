"""One agent's Observation, out of what a source brought. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from antiphon_operator.observing import measuring
from antiphon_operator.observing.answers import AgentGrowth
from antiphon_operator.observing.prometheus_source import PrometheusLook, Window
from antiphon_operator.observing.scrape_source import ScrapedAgent
from antiphon_operator.observing.settings import PrometheusSettings
from antiphon_operator.observing.trust import unseen
from antiphon_operator.observing.watched import WatchedAgent, pod_seen, turn_of, window_seconds
from antiphon_operator.observing.windows import Grown
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen, Source, StageWork

_MOST_ERRORS = 8
_SETTINGS = PrometheusSettings()


def unknown(agent: WatchedAgent, now: float, clock_seconds: float, errors: Sequence[str]) -> Observation:
    """Nothing but what the pods' control states tell."""
    return _nothing_but(agent, "none", pods_of(agent, clock_seconds), now, _told(agent, errors))


def from_scrape(
    agent: WatchedAgent, scraped: ScrapedAgent, now: float, clock_seconds: float, errors: Sequence[str]
) -> Observation:
    pods = pods_of(agent, clock_seconds, scraped.gpu_utilisation)
    rates = scraped.windows.grown(_SETTINGS.rate_seconds)
    age, problems = scraped.age_seconds, _told(agent, [*errors, *scraped.problems])
    if rates is None:
        return _nothing_but(agent, "scrape", pods, now, problems)
    return Observation(
        at=now,
        source="scrape",
        pods=pods,
        entries=agent.entries,
        replicas=agent.replicas,
        measured=_measured(agent, {window: scraped.windows.grown(window) for window in _windows(agent)}, age),
        recent=_scraped_recent(agent, scraped),
        work=measuring.work(scraped.work.series, agent.stages, scraped.work.seconds) if scraped.work else (),
        arrivals_per_second=measuring.per_second(rates.series, rates.seconds, "sessions", "rejected"),
        rejected_per_second=measuring.per_second(rates.series, rates.seconds, "rejected"),
        turns_per_second=measuring.per_second(rates.series, rates.seconds, "turns"),
        errors=problems,
    )


def from_prometheus(
    agent: WatchedAgent,
    look: PrometheusLook,
    scraped: ScrapedAgent | None,
    now: float,
    clock_seconds: float,
    stale_seconds: float,
) -> Observation:
    """`scraped`: of its pods, for what must be quick, where Prometheus is too slow for it."""
    ages = look.freshness.ages[agent.key]
    live = [ages[pod.address.name] for pod in agent.pods if pod.address.name in ages]
    age = min(live, default=float("inf"))
    windows = {window: _of(look.windows.get(window), agent) for window in _windows(agent)}
    rates = _of(look.rates, agent)
    seconds = rates.covered_seconds if rates is not None else 0.0
    series = rates.series if rates is not None else {}
    return Observation(
        at=now,
        source="prometheus",
        pods=pods_of(agent, clock_seconds, look.freshness.gpu_utilisation[agent.key]),
        entries=agent.entries,
        replicas=agent.replicas,
        measured=_measured(
            agent,
            {window: Grown(growth.covered_seconds, growth.series) for window, growth in windows.items() if growth},
            age,
            {window: clock_seconds - found.asked_at for window, found in look.windows.items()},
        ),
        recent=_scraped_recent(agent, scraped) if scraped is not None else _recent(agent, look, age),
        work=_work(agent, look, scraped),
        arrivals_per_second=measuring.per_second(series, seconds, "sessions", "rejected"),
        rejected_per_second=measuring.per_second(series, seconds, "rejected"),
        turns_per_second=measuring.per_second(series, seconds, "turns"),
        errors=_told(agent, _prometheus_problems(agent, look, scraped, stale_seconds)),
    )


def pods_of(
    agent: WatchedAgent, clock_seconds: float, gpu_utilisation: Mapping[str, float] | None = None
) -> tuple[PodSeen, ...]:
    gpus = gpu_utilisation or {}
    return tuple(pod_seen(pod, clock_seconds, gpus.get(pod.address.name)) for pod in agent.pods)


# --- inside ------------------------------------------------------------------------------------------------------------


def _nothing_but(
    agent: WatchedAgent, source: Source, pods: tuple[PodSeen, ...], now: float, errors: tuple[str, ...]
) -> Observation:
    return Observation(now, source, pods, entries=agent.entries, replicas=agent.replicas, errors=errors)


def _windows(agent: WatchedAgent) -> set[float]:
    return {window_seconds(each.objective) for each in agent.objectives}


def _measured(
    agent: WatchedAgent,
    windows: Mapping[float, Grown | None],
    age_seconds: float,
    kept_seconds: Mapping[float, float] | None = None,
) -> dict[str, Measured]:
    """`kept_seconds`: how long ago a window was asked for."""
    found = {}
    for each in agent.objectives:
        window = window_seconds(each.objective)
        grown = windows.get(window)
        if grown is None or grown.seconds <= 0:
            continue
        age = age_seconds + max(0.0, (kept_seconds or {}).get(window, 0.0))
        seen = measuring.measured(each.objective, grown.series, age, min(window, grown.seconds))
        if seen is not None:
            found[each.objective.name] = seen
    return found


def _scraped_recent(agent: WatchedAgent, scraped: ScrapedAgent) -> Measured | None:
    grown = scraped.windows.grown(_SETTINGS.recent_seconds)
    if grown is None:
        return None
    return measuring.recent(turn_of(agent), grown.series, scraped.age_seconds, grown.seconds)


def _recent(agent: WatchedAgent, look: PrometheusLook, age_seconds: float) -> Measured | None:
    growth = _of(look.recent, agent)
    if growth is None or growth.covered_seconds <= 0:
        return None
    return measuring.recent(turn_of(agent), growth.series, age_seconds, growth.covered_seconds)


def _work(agent: WatchedAgent, look: PrometheusLook, scraped: ScrapedAgent | None) -> tuple[StageWork, ...]:
    if scraped is not None:
        return measuring.work(scraped.work.series, agent.stages, scraped.work.seconds) if scraped.work else ()
    growth = _of(look.work, agent)
    if growth is None or look.work is None:
        return ()
    return measuring.work(growth.series, agent.stages, look.work.seconds)


def _of(window: Window | None, agent: WatchedAgent) -> AgentGrowth | None:
    return window.agents.get(agent.key) if window is not None else None


def _prometheus_problems(
    agent: WatchedAgent, look: PrometheusLook, scraped: ScrapedAgent | None, stale_seconds: float
) -> list[str]:
    missing = unseen(agent, look.freshness.ages[agent.key], stale_seconds)
    found = [f"Prometheus has no fresh sample of pod {name}" for name in missing]
    for window in (*look.windows.values(), look.recent, look.rates, look.work):
        growth = _of(window, agent)
        found += growth.problems if growth is not None else ()
    return [*found, *(scraped.problems if scraped is not None else ())]


def _told(agent: WatchedAgent, errors: Iterable[str]) -> tuple[str, ...]:
    silent = [
        f"pod {pod.address.name}: {pod.report.error if pod.report and pod.report.error else 'its state is not known'}"
        for pod in agent.pods
        if pod.address.ready and (pod.report is None or pod.report.state is None)
    ]
    found = list(dict.fromkeys([*errors, *silent]))
    if len(found) <= _MOST_ERRORS:
        return tuple(found)
    return (*found[: _MOST_ERRORS - 1], f"and {len(found) - _MOST_ERRORS + 1} more")
