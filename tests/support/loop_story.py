"""An agent with a promise and a crowd that comes and goes: what its control loop does, second by second.

Engines are emulated, and say so: they take the time of a made-up GPU, on which, as on real ones, most of a batch's time is
the same for one item as for eight. One replica keeps the promise for about 20 callers with the better variants and for about
100 with the quicker ones, if batches may grow.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crowd import Crowd, CrowdTotals, Manners
from operated import API, Operated

from antiphon_operator.plotting.timeline import Sample

Obj = dict[str, Any]
TARGET_MS = 450
STEPS: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "vad": ({"alphaMs": 0.2, "betaMs": 0.02}, {"alphaMs": 0.2, "betaMs": 0.02}),
    "asr": ({"alphaMs": 155, "betaMs": 20}, {"alphaMs": 100, "betaMs": 13}),
    "llm": ({"alphaMs": 120, "betaMs": 12}, {"alphaMs": 90, "betaMs": 9}),
    "tts": ({"alphaMs": 90, "betaMs": 10}, {"alphaMs": 65, "betaMs": 7}),
}
"""By stage: the better variant, and the quicker one."""
_TRUTHFUL = {"noise": 0.1, "maxBatch": 32, "item": "anything", "basis": "Projected", "origin": "made up for a story"}


@dataclass(frozen=True)
class Story:
    """`levels`: from which second on how many callers there are; the last one's second ends the story."""

    levels: tuple[tuple[float, int], ...]
    down: str = "30s"
    """The policy's stabilization before anything is given back; guards take 90 s at the least."""
    most_replicas: int = 4
    seed: int = 1
    turns: tuple[int, int] = (4, 10)
    """Of a call: at least, at most."""

    @property
    def seconds(self) -> float:
        return self.levels[-1][0]

    def callers(self, elapsed: float) -> int:
        return next((count for since, count in reversed(self.levels) if elapsed >= since), 0)


def policy(name: str, story: Story) -> Obj:
    objectives = [
        {"name": "response-p95", "indicator": "response", "percentile": 95, "targetMs": TARGET_MS, "window": "30s"},
        {"name": "admitted", "indicator": "rejectedSessions", "maxRatio": 0.001, "window": "15m"},
        {"name": "kept", "indicator": "droppedSessions", "maxRatio": 0.0001, "window": "1h"},
    ]
    guardrails = {
        "stabilization": {"up": "0s", "down": story.down},
        "rollback": {"after": "15s", "worseBy": 0.2},
        "maxActionsPerHour": 120,
        "minHeadroom": 0.1,
    }
    spec = {"objectives": objectives, "guardrails": guardrails, "actuators": ["batch", "variant", "replicas"]}
    return {"apiVersion": API, "kind": "SLAPolicy", "metadata": {"name": name}, "spec": spec}


def models(corner: Operated) -> list[Obj]:
    found = []
    for stage, speeds in STEPS.items():
        variants = [
            {
                "name": name,
                "engine": "emulated",
                "memory": {"host": "16Mi"},
                "cpu": "20m",
                "loadTime": "1s",
                "profiles": [{**_TRUTHFUL, "hardware": "made-up", **speed}],
            }
            for name, speed in zip(("better", "quicker"), speeds, strict=True)
        ]
        spec = {"stage": stage, "license": "Apache-2.0", "variants": variants}
        metadata = {"name": corner.model_name(stage)}
        found.append({"apiVersion": API, "kind": "VoiceModel", "metadata": metadata, "spec": spec})
    return found


def agent(corner: Operated, policy_name: str, story: Story) -> Obj:
    return corner.agent(
        "hello",
        slaPolicy=policy_name,
        scaling={"mode": "SLA", "minReplicas": 1, "maxReplicas": story.most_replicas, "replicas": 1},
        sessions={"drain": "300s", "maxPerReplica": 120, "dutyCycle": 0.8},
    )


@contextmanager
def promised(corner: Operated, story: Story) -> Iterator[str]:
    """The agent, serving; afterwards all that is cluster-scoped is gone again. Gives the URL that callers reach it by."""
    name = f"test-loop-{corner.suffix}"
    made = [*models(corner), policy(name, story)]
    for obj in made:
        corner.cluster.make(obj)
    try:
        corner.make(agent(corner, name, story))
        corner.wait_condition("hello", "Ready", "True", timeout=90)
        service = corner.cluster.get("services", "hello", corner.namespace)
        yield f"ws://{service['spec']['clusterIP']}:8080/v1/realtime"
    finally:
        for obj in made:
            corner.cluster.delete(obj["kind"], obj["metadata"]["name"])


@dataclass
class Watched:
    """What was to be seen, once a second."""

    samples: list[Obj] = field(default_factory=list)
    decisions: dict[str, Obj] = field(default_factory=dict)
    """All that were ever in the status, by id."""
    on_sample: Callable[[Obj], Any] = bool

    def timeline(self) -> list[Sample]:
        """For a picture."""
        return [
            Sample(
                at=one["at"],
                sessions=one["sessions"],
                capacity=one["capacity"],
                p95_ms=one["p95_ms"],
                target_ms=TARGET_MS,
                wanted={"main": one["wanted"]},
                ready={"main": one["ready"]},
                variants=one["variants"],
                caps=one["caps"],
            )
            for one in self.samples
        ]


async def watch(corner: Operated, crowd: Crowd, health_url: str, watched: Watched) -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        at = loop.time() - began
        sample = await asyncio.to_thread(_seen, corner, health_url, watched)
        sample |= {
            "at": round(at, 1),
            "callers": crowd.totals.live,
            "heard_p95_ms": heard_p95_ms(crowd.totals, loop.time()),
        }
        watched.samples.append(sample)
        watched.on_sample(sample)
        await asyncio.sleep(max(0.0, 1.0 - (loop.time() - began - at)))


def heard_p95_ms(totals: CrowdTotals, now: float, seconds: float = 15.0) -> float | None:
    """Of the turns of the last seconds, as their callers lived them, from falling silent; None: too few."""
    times = sorted(
        turn.seconds if turn.seconds is not None else float("inf")
        for turn in totals.turns
        if turn.at >= now - seconds - 5
    )
    return round(times[int(0.95 * (len(times) - 1))] * 1000) if len(times) >= 10 else None


def _seen(corner: Operated, health_url: str, watched: Watched) -> Obj:
    status = corner.cluster.get("VoiceAgent", "hello", corner.namespace).get("status") or {}
    for decision in status.get("decisions") or ():
        watched.decisions[decision["id"]] = decision
    groups = (status.get("groups") or [{}])[0]
    stages = [stage for stage in status.get("stages") or () if stage["stage"] != "vad"]
    objective: Obj = next((one for one in status.get("objectives") or () if one["name"] == "response-p95"), {})
    return {
        "sessions": status.get("sessions"),
        "capacity": status.get("capacity"),
        "p95_ms": objective.get("observed"),
        "sla": status.get("sla"),
        "wanted": groups.get("replicas"),
        "ready": groups.get("readyReplicas", 0),
        "variants": {stage["stage"]: stage["variant"] for stage in stages},
        "caps": {stage["stage"]: stage["batch"] for stage in stages},
        "source": _source(corner, health_url),
    }


def _source(corner: Operated, health_url: str) -> str:
    url = f"{health_url}/v1/agents/{corner.namespace}/hello"
    with suppress(OSError, urllib.error.HTTPError), urllib.request.urlopen(url, timeout=2) as answer:
        return str(json.loads(answer.read())["observation"]["source"])
    return "unknown"


async def told(corner: Operated, url: str, health_url: str, story: Story, watched: Watched) -> CrowdTotals:
    """The whole story, in real time."""
    crowd = Crowd(url, story.callers, story.seed, Manners(speaks_seconds=1.0, waits_seconds=5.0, turns=story.turns))
    watching = asyncio.create_task(watch(corner, crowd, health_url, watched))
    try:
        return await crowd.run(story.seconds)
    finally:
        watching.cancel()


def breaches(samples: Sequence[Obj], after: float, until: float) -> float:
    """Seconds in which the promise was broken, as the status told, between two moments."""
    inside = [one for one in samples if after <= one["at"] < until and one["p95_ms"] is not None]
    return float(sum(one["p95_ms"] > TARGET_MS for one in inside))


def back_within(samples: Sequence[Obj], step_at: float, until: float) -> float | None:
    """Seconds from a step of the load to the last moment at which p95 was over; None: still over at the end."""
    over = [one["at"] for one in samples if step_at <= one["at"] < until and (one["p95_ms"] or 0) > TARGET_MS]
    if not over:
        return 0.0
    last = max(over)
    return None if last >= until - 3 else last - step_at


def firsts(samples: Sequence[Obj], after: float) -> dict[str, float]:
    """When larger batches, a quicker variant and another replica were first wanted, and when another one served, after the
    load began to rise. What never came is missing."""
    start = next((one for one in samples if one["at"] >= after and one["caps"]), None)
    if start is None:
        return {}

    def is_larger(one: Obj) -> bool:
        return any(one["caps"].get(stage, 0) > cap for stage, cap in start["caps"].items())

    signs: dict[str, Callable[[Obj], bool]] = {
        "batches": is_larger,
        "variant": lambda one: one["variants"] != start["variants"],
        "replicas": lambda one: (one["wanted"] or 0) > (start["wanted"] or 0),
        "serving": lambda one: (one["ready"] or 0) > (start["ready"] or 0),
    }
    later = [one for one in samples if one["at"] > start["at"]]
    found = {name: next((one["at"] for one in later if sign(one)), None) for name, sign in signs.items()}
    return {name: at for name, at in found.items() if at is not None}


def written(folder: Path, watched: Watched) -> Path:
    file = folder / "samples.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in watched.samples), encoding="utf-8")
    return file
