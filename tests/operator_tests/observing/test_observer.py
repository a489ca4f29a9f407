"""Which source is asked when, and that no fault of either ends the looking."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from metric_pages import (
    REFUSED,
    TURN,
    Clock,
    MadeUpPrometheus,
    VoicePod,
    agent,
    histogram_rows,
    objective,
    prometheus,
    row,
    served,
)

from antiphon_operator.observing.observer import Observer
from antiphon_operator.observing.prometheus import PrometheusClient, prometheus_session
from antiphon_operator.observing.scraping import PodScraper
from antiphon_operator.observing.settings import PrometheusSettings
from antiphon_operator.observing.watched import WatchedAgent
from antiphon_operator.pods.control_client import control_session
from antiphon_policies.seeing.observation import Observation, Source

NOW = 1_700_000_000.0
SETTINGS = PrometheusSettings(answer_seconds=0.3)


class Recorded:
    def __init__(self) -> None:
        self.questions: list[tuple[Source, str]] = []
        self.agents: Mapping[Source, int] = {}
        self.oldest: Mapping[Source, float] = {}

    def saw_question(self, source: Source, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.questions.append((source, result))

    def saw_agents(self, by_source: Mapping[Source, int], oldest_seconds: Mapping[Source, float]) -> None:
        self.agents, self.oldest = by_source, oldest_seconds


class Eyes:
    """An observer of one pod through both sources, whose time passes from look to look."""

    def __init__(
        self, made_up: MadeUpPrometheus, pod: VoicePod, observer: Observer, clock: Clock, told: Recorded
    ) -> None:
        self.prometheus, self.pod, self.observer, self.clock, self.told = made_up, pod, observer, clock, told

    async def look(
        self, watched: WatchedAgent | None = None, *, after_seconds: float = 5.0, now: float = NOW
    ) -> Observation:
        self.clock.seconds += after_seconds
        self.prometheus.questions.clear()
        found = await self.observer.look([watched or agent(self.pod)], now)
        return next(iter(found.values()))

    async def sources(self, looks: int) -> list[Source]:
        return [(await self.look()).source for _ in range(looks)]


def healthy(
    age: float = 1.0, interval: float = 5.0, name: str = "hello", pods: Sequence[str] = ("hello-0",)
) -> list[dict[str, Any]]:
    of = {"namespace": "team", "agent": name}
    return [
        *(row("age", age, **of, pod=pod) for pod in pods),
        row("interval", interval),
        row("covered", 60, **of),
        *histogram_rows("turn", {0.4: 10.0, 0.5: 20.0}, 8.0, **of),
        *(row("turns:value", count, **of, result=result) for result, count in (("completed", 30), ("failed", 0))),
        row("rejected:value", 3, **of),
        row("sessions:value", 27, **of),
        *(
            row(f"{what}:{part}", 12, **of, stage="asr", variant="small")
            for what in ("batches", "steps", "waits")
            for part in ("count", "sum")
        ),
    ]  # fmt: skip


@asynccontextmanager
async def eyes(rows: list[dict[str, Any]] | None = None) -> AsyncIterator[Eyes]:
    clock, pod, told = Clock(), VoicePod(), Recorded()
    async with (
        served(pod) as port,
        prometheus(MadeUpPrometheus(healthy() if rows is None else rows)) as made_up,
        control_session() as pods,
        prometheus_session() as session,
    ):
        scraper = PodScraper(pods, clock=clock, port=port)
        client = PrometheusClient(session, made_up.url, SETTINGS)
        yield Eyes(made_up, pod, Observer(scraper, client, settings=SETTINGS, told=told, clock=clock), clock, told)


def test_prometheus_is_asked_and_pods_are_left_in_peace() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            seen = await looking.look()
            assert (seen.source, seen.errors, looking.pod.asked) == ("prometheus", (), 0)
            turn, refused = seen.measured["turn-p95"], seen.measured["refused"]
            assert turn.durations is not None
            assert turn.durations.count == 20
            assert turn.durations.quantile(0.95) == pytest.approx(490)
            assert (turn.age_seconds, turn.covered_seconds) == (1, 60)
            assert (refused.part, refused.whole) == (3, 30)
            assert (seen.arrivals_per_second, seen.rejected_per_second, seen.turns_per_second) == (0.5, 0.05, 0.5)
            assert seen.recent is not None
            assert seen.recent.durations == turn.durations
            assert (seen.sessions, seen.pods[0].stages["asr"].variant) == (3, "small")
            assert looking.told.questions == [("prometheus", "answered")]
            assert (looking.told.agents, looking.told.oldest) == ({"prometheus": 1}, {"prometheus": 1.0})

    asyncio.run(scenario())


def test_work_is_told_once_in_a_while_and_never_twice() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            told = [(await looking.look()).work for _ in range(13)]
            assert [len(each) for each in told] == [0] * 6 + [1] + [0] * 5 + [1]
            (asr,) = told[6]
            assert (asr.stage, asr.variant, asr.seconds, asr.batches, asr.items, asr.busy_ms) == (
                "asr", "small", 30, 12, 12, 12_000,
            )  # fmt: skip

    asyncio.run(scenario())


def test_questions_are_few_whatever_agents_there_are() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            windows = [f"{seconds}s" for seconds in (10, 20, 40, 80, 160, 320, 640)]
            objectives = [objective(f"turn-{window}", "turn", window=window) for window in windows]
            agents = [agent(looking.pod, name=f"agent-{number}", objectives=objectives) for number in range(30)]
            looking.prometheus.rows = [
                each for number in range(30) for each in healthy(name=f"agent-{number}", pods=[f"agent-{number}-0"])
            ]
            for _ in range(8):
                looking.prometheus.questions.clear()
                looking.clock.seconds += 5
                seen = await looking.observer.look(agents, NOW)
                assert len(looking.prometheus.questions) <= 4 + SETTINGS.most_windows
                assert {each.source for each in seen.values()} == {"prometheus"}
                assert all(set(each.measured) == {f"turn-{window}" for window in windows} for each in seen.values())

    asyncio.run(scenario())


# --- falling back and returning ------------------------------------------------------------------------------------------

_GONE: dict[str, Any] = {
    "429": lambda _question: web.Response(status=429),
    "500": lambda _question: web.Response(status=500),
    "malformed": lambda _question: web.Response(text="{"),
    "warnings": lambda _question: web.json_response({"status": "success", "warnings": ["partial"], "data": None}),
    "wrong-types": lambda _question: web.json_response(
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": "x", "value": 3}]}}
    ),
    "empty": lambda _question: web.json_response({"status": "success", "data": {"resultType": "vector", "result": []}}),
}


@pytest.mark.parametrize("fault", [*_GONE, "hangs"])
def test_a_prometheus_that_fails_is_replaced_within_one_look_and_believed_again_after_some(fault: str) -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            assert await looking.sources(2) == ["prometheus"] * 2
            if fault == "hangs":
                looking.prometheus.hangs = True
            else:
                looking.prometheus.answer = _GONE[fault]
            fallen = await looking.look()
            assert (fallen.source, fallen.measured) == ("scrape", {})
            assert fallen.errors
            assert "Prometheus" in fallen.errors[0]
            looking.pod.turns(0.44)
            seen = await looking.look()
            durations = seen.measured["turn-p95"].durations
            assert durations is not None
            assert (durations.count, seen.measured["turn-p95"].covered_seconds) == (1, 5)
            looking.prometheus.hangs, looking.prometheus.answer = False, lambda _question: None
            sources = await looking.sources(9)
            back = sources.index("prometheus")
            assert 2 <= back <= 5
            assert sources == ["scrape"] * back + ["prometheus"] * (9 - back)

    asyncio.run(scenario())


def test_one_that_fails_again_and_again_is_asked_less_often() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            looking.prometheus.answer = _GONE["500"]
            asked = 0
            for _ in range(60):
                assert (await looking.look()).source == "scrape"
                asked += len(looking.prometheus.questions)
            assert asked <= 6

    asyncio.run(scenario())


def test_a_question_that_is_never_answered_does_not_make_the_source_flap() -> None:
    """Freshness is told, and a window is too much for it."""

    async def scenario() -> None:
        async with eyes() as looking:
            looking.prometheus.answer = lambda question: web.Response(status=422) if "increase" in question else None
            sources = await looking.sources(60)
            assert sources == ["scrape"] * 60

    asyncio.run(scenario())


def test_samples_that_age_are_told_with_their_age_and_then_not_believed() -> None:
    """As when Prometheus answers and has stopped scraping."""

    async def scenario() -> None:
        async with eyes() as looking:
            ages, sources = [], []
            for age in (1, 6, 11, 16, 21):
                looking.prometheus.rows = healthy(age=age)
                seen = await looking.look()
                sources.append(seen.source)
                ages += [each.age_seconds for each in seen.measured.values() if seen.source == "prometheus"]
            assert sources == ["prometheus"] * 3 + ["scrape"] * 2
            assert ages == [1, 1, 6, 6, 11, 11]
            looking.prometheus.rows = healthy(age=1)
            assert await looking.sources(4) == ["scrape", "scrape", "prometheus", "prometheus"]

    asyncio.run(scenario())


def test_fresh_and_stale_in_turn_is_not_believed() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            await looking.look()
            sources = []
            for number in range(12):
                looking.prometheus.rows = healthy(age=60 if number % 3 == 0 else 1)
                sources.append((await looking.look()).source)
            assert set(sources) == {"scrape"}

    asyncio.run(scenario())


def test_an_agent_that_prometheus_does_not_know_is_scraped_beside_the_others() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            known, unknown = agent(looking.pod), agent(looking.pod, name="other")
            for _ in range(2):
                looking.clock.seconds += 5
                seen = await looking.observer.look([known, unknown], NOW)
            assert [each.source for each in seen.values()] == ["prometheus", "scrape"]
            assert seen["team", "other"].measured["refused"].age_seconds == 0
            assert any("Prometheus" in error for error in seen["team", "other"].errors)
            assert looking.told.agents == {"prometheus": 1, "scrape": 1}

    asyncio.run(scenario())


# --- what lies ------------------------------------------------------------------------------------------------------------


def _with(rows: list[dict[str, Any]], what: str, value: str) -> list[dict[str, Any]]:
    return [{**each, "value": [0, value]} if each["metric"]["what"] == what else each for each in rows]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-5"])
def test_values_that_make_no_sense_are_unknown(value: str) -> None:
    async def scenario() -> None:
        async with eyes(_with(healthy(), "turn:bucket", value)) as looking:
            seen = await looking.look()
            assert (seen.source, set(seen.measured), seen.recent) == ("prometheus", {"refused"}, None)
            assert any("antiphon_turn_e2e_seconds" in error for error in seen.errors)

    asyncio.run(scenario())


def test_several_series_are_unknown() -> None:
    async def scenario() -> None:
        twice = [each for each in healthy() if each["metric"]["what"] == "rejected:value"]
        async with eyes([*healthy(), *twice]) as looking:
            seen = await looking.look()
            assert set(seen.measured) == {"turn-p95"}
            assert (seen.arrivals_per_second, seen.rejected_per_second) == (None, None)

    asyncio.run(scenario())


def test_other_units_come_through() -> None:
    async def scenario() -> None:
        of = {"namespace": "team", "agent": "hello"}
        rows = [each for each in healthy() if not each["metric"]["what"].startswith("turn:")]
        async with eyes([*rows, *histogram_rows("turn", {400.0: 10.0, 500.0: 20.0}, 8000.0, **of)]) as looking:
            turn = (await looking.look()).measured["turn-p95"]
            assert turn.durations is not None
            assert turn.durations.quantile(0.95) == pytest.approx(490_000)
            assert turn.age_seconds == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("skew_seconds", [-600.0, 600.0])
def test_a_clock_that_is_wrong_by_minutes_changes_no_age(skew_seconds: float) -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            seen = await looking.look(now=NOW + skew_seconds)
            assert (seen.source, seen.measured["turn-p95"].age_seconds) == ("prometheus", 1)

    asyncio.run(scenario())


def test_pods_that_are_missing_or_gone() -> None:
    """Stale series of pods that are gone say nothing of how fresh the agent's are; a missing one is told."""

    async def scenario() -> None:
        async with eyes(
            [*healthy(age=9, pods=["hello-0"]), row("age", 0.5, namespace="team", agent="hello", pod="gone")]
        ) as looking:
            both = agent(looking.pod, VoicePod(address=looking.pod.address))
            seen = await looking.look(both)
            assert (seen.source, seen.measured["turn-p95"].age_seconds) == ("prometheus", 9)
            assert seen.errors == ("Prometheus has no fresh sample of pod hello-1",)
            assert [pod.name for pod in seen.pods] == ["hello-0", "hello-1"]
            most_missing = await looking.look(agent(*[VoicePod(address=looking.pod.address) for _ in range(3)]))
            assert most_missing.source == "scrape"

    asyncio.run(scenario())


def test_a_window_that_is_hardly_covered_says_so() -> None:
    async def scenario() -> None:
        async with eyes(_with(healthy(), "covered", "9")) as looking:
            seen = await looking.look()
            assert seen.measured["turn-p95"].covered_seconds == 9
            assert seen.turns_per_second == pytest.approx(30 / 9)

    asyncio.run(scenario())


def test_good_metrics_beside_a_failing_probe() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            seen = await looking.look(agent(looking.pod, ready=False))
            assert (seen.source, seen.pods[0].ready, seen.ready("main")) == ("prometheus", False, 0)
            assert "turn-p95" in seen.measured

    asyncio.run(scenario())


# --- slow scraping --------------------------------------------------------------------------------------------------------


def test_a_slow_prometheus_has_pods_scraped_for_what_must_be_quick() -> None:
    async def scenario() -> None:
        async with eyes(healthy(age=20, interval=30)) as looking:
            await looking.look()
            looking.pod.turns(0.9)
            looking.pod.batch(2, 0.1)
            seen = await looking.look()
            assert (seen.source, seen.measured["turn-p95"].age_seconds) == ("prometheus", 20)
            assert seen.recent is not None
            assert seen.recent.durations is not None
            assert seen.recent.durations.mean == pytest.approx(900)
            assert seen.recent.age_seconds == 0
            assert [each.items for each in seen.work] == [2]

    asyncio.run(scenario())


def test_too_many_pods_are_not_scraped_beside_it() -> None:
    async def scenario() -> None:
        rows = healthy(age=20, interval=30, pods=[f"hello-{number}" for number in range(401)])
        async with eyes(rows) as looking:
            many = agent(*[VoicePod(address=looking.pod.address) for _ in range(401)])
            seen = await looking.look(many)
            assert (seen.source, looking.pod.asked) == ("prometheus", 0)
            assert seen.recent is not None
            assert any("[120s]" in question and "[60s]" not in question for question in looking.prometheus.questions)

    asyncio.run(scenario())


def test_without_agents_nobody_is_asked() -> None:
    async def scenario() -> None:
        async with eyes() as looking:
            assert await looking.observer.look([], NOW) == {}
            assert looking.prometheus.questions == []
            only = agent(objectives=(TURN, REFUSED))
            assert (await looking.look(only)).source == "none"

    asyncio.run(scenario())
