"""A real Prometheus scrapes pods, is asked, is stopped half way, and comes back."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from metric_pages import VoicePod, agent, objective, served

from antiphon_operator.observing.observer import Observer
from antiphon_operator.observing.prometheus import PrometheusClient, prometheus_session
from antiphon_operator.observing.queries import growth
from antiphon_operator.observing.scraping import PodScraper
from antiphon_operator.observing.series import FAMILIES, Need
from antiphon_operator.observing.settings import TrustSettings
from antiphon_operator.observing.watched import WatchedAgent
from antiphon_operator.pods.control_client import control_session
from antiphon_policies.seeing.observation import Observation

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="there is no prometheus (Debian: prometheus)"
)
PATIENCE_SECONDS = 20.0
TRUST = TrustSettings(least_stale_seconds=3.0, pause_seconds=0.5, longest_pause_seconds=0.5)
OBJECTIVES = (
    objective("turn", "turn", window="1m"),
    objective("response", "response", window="1m"),
    objective("asr", "stage", stage="asr", window="1m"),
    objective("result", "result", window="1m"),
    objective("overhead", "overhead", window="1m"),
    objective("refused", "rejectedSessions", window="1m"),
    objective("failed", "failedTurns", window="1m"),
)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class RealPrometheus:
    """Scrapes pods every second, each twice: as two of them behind one address would."""

    def __init__(self, folder: Path, pods: dict[str, str], port: int) -> None:
        self._folder, self._port = folder, _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        targets = [
            {
                "targets": [f"{address}:{port}"],
                "labels": {"namespace": "team", "agent": "hello", "group": "main", "pod": name},
            }
            for name, address in pods.items()
        ]
        jobs = [{"job_name": name, "static_configs": targets} for name in ("one", "other")]
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


@asynccontextmanager
async def scraped_by_prometheus(folder: Path, *pods: VoicePod) -> AsyncIterator[tuple[RealPrometheus, int]]:
    async with served(*pods) as port:
        real = RealPrometheus(folder, {f"hello-{index}": pod.address for index, pod in enumerate(pods)}, port)
        await real.start()
        try:
            yield real, port
        finally:
            await real.stop()


def test_it_is_believed_while_it_scrapes_and_replaced_while_it_does_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        pods = [VoicePod(), VoicePod()]
        for pod in pods:
            talk(pod)
        async with (
            scraped_by_prometheus(tmp_path, *pods) as (real, port),
            control_session() as for_pods,
            prometheus_session() as session,
        ):
            clock = asyncio.get_running_loop().time
            observer = Observer(
                PodScraper(for_pods, clock=clock, port=port), PrometheusClient(session, real.url), trust=TRUST
            )
            watched = agent(*pods, objectives=OBJECTIVES)
            await until(observer, watched, lambda seen: seen.source == "prometheus")
            await until(observer, watched, lambda seen: _covered_seconds(seen) >= 6)
            for pod in pods:
                talk(pod)
            seen = await until(observer, watched, lambda seen: _count(seen, "turn") > 30)
            assert_like_what_was_said(seen)
            asked = await PrometheusClient(session, real.url).query(
                growth([Need(family.what) for family in FAMILIES], 30.0)
            )
            assert {row["metric"]["what"].partition(":")[0] for row in asked} == {
                *(family.what for family in FAMILIES),
                "covered",
            }
            await real.stop()
            fallen = await look(observer, watched)
            assert fallen.source == "scrape"
            assert any("Prometheus can't be reached" in error for error in fallen.errors)
            for pod in pods:
                talk(pod)
            assert_like_what_was_said(await until(observer, watched, lambda seen: _count(seen, "turn") == 80))
            await real.start()
            back = await until(observer, watched, lambda seen: seen.source == "prometheus")
            assert _count(back, "turn") > 30

    asyncio.run(scenario())


def talk(pod: VoicePod) -> None:
    """20 turns of which one is slow, one failed; 10 results of which one is slow; 4 sessions of which one is refused; 4
    items in 2 batches."""
    pod.batch(3, seconds=0.06, wait=0.02)
    pod.batch(1, seconds=0.03, wait=0.0)
    pod.turns(*[0.42] * 18, 0.93, decided=0.3)
    pod.turns(0.42, decided=0.3, result="failed")
    pod.results(*[0.09] * 9, 0.45, overhead=0.004)
    for _ in range(3):
        pod.metrics.session_started(0.01)
    pod.metrics.session_rejected("full")


def assert_like_what_was_said(seen: Observation) -> None:
    """Prometheus extrapolates: counts need not be whole, shares and percentiles must be right."""
    turn, response, asr = (seen.measured[name].durations for name in ("turn", "response", "asr"))
    assert turn is not None
    assert response is not None
    assert asr is not None
    assert turn.share_within(450) == pytest.approx(0.95)
    assert turn.mean == pytest.approx(445.5)
    assert turn.quantile(0.5) == pytest.approx(426, abs=2)
    assert response.mean == pytest.approx(145.5)
    assert asr.mean == pytest.approx((3 * 80 + 30) / 4)
    result, overhead = (seen.measured[name].durations for name in ("result", "overhead"))
    assert result is not None
    assert overhead is not None
    assert result.share_within(100) == pytest.approx(0.9)
    assert result.mean == pytest.approx(126)
    assert overhead.share_within(5) == 1.0
    assert overhead.mean == pytest.approx(4)
    for name, share in (("refused", 1 / 4), ("failed", 1 / 30)):
        counted = seen.measured[name]
        assert counted.part is not None
        assert counted.whole
        assert counted.part / counted.whole == pytest.approx(share)
    assert all(each.age_seconds < 3 for each in seen.measured.values())
    assert seen.recent is not None
    assert (seen.turns_per_second or 0) > 0
    assert (seen.arrivals_per_second or 0) == pytest.approx(4 * (seen.rejected_per_second or 0))


def _count(seen: Observation, name: str) -> float:
    durations = seen.measured[name].durations if name in seen.measured else None
    return durations.count if durations is not None else 0.0


def _covered_seconds(seen: Observation) -> float:
    return (seen.measured["turn"].covered_seconds or 0.0) if "turn" in seen.measured else 0.0


async def look(observer: Observer, watched: WatchedAgent) -> Observation:
    (seen,) = (await observer.look([watched], time.time())).values()
    return seen


async def until(observer: Observer, watched: WatchedAgent, is_so: Callable[[Observation], bool]) -> Observation:
    """What is waited for is another process, in its own time."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so(seen := await look(observer, watched)):
            await asyncio.sleep(0.2)
    return seen
