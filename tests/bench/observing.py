"""What it costs the operator to look at agents: CPU time of its process for a tick, by source.

python tests/bench/observing.py [--agents N] [--pods N] [--ticks N] [--json]

A child process serves the pages of all pods, which are the runtime's own with four stages, and the answers of a Prometheus
that knows all of them; so that what is counted is our side alone: asking, reading, joining, putting observations together.
Every agent has three objectives in two windows. The first tick of a source is left out, in which it learns how lines begin;
of the others, each 5 s after the last by the observer's clock, the mean is told: not all of them ask all questions.

- `page_ms`, `page_client_ms`: reading one page, by our reader and by prometheus_client's parser.
- `scrape_tick_ms`: a look at all pods by scraping each. `join_ms`: the part of it after the pages have been read.
- `prometheus_tick_ms`: a look through Prometheus; `questions`, `answer_mb`: what it asked and was answered.
- `api_client_ms`: five such answers through prometheus-api-client, where it is installed: to Python objects and no further.

Nothing is drawn by chance.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from metric_pages import Clock, MadeUpPrometheus, VoicePod, agent, histogram_rows, objective, row  # noqa: E402
from prometheus_client.parser import text_string_to_metric_families  # noqa: E402

from antiphon_operator.observing.exposition import PageReader  # noqa: E402
from antiphon_operator.observing.observer import Observer  # noqa: E402
from antiphon_operator.observing.prometheus import PrometheusClient, prometheus_session  # noqa: E402
from antiphon_operator.observing.scrape_source import ScrapeSource  # noqa: E402
from antiphon_operator.observing.scraping import PodScraper, Scraped  # noqa: E402
from antiphon_operator.observing.settings import PrometheusSettings, ScrapeSettings  # noqa: E402
from antiphon_operator.observing.watched import WatchedAgent  # noqa: E402
from antiphon_operator.pods.control_client import control_session  # noqa: E402
from antiphon_operator.pods.known import PodAddress  # noqa: E402
from antiphon_runtime.telemetry.declared import STAGE_BUCKETS, TURN_BUCKETS  # noqa: E402

STAGES = ("vad", "asr", "llm", "tts")
OBJECTIVES = (
    objective("turn-p95", "turn", window="2m"),
    objective("asr-p99", "stage", stage="asr", window="2m"),
    objective("admitted", "rejectedSessions", window="5m"),
)
TICK_SECONDS = 5.0
_PATIENT = PrometheusSettings(answer_seconds=60)
_ALL_AT_ONCE = ScrapeSettings(most_per_look=1_000_000, tick_seconds=120, page_seconds=120)


@dataclass
class Figures:
    agents: int
    pods: int
    page_lines: int
    page_ms: float = 0.0
    page_client_ms: float = 0.0
    scrape_tick_ms: float = 0.0
    join_ms: float = 0.0
    prometheus_tick_ms: float = 0.0
    questions: float = 0.0
    answer_mb: float = 0.0
    api_client_ms: float | None = None


def used_pod() -> VoicePod:
    pod = VoicePod()
    for stage in STAGES:
        pod.batch(3, 0.05, stage=stage)
    for _ in range(5):
        pod.turns(0.4, 0.5, 0.7)
    pod.metrics.session_started(0.01)
    pod.metrics.session_rejected("full")
    pod.metrics.spoke(0)
    return pod


def fleet(agents: int, pods: int) -> list[WatchedAgent]:
    return [
        agent(*[VoicePod(address="127.0.0.1") for _ in range(pods)], name=f"agent-{number}", objectives=OBJECTIVES)
        for number in range(agents)
    ]


def rows_of(name: str, pods: int) -> list[dict[str, Any]]:
    of = {"namespace": "team", "agent": name}
    rows = [row("covered", 120, **of), row("rejected:value", 1.0113636, **of)]
    rows += (row("age", 2.125, **of, pod=f"{name}-{pod}") for pod in range(pods))
    rows += histogram_rows("turn", dict.fromkeys(TURN_BUCKETS, 31.8571428571), 14.3181, **of)
    rows += histogram_rows("response", dict.fromkeys(TURN_BUCKETS, 31.8571428571), 4.3181, **of)
    rows.append(row("sessions:value", 3.1857142857, **of))
    rows += (row("turns:value", 31.8571428, **of, result=result) for result in ("completed", "failed", "empty"))
    rows += histogram_rows("stage", dict.fromkeys(STAGE_BUCKETS, 31.8571428571), 3.318, **of, stage="asr")
    for stage in STAGES:
        parts = ((what, part) for what in ("batches", "steps", "waits") for part in ("count", "sum"))
        rows += (row(f"{what}:{part}", 31.8571, **of, stage=stage, variant="small") for what, part in parts)
    return rows


# --- the other side ----------------------------------------------------------------------------------------------------


class OtherSide:
    """Pods and Prometheus, in a process of their own; each answer is made once."""

    def __init__(self, agents: int, pods: int) -> None:
        self._page = used_pod().page()
        rows = [each for number in range(agents) for each in rows_of(f"agent-{number}", pods)]
        self._prometheus = MadeUpPrometheus([row("interval", 5), *rows])
        self._answers: dict[str, bytes] = {}

    async def page(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._page)

    async def answer(self, request: web.Request) -> web.Response:
        question = str({**request.query, **await request.post()}["query"])
        if question not in self._answers:
            answer = await self._prometheus.serve(request)
            assert isinstance(answer, web.Response)
            self._answers[question] = bytes(answer.body)  # type: ignore[arg-type]
        return web.Response(body=self._answers[question], content_type="application/json")


def serve(agents: int, pods: int) -> None:
    other = OtherSide(agents, pods)
    app = web.Application()
    app.router.add_get("/metrics", other.page)
    app.router.add_route("*", "/api/v1/query", other.answer)

    async def start() -> None:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()

    asyncio.run(start())


# --- ours ---------------------------------------------------------------------------------------------------------------


class CountingClient(PrometheusClient):
    """Keeps what was asked last."""

    questions: list[str] = []
    answered_bytes = 0

    async def _post(self, text: str) -> tuple[int, bytes]:
        status, body = await super()._post(text)
        self.questions.append(text)
        self.answered_bytes += len(body)
        return status, body


class ReadAlready(PodScraper):
    """Pages that need not be asked for."""

    def __init__(self, scraped: Scraped) -> None:
        self._scraped = scraped

    async def scrape(self, pods: Any) -> Scraped:  # noqa: ARG002 (the same page for all)
        return self._scraped


def cpu_ms(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return round((time.process_time() - began) / times * 1000, 3)


async def ticks_ms(observer: Observer, clock: Clock, watched: list[WatchedAgent], ticks: int, source: str) -> float:
    """Mean of the ticks after the first."""
    found = []
    for _ in range(ticks + 1):
        clock.seconds += TICK_SECONDS
        began = time.process_time()
        seen = await observer.look(watched, time.time())
        found.append(1000 * (time.process_time() - began))
        assert {each.source for each in seen.values()} == {source}
    assert all(set(each.measured) == {"turn-p95", "asr-p99", "admitted"} for each in seen.values())
    return round(statistics.mean(found[1:]), 1)


async def measure(agents: int, pods: int, ticks: int, port: int) -> Figures:
    watched, text, clock = fleet(agents, pods), used_pod().page(), Clock()
    figures = Figures(agents, pods, text.count("\n"))
    reader = PageReader()
    reader.read(text)
    figures.page_ms = cpu_ms(lambda: reader.read(text), 200)
    figures.page_client_ms = cpu_ms(lambda: list(text_string_to_metric_families(text)), 10)
    tell(f"scraping {agents * pods} pods")
    async with control_session() as session, prometheus_session() as for_prometheus:
        scraper = PodScraper(session, _ALL_AT_ONCE, clock=clock, port=port)
        figures.scrape_tick_ms = await ticks_ms(Observer(scraper, clock=clock), clock, watched, ticks, "scrape")
        figures.join_ms = await join_ms(watched, reader.read(text), ticks)
        tell("asking Prometheus")
        client = CountingClient(for_prometheus, f"http://127.0.0.1:{port}", _PATIENT)
        observer = Observer(scraper, client, settings=_PATIENT, clock=clock)
        figures.prometheus_tick_ms = await ticks_ms(observer, clock, watched, ticks, "prometheus")
        figures.questions = round(len(client.questions) / (ticks + 1), 1)
        figures.answer_mb = round(client.answered_bytes / (ticks + 1) / 1e6, 2)
        figures.api_client_ms = through_api_client(f"http://127.0.0.1:{port}", client.questions[-5:])
    return figures


async def join_ms(watched: list[WatchedAgent], page: Any, ticks: int) -> float:
    pods: list[PodAddress] = [pod.address for agent in watched for pod in agent.pods]
    source = ScrapeSource(ReadAlready(Scraped(pages={pod.key: page for pod in pods})), time.monotonic)
    found = []
    for _ in range(ticks + 1):
        began = time.process_time()
        await source.look(watched)
        found.append(1000 * (time.process_time() - began))
    return round(statistics.mean(found[1:]), 1)


def through_api_client(url: str, questions: list[str]) -> float | None:
    try:
        from prometheus_api_client import PrometheusConnect  # type: ignore[import-not-found]
    except ImportError:
        return None
    client = PrometheusConnect(url=url)
    return cpu_ms(lambda: [client.custom_query(question) for question in questions], 3)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=2, help="of each agent")
    parser.add_argument("--ticks", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.agents, given.pods)
        return
    command = [sys.executable, __file__, "--serve", "--agents", str(given.agents), "--pods", str(given.pods)]
    tell(f"{' '.join([Path(sys.executable).name, *sys.argv])} on {os.cpu_count()} cores")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        figures = asyncio.run(measure(given.agents, given.pods, given.ticks, int(other.stdout.readline())))
        other.communicate("")
    told = asdict(figures)
    if given.json:
        print(json.dumps(told))
    else:
        for name, value in told.items():
            print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
