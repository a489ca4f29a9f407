"""Voice pods that serve the runtime's own metrics, and a Prometheus that answers what it is told to: over real HTTP."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from antiphon_crds.control import SessionCounts, StageState, State
from antiphon_crds.policy import Objective
from antiphon_crds.voicemodel import Memory, Variant
from antiphon_operator.observing.watched import WatchedAgent, WatchedPod
from antiphon_operator.pods.known import PodAddress, PodKey
from antiphon_operator.pods.reports import PodReport
from antiphon_policies.objectives import EffectiveObjective
from antiphon_runtime.batching.observing import Batch
from antiphon_runtime.telemetry.metrics import Metrics
from antiphon_runtime.telemetry.stage_metrics import StageMetrics
from antiphon_runtime.turns.timeline import Anchor, Timeline
from antiphon_runtime.voice.listener import TurnResult

_numbers = itertools.count()


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class VoicePod:
    """One pod: its page is the runtime's, unless something else is put in its place."""

    address: str = ""
    name: str = ""
    """Default: the agent's, and its place among the agent's pods."""
    uid: str = "1"
    metrics: Metrics = field(default_factory=Metrics)
    answer: Callable[[str], web.StreamResponse] | None = None
    """Of its page, what is answered instead."""
    hangs: bool = False
    asked: int = 0
    _stages: dict[tuple[str, str], StageMetrics] = field(default_factory=dict)

    def turns(self, *seconds: float, decided: float = 0.3, result: TurnResult = "completed") -> None:
        for each in seconds:
            timeline = Timeline()
            timeline.mark(Anchor.USER_STOPPED, 10.0)
            timeline.mark(Anchor.DECIDED, 10.0 + decided)
            timeline.mark(Anchor.FIRST_AUDIBLE, 10.0 + each)
            self.metrics.turn(timeline, result)

    def results(self, *seconds: float, overhead: float = 0.004) -> None:
        """Of an agent that only listens."""
        for each in seconds:
            timeline = Timeline()
            for anchor, at in (
                (Anchor.DECIDED, 10.0),
                (Anchor.HEARING_ASKED, 10.0 + overhead),
                (Anchor.FINAL_TRANSCRIPT, 10.0 + each),
                (Anchor.SPEAKERS_ASKED, 10.0 + each),
                (Anchor.SPEAKERS_KNOWN, 10.0 + each),
                (Anchor.RESULT_SENT, 10.0 + each),
            ):
                timeline.mark(anchor, at)
            self.metrics.turn(timeline, "completed")

    def batch(self, size: int, seconds: float, wait: float = 0.01, stage: Any = "asr", variant: str = "small") -> None:
        known = self._stages.get((stage, variant))
        if known is None:
            made = Variant(name=variant, engine="espeak", memory=Memory(host="1Gi"))
            known = self._stages[stage, variant] = self.metrics.observer(stage, "a-model", made, emulated=True)
        known.on_batch(Batch(size, (wait,) * size, seconds, queued=0, cap=4, end="computed"))

    def restart(self) -> None:
        """Its process begins anew: so do its counters."""
        self.metrics = Metrics()
        self._stages.clear()

    def page(self) -> str:
        return self.metrics.exposition("text/plain;version=0.0.4")[0].decode()

    async def serve(self, _request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(60)
        if self.answer is not None:
            return self.answer(self.page())
        return web.Response(text=self.page(), content_type="text/plain")


@asynccontextmanager
async def served(*pods: VoicePod) -> AsyncIterator[int]:
    """Each at an address of its own, all at the port that is yielded."""
    runners, port = [], 0
    try:
        for pod in pods:
            number = next(_numbers)
            pod.address = f"127.{77 + number // 60000}.{number // 250 % 240}.{number % 250 + 1}"
            runner, port = await _serve(pod.serve, "/metrics", pod.address, port)
            runners.append(runner)
        yield port
    finally:
        for runner in runners:
            await runner.cleanup()


async def _serve(handler: Any, path: str, host: str, port: int) -> tuple[web.AppRunner, int]:
    app = web.Application()
    app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, int(runner.addresses[0][1])


# --- Prometheus --------------------------------------------------------------------------------------------------------


def row(what: str, value: object, **labels: str) -> dict[str, Any]:
    return {"metric": {"what": what, **labels}, "value": [1_000_000_000.0, str(value)]}


def histogram_rows(what: str, below: Mapping[float, float], total: float, **labels: str) -> list[dict[str, Any]]:
    """`below`: cumulative counts by bound; that of +Inf is the largest."""
    bounds = {f"{bound:g}": count for bound, count in below.items()} | {"+Inf": max(below.values(), default=0.0)}
    return [
        *(row(f"{what}:bucket", count, le=le, **labels) for le, count in bounds.items()),
        row(f"{what}:sum", total, **labels),
    ]


@dataclass
class MadeUpPrometheus:
    """Answers each question with those of its rows that the question is about, or with what is put in their place."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[str], web.StreamResponse | None] = lambda _question: None
    """Given the question; None: the rows."""
    hangs: bool = False
    questions: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        question = str((await request.post())["query"])
        self.questions.append(question)
        if self.hangs:
            await asyncio.sleep(60)
        if (answer := self.answer(question)) is not None:
            return answer
        about = set(re.findall(r'"what", "([^"]+)"', question))
        found = [row for row in self.rows if row["metric"]["what"] in about]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": found}})


@asynccontextmanager
async def prometheus(made_up: MadeUpPrometheus) -> AsyncIterator[MadeUpPrometheus]:
    runner, port = await _serve(made_up.serve, "/api/v1/query", "127.0.0.1", 0)
    made_up.url = f"http://127.0.0.1:{port}"
    try:
        yield made_up
    finally:
        await runner.cleanup()


# --- agents ------------------------------------------------------------------------------------------------------------


def objective(name: str, indicator: str, *, window: str = "1m", **more: Any) -> EffectiveObjective:
    target: dict[str, Any] = {"percentile": 95, "target_ms": 500}
    if indicator.endswith(("Sessions", "Turns", "Underruns", "Frames")):
        target = {"max_ratio": 0.01}
    if indicator == "frameRate":
        target = {"min_per_second": 25, "percentile": 95}
    made = Objective(name=name, indicator=indicator, window=window, **{**target, **more})  # type: ignore[arg-type]
    return EffectiveObjective(made, False, made.target_ms)


TURN = objective("turn-p95", "turn")
REFUSED = objective("refused", "rejectedSessions")


def agent(
    *pods: VoicePod,
    name: str = "hello",
    objectives: Sequence[EffectiveObjective] = (TURN, REFUSED),
    ready: bool = True,
    heard_at: float | None = 1000.0,
    sessions: int = 3,
) -> WatchedAgent:
    watched = []
    for index, pod in enumerate(pods):
        address = PodAddress(
            "team", pod.name or f"{name}-{index}", pod.uid, pod.address, "token", name, "main", ready=ready
        )
        report = PodReport(state_of(sessions), heard_at=heard_at, uid=pod.uid) if heard_at is not None else None
        watched.append(WatchedPod(address, report))
    return WatchedAgent(
        ("team", name), tuple(watched), {"main": len(pods)}, tuple(objectives), ("vad", "asr", "llm", "tts")
    )


def state_of(sessions: int) -> State:
    stage = StageState(stage="asr", model="a-model", variant="small", engine="espeak", max_batch=4, queued=2)
    return State(phase="Ready", sessions=SessionCounts(listening=sessions), capacity=10, stages=[stage])


def key_of(watched: WatchedAgent, index: int) -> PodKey:
    return watched.pods[index].address.key
