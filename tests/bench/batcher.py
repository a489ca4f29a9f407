"""Our batcher beside Ray's @serve.batch: the same function, the same callers, in the same run.

python tests/bench/batcher.py [--json] [--seconds N] [--concurrency N] [--compute-ms N]     (the extra `bench` has the peer)

Callers ask again as soon as they are answered. `ratio` is items per second, ours over those of a Serve deployment whose
callers are in another process, the way @serve.batch is used; `ratio_in_process` is ours over those of callers inside the
replica, on its event loop: the decorator alone, without Serve's way between processes.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from antiphon_runtime.batching.batcher import Batcher
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Batch, Dropped

ROUNDS = 3
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Figures:
    """What one candidate did, over all its rounds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    mean_batch: float

    def row(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in vars(self).items()}


class Sizes:
    """The sizes of a candidate's batches."""

    def __init__(self) -> None:
        self.batches = 0
        self.items = 0

    def on_batch(self, batch: Batch) -> None:
        self.batches += 1
        self.items += batch.size

    def on_dropped(self, why: Dropped) -> None:
        raise AssertionError(f"an item was dropped: {why}")


Call: TypeAlias = Callable[[int, int], Awaitable[int]]
"""Caller and item; gives the item's result."""
Round: TypeAlias = tuple[float, list[float]]
"""Items per second, and the milliseconds that each took."""


@dataclass(frozen=True)
class Candidate:
    run: Callable[[float], Awaitable[Round]]
    """A round of so many seconds."""
    mean_batch: Callable[[], Awaitable[float]]


def compute(items: Sequence[int], seconds: float) -> list[int]:
    """What is batched. Without `seconds` it costs nothing, so that only the batching is measured."""
    if seconds:
        time.sleep(seconds)
    return [2 * item for item in items]


# --- candidates ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def ours(concurrency: int, seconds: float) -> AsyncIterator[Candidate]:
    sizes = Sizes()
    batcher = Batcher[int, int](lambda items: compute(items, seconds), Limits(max_batch=concurrency), observer=sizes)

    async def mean_batch() -> float:
        return sizes.items / sizes.batches

    def call(caller: int, item: int) -> Awaitable[int]:
        return batcher.submit(item, session=caller)

    yield Candidate(partial(ask, call, concurrency), mean_batch)
    await batcher.close()


def _ray_batcher(concurrency: int, seconds: float) -> type[Any]:
    serve: Any = importlib.import_module("ray.serve")

    class RayBatcher:
        def __init__(self) -> None:
            self.batches = 0
            self.items = 0

        @serve.batch(max_batch_size=concurrency, batch_wait_timeout_s=0)  # type: ignore[untyped-decorator]
        async def batched(self, items: list[int]) -> list[int]:
            self.batches += 1
            self.items += len(items)
            if seconds:
                await asyncio.sleep(seconds)
            return [2 * item for item in items]

        async def __call__(self, item: int) -> int:
            answer: int = await self.batched(item)
            return answer

        async def ask(self, callers: int, round_seconds: float) -> Round:
            return await ask(lambda _caller, item: self.batched(item), callers, round_seconds)

        async def mean_batch(self) -> float:
            mean = self.items / self.batches
            self.items = self.batches = 0
            return mean

    return RayBatcher


@asynccontextmanager
async def ray_serve(concurrency: int, seconds: float) -> AsyncIterator[dict[str, Candidate]]:
    ray: Any = importlib.import_module("ray")
    serve: Any = importlib.import_module("ray.serve")
    ray.init(
        num_cpus=max(2, os.cpu_count() or 2), include_dashboard=False, log_to_driver=False, configure_logging=False
    )
    serve.start(proxy_location="Disabled")
    deployment = serve.deployment(max_ongoing_requests=4 * concurrency)(_ray_batcher(concurrency, seconds))
    handle = serve.run(deployment.bind())

    async def call(_caller: int, item: int) -> int:
        answer: int = await handle.remote(item)
        return answer

    async def ask_inside(round_seconds: float) -> Round:
        found: Round = await handle.ask.remote(concurrency, round_seconds)
        return found

    async def mean_batch() -> float:
        mean: float = await handle.mean_batch.remote()
        return mean

    yield {
        "ray deployment": Candidate(partial(ask, call, concurrency), mean_batch),
        "ray in process": Candidate(ask_inside, mean_batch),
    }
    await asyncio.to_thread(serve.shutdown)
    ray.shutdown()


# --- measuring -----------------------------------------------------------------------------------------------------


async def ask(call: Call, callers: int, seconds: float) -> Round:
    taken_ms: list[float] = []
    started = time.perf_counter()

    async def ask_again_and_again(caller: int) -> None:
        item = 0
        while (asked := time.perf_counter()) - started < seconds:
            item += 1
            answer = await call(caller, item)
            taken_ms.append((time.perf_counter() - asked) * 1e3)
            assert answer == 2 * item

    await asyncio.gather(*(ask_again_and_again(caller) for caller in range(callers)))
    return len(taken_ms) / (time.perf_counter() - started), taken_ms


async def measure(candidate: Candidate, seconds: float) -> Figures:
    await candidate.run(WARM_UP_SECONDS)
    rounds = [await candidate.run(seconds) for _ in range(ROUNDS)]
    taken_ms = [taken for _, found in rounds for taken in found]
    hundredths = statistics.quantiles(taken_ms, n=100)
    per_second = statistics.median(rate for rate, _ in rounds)
    return Figures(per_second, hundredths[49], hundredths[98], await candidate.mean_batch())


async def compare(concurrency: int, seconds: float, compute_seconds: float) -> dict[str, Figures]:
    async with ours(concurrency, compute_seconds) as candidate:
        figures = {"antiphon": await measure(candidate, seconds)}
    if importlib.util.find_spec("ray") is None:
        print("ray: not installed, so there is nothing to compare with; the extra `bench` has it\n")
        return figures
    async with ray_serve(concurrency, compute_seconds) as peers:
        return figures | {name: await measure(peer, seconds) for name, peer in peers.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=4.0, help=f"of each of {ROUNDS} rounds (default: 4)")
    parser.add_argument("--concurrency", type=int, default=32, help="callers (default: 32)")
    parser.add_argument("--compute-ms", type=float, default=0.0, help="time that a batch takes to compute (default: 0)")
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    logging.disable(logging.WARNING)
    figures = asyncio.run(compare(options.concurrency, options.seconds, options.compute_ms / 1e3))
    _print(figures)
    if options.json:
        print(json.dumps(_summary(figures)))
    return 0


def _summary(figures: dict[str, Figures]) -> dict[str, Any]:
    mine = figures["antiphon"]
    peers = {"ratio": figures.get("ray deployment"), "ratio_in_process": figures.get("ray in process")}
    ratios = {name: peer and round(mine.per_second / peer.per_second, 2) for name, peer in peers.items()}
    return {**ratios, **{name.replace(" ", "_"): found.row() for name, found in figures.items()}}


def _print(figures: dict[str, Figures]) -> None:
    mine = figures["antiphon"]
    print(f"{'batcher':<18}{'items/s':>10}{'p50 ms':>9}{'p99 ms':>9}{'batch':>7}{'ours, times':>13}")
    for name, found in figures.items():
        times = mine.per_second / found.per_second
        print(
            f"{name:<18}{found.per_second:>10.0f}{found.p50_ms:>9.2f}{found.p99_ms:>9.2f}"
            f"{found.mean_batch:>7.1f}{times:>13.1f}"
        )


if __name__ == "__main__":
    sys.exit(main())
