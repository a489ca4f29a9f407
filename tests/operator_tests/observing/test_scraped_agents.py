"""Agents seen through their pods' own pages, over real HTTP, in all weathers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from metric_pages import REFUSED, TURN, Clock, VoicePod, agent, objective, served

from antiphon_operator.observing.observer import Observer
from antiphon_operator.observing.scraping import PodScraper
from antiphon_operator.observing.settings import ScrapeSettings
from antiphon_operator.observing.watched import WatchedAgent
from antiphon_operator.pods.control_client import control_session
from antiphon_policies.seeing.observation import Observation

NOW = 1_700_000_000.0
KEY = ("team", "hello")


class Eyes:
    """An observer without Prometheus, whose time passes from look to look."""

    def __init__(self, observer: Observer, clock: Clock) -> None:
        self.observer, self.clock = observer, clock

    async def look(self, watched: WatchedAgent, after_seconds: float = 5.0, now: float = NOW) -> Observation:
        self.clock.seconds += after_seconds
        (found,) = (await self.observer.look([watched], now)).values()
        return found


@asynccontextmanager
async def eyes(*pods: VoicePod, settings: ScrapeSettings | None = None) -> AsyncIterator[Eyes]:
    clock = Clock()
    async with served(*pods) as port, control_session() as session:
        scraper = PodScraper(session, settings, clock=clock, port=port)
        yield Eyes(Observer(scraper, clock=clock), clock)


def test_what_came_since_the_last_look() -> None:
    async def scenario() -> None:
        one, other = VoicePod(), VoicePod()
        async with eyes(one, other) as looking:
            for pod in (one, other):
                pod.turns(3.0)
                pod.batch(2, 0.5)
            first = await looking.look(agent(one, other))
            assert (first.source, first.measured, first.recent, first.work) == ("scrape", {}, None, ())
            assert first.sessions == 6
            one.turns(*[0.42] * 9)
            other.turns(0.42)
            one.batch(4, 0.1)
            for pod in (one, other):
                pod.metrics.session_started(0.01)
            other.metrics.session_rejected("full")
            seen = await looking.look(agent(one, other))
            turn, refused = seen.measured["turn-p95"], seen.measured["refused"]
            assert turn.durations is not None
            assert turn.durations.count == 10
            assert turn.durations.mean == pytest.approx(420)
            assert (turn.age_seconds, turn.covered_seconds) == (0, 5)
            assert (refused.part, refused.whole) == (1, 3)
            assert (seen.arrivals_per_second, seen.rejected_per_second, seen.turns_per_second) == (0.6, 0.2, 2.0)
            assert seen.recent is not None
            assert seen.recent.durations == turn.durations
            (asr,) = seen.work
            assert (asr.stage, asr.variant) == ("asr", "small")
            assert [asr.items, asr.busy_ms, asr.seconds] == pytest.approx([4, 100, 5])
            assert seen.errors == ()
            idle = await looking.look(agent(one, other))
            assert idle.measured["turn-p95"].durations == turn.durations
            assert idle.work == ()

    asyncio.run(scenario())


def test_control_states_are_told_with_their_age() -> None:
    async def scenario() -> None:
        pod = VoicePod()
        async with eyes(pod) as looking:
            seen = await looking.look(agent(pod, heard_at=looking.clock.seconds, sessions=3))
            (told,) = seen.pods
            assert (told.name, told.group, told.ready, told.age_seconds) == ("hello-0", "main", True, 5.0)
            assert (told.sessions, told.capacity, told.stages["asr"].cap, told.stages["asr"].queued) == (3, 10, 4, 2)
            assert seen.replicas == {"main": 1}
            silent = await looking.look(agent(pod, heard_at=None))
            assert (silent.pods[0].age_seconds, silent.pods[0].sessions, silent.sessions) == (float("inf"), None, None)
            assert silent.errors == ("pod hello-0: its state is not known",)

    asyncio.run(scenario())


def test_only_pods_in_which_sessions_live_are_asked_for_them() -> None:
    async def scenario() -> None:
        one, behind = VoicePod(), VoicePod()
        async with eyes(one, behind) as looking:
            entry, other = agent(one, behind, heard_at=looking.clock.seconds, sessions=3).pods
            worker = replace(other, address=replace(other.address, group="brain"))
            silent = replace(worker, report=None)
            watched = replace(agent(), pods=(entry, silent), entries=frozenset({"main"}))
            assert [(await looking.look(watched)).sessions for _ in range(2)] == [3, 3]
            assert (await looking.look(replace(watched, pods=(entry, worker)))).sessions == 3
            assert (await looking.look(replace(watched, pods=(entry, worker), entries=frozenset()))).sessions == 6

    asyncio.run(scenario())


def _status(code: int) -> Callable[[str], web.StreamResponse]:
    return lambda _page: web.Response(status=code, headers={"Retry-After": "5"})


def _text(text: str) -> Callable[[str], web.StreamResponse]:
    return lambda _page: web.Response(text=text)


FAULTS: dict[str, tuple[Callable[[str], web.StreamResponse], str]] = {
    "429": (_status(429), "HTTP status 429"),
    "500": (_status(500), "HTTP status 500"),
    "moved": (lambda _page: web.Response(status=302, headers={"Location": "/elsewhere"}), "HTTP status 302"),
    "garbage": (_text("<html>no metrics</html>"), "can't be read"),
    "no-text": (lambda _page: web.Response(body=b"\xff\xfe\x00"), "can't be read"),
    "endless": (_text("#" * (1 << 17)), "longer than 65536 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_pod_whose_page_can_not_be_had_is_told_and_hurts_no_other(fault: str) -> None:
    async def scenario() -> None:
        good, bad = VoicePod(), VoicePod()
        async with eyes(good, bad, settings=ScrapeSettings(largest_page_bytes=1 << 16)) as looking:
            await looking.look(agent(good, bad))
            bad.answer, why = FAULTS[fault]
            good.turns(0.4)
            bad.turns(0.4)
            seen = await looking.look(agent(good, bad))
            assert _turns(seen) == 1
            assert len(seen.errors) == 1
            assert seen.errors[0].startswith("pod hello-1: ")
            assert why in seen.errors[0]
            bad.answer = None
            assert _turns(await looking.look(agent(good, bad))) == 2

    asyncio.run(scenario())


def test_pods_that_are_down_or_hang_are_not_waited_for() -> None:
    async def scenario() -> None:
        good, hanging, gone = VoicePod(), VoicePod(), VoicePod(address="127.99.99.99")
        settings = ScrapeSettings(page_seconds=0.2)
        async with eyes(good, hanging, settings=settings) as looking:
            watched = agent(good, hanging, gone)
            await looking.look(watched)
            hanging.hangs = True
            good.turns(0.4)
            seen = await looking.look(watched)
            assert _turns(seen) == 1
            assert len(seen.errors) == 2
            assert "pod hello-1: no metrics within 0.2 s" in seen.errors

    asyncio.run(scenario())


def test_an_agent_whose_pods_all_fall_silent_ages_and_then_is_unknown() -> None:
    async def scenario() -> None:
        pod = VoicePod()
        async with eyes(pod) as looking:
            await looking.look(agent(pod))
            pod.turns(0.4)
            await looking.look(agent(pod))
            pod.answer = _status(503)
            for _ in range(2):
                seen = await looking.look(agent(pod))
            assert seen.measured["turn-p95"].age_seconds == 10
            assert seen.errors == ("pod hello-0: its metrics were answered with HTTP status 503",)
            lost = await looking.look(agent(pod), after_seconds=100)
            assert (lost.source, lost.measured, lost.arrivals_per_second) == ("none", {}, None)
            assert lost.errors

    asyncio.run(scenario())


def _turns(seen: Observation) -> float | None:
    durations = seen.measured["turn-p95"].durations
    return durations.count if durations is not None else None


def test_values_that_make_no_sense_are_unknown_and_plausible_ones_come_through() -> None:
    """Whether values are likely is for the guards to judge: a thousand times too long is what was told."""

    async def scenario() -> None:
        pod = VoicePod()
        async with eyes(pod) as looking:
            await looking.look(agent(pod))
            pod.turns(0.4)
            for value in ("NaN", "+Inf", "-1"):
                pod.answer = lambda page, value=value: _with_turns(page, value)
                seen = await looking.look(agent(pod))
                assert "turn-p95" not in seen.measured or _turns(seen) == 0
                assert seen.measured["refused"].part == 0
                assert any("antiphon_turn_e2e_seconds" in error for error in seen.errors)
            pod.answer = None
            assert _turns(await looking.look(agent(pod))) == 1
            pod.turns(420.0)
            durations = (await looking.look(agent(pod))).measured["turn-p95"].durations
            assert durations is not None
            assert durations.mean == pytest.approx((400 + 420_000) / 2)

    asyncio.run(scenario())


def _with_turns(page: str, value: str) -> web.StreamResponse:
    lines = [
        f"{line.rpartition(' ')[0]} {value}" if line.startswith("antiphon_turn_e2e_seconds_bucket") else line
        for line in page.splitlines()
    ]
    return web.Response(text="\n".join(lines) + "\n")


def test_restarts_new_pods_and_dead_pods() -> None:
    async def scenario() -> None:
        old, other, late = VoicePod(name="old"), VoicePod(name="other"), VoicePod(name="late")
        async with eyes(old, other, late) as looking:
            old.turns(*[0.4] * 50)
            await looking.look(agent(old, other))
            old.turns(0.4, 0.4)
            other.turns(0.4)
            await looking.look(agent(old, other))
            old.restart()
            old.turns(0.4)
            late.turns(0.4, 0.4)
            assert _turns(await looking.look(agent(old, other, late))) == 6
            assert _turns(await looking.look(agent(old, late))) == 6

    asyncio.run(scenario())


def test_a_wrong_clock_changes_nothing() -> None:
    """Neither ours, by which observations are dated, nor pods', which tell no times."""

    async def scenario() -> None:
        pod = VoicePod()
        async with eyes(pod) as looking:
            await looking.look(agent(pod))
            for now in (NOW + 600, NOW - 600, NOW):
                pod.turns(0.4)
                seen = await looking.look(agent(pod), now=now)
                assert seen.at == now
                assert seen.measured["turn-p95"].age_seconds == 0
            assert _turns(seen) == 3

    asyncio.run(scenario())


def test_good_metrics_of_a_pod_that_is_not_ready() -> None:
    async def scenario() -> None:
        pod = VoicePod()
        async with eyes(pod) as looking:
            await looking.look(agent(pod, ready=False))
            pod.turns(0.4)
            seen = await looking.look(agent(pod, ready=False))
            assert _turns(seen) == 1
            assert (seen.pods[0].ready, seen.ready("main")) == (False, 0)

    asyncio.run(scenario())


def test_objectives_without_a_metric_and_windows_of_each() -> None:
    async def scenario() -> None:
        pod = VoicePod()
        objectives = (
            objective("short", "turn", window="10s"),
            objective("long", "turn", window="5m"),
            objective("overhead", "overhead"),
            objective("frames", "frameRate"),
        )
        async with eyes(pod) as looking:
            await looking.look(agent(pod, objectives=objectives))
            for _ in range(6):
                pod.turns(0.4)
                seen = await looking.look(agent(pod, objectives=objectives))
            counts = {name: each.durations.count for name, each in seen.measured.items() if each.durations}
            assert counts == {"short": 2, "long": 6}
            assert (seen.measured["short"].covered_seconds, seen.measured["long"].covered_seconds) == (10, 30)

    asyncio.run(scenario())


def test_more_pods_than_can_be_asked_are_asked_in_turn() -> None:
    async def scenario() -> None:
        pods = [VoicePod() for _ in range(5)]
        async with eyes(*pods, settings=ScrapeSettings(most_per_look=2)) as looking:
            for _ in range(5):
                await looking.look(agent(*pods))
            asked = [pod.asked for pod in pods]
            assert (sum(asked), max(asked) - min(asked) <= 2) == (10, True)

    asyncio.run(scenario())


def test_agents_without_pods_or_addresses_are_unknown() -> None:
    async def scenario() -> None:
        pod = VoicePod()
        async with eyes(pod) as looking:
            none = await looking.look(agent(objectives=(TURN, REFUSED)))
            assert (none.source, none.pods, none.sessions) == ("none", (), None)
            watched = agent(pod)
            (waiting,) = watched.pods
            nowhere = replace(waiting, address=replace(waiting.address, address=""))
            unborn = await looking.look(replace(watched, pods=(nowhere,)))
            assert (unborn.source, len(unborn.pods)) == ("none", 1)

    asyncio.run(scenario())
