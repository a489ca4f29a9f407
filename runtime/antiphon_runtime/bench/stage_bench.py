"""Measures one engine over several batch sizes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from antiphon_crds.voicemodel import Profile
from antiphon_runtime.bench.line_fit import Line, fit, spread
from antiphon_runtime.bench.percentiles import Summary, json_of, summary
from antiphon_runtime.bench.runners import Run, Runner
from antiphon_runtime.engines.protocols import EngineError

_LEAST_ITERATIONS = 3
_LEAST_STEP_MS = 0.01
OnProgress: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    batches: Sequence[int] = (1, 2, 4, 8)
    iterations: int = 200
    """Of each batch size."""
    warm_up: int = 10
    """Iterations before those; they don't count."""
    limit_seconds: float = 60.0
    """For each batch size: a slow engine gets fewer iterations, at least three."""


@dataclass
class StageFigures:
    item: str
    step: str | None
    runs: dict[int, list[Run]] = field(default_factory=dict)
    """By batch size."""
    left_out: list[int] = field(default_factory=list)
    """Sizes that the engine can't take."""

    def times_ms(self, size: int) -> Summary:
        found = summary(run.seconds * 1e3 for run in self.runs[size])
        assert found is not None  # noqa: S101 (a size is there once it was run)
        return found

    def rates(self, size: int) -> dict[str, float]:
        """By the second of computing: items, pieces of what streams, and seconds of sound; only what there is of them."""
        runs = self.runs[size]
        seconds = max(sum(run.total_seconds for run in runs), 1e-9)
        counts = {
            "items": float(size * len(runs)),
            "pieces": float(sum(run.pieces for run in runs)),
            "audio_seconds": sum(run.audio_seconds for run in runs),
        }
        return {f"{name}_per_second": count / seconds for name, count in counts.items() if count}

    @property
    def line_ms(self) -> Line:
        return fit({size: statistics.fmean(run.seconds for run in runs) * 1e3 for size, runs in self.runs.items()})

    @property
    def step_line_ms(self) -> Line | None:
        """None: nothing was streamed, or all of it came at once."""
        steps = {size: [step for run in runs for step in run.step_seconds] for size, runs in self.runs.items()}
        means = {size: statistics.fmean(found) * 1e3 for size, found in steps.items() if found}
        return fit(means) if means and max(means.values()) >= _LEAST_STEP_MS else None

    @property
    def noise(self) -> float:
        return spread({size: [run.seconds for run in runs] for size, runs in self.runs.items()})

    def profile(self, hardware: str, origin: str) -> Profile:
        """Raises ValidationError where hardware is no name of one."""
        line, steps = self.line_ms, self.step_line_ms
        return Profile(
            hardware=hardware,
            alpha_ms=round(line.alpha, 4),
            beta_ms=round(line.beta, 4),
            decode_alpha_ms=round(steps.alpha, 4) if steps else None,
            decode_beta_ms=round(steps.beta, 4) if steps else None,
            noise=round(min(self.noise, 5.0), 3),
            max_batch=max(self.runs),
            item=f"{self.item}; each step one {self.step}" if steps else self.item,
            basis="Measured",
            origin=origin,
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "item": self.item,
            "batches": [self._row(size) for size in self.runs],
            "left_out": self.left_out,
            "line_ms": vars_of(self.line_ms),
            "step_line_ms": vars_of(self.step_line_ms) if self.step_line_ms else None,
            "noise": round(self.noise, 4),
        }

    def _row(self, size: int) -> dict[str, Any]:
        return {
            "size": size,
            "ms": json_of(self.times_ms(size)),
            **{name: round(value, 2) for name, value in self.rates(size).items()},
            "fitted_ms": round(self.line_ms.at(size), 3),
        }


async def measure(runner: Runner, amount: Amount, on_progress: OnProgress = lambda _: None) -> StageFigures:
    """Raises EngineError where the engine fails, or can't take any of the sizes."""
    figures = StageFigures(runner.item, runner.step)
    for size in amount.batches:
        if runner.largest is not None and size > runner.largest:
            figures.left_out.append(size)
            continue
        figures.runs[size] = await _measure_size(runner, size, amount, on_progress)
    if not figures.runs:
        raise EngineError(f"the engine takes at most {runner.largest} at once; give a batch size of no more")
    return figures


async def _measure_size(runner: Runner, size: int, amount: Amount, on_progress: OnProgress) -> list[Run]:
    until = time.monotonic() + amount.limit_seconds
    for _ in range(amount.warm_up):
        await runner.run(size)
        if time.monotonic() > until - amount.limit_seconds / 2:
            break
    runs: list[Run] = []
    while len(runs) < amount.iterations and (time.monotonic() < until or len(runs) < _LEAST_ITERATIONS):
        runs.append(await runner.run(size))
        on_progress(f"batch of {size}: {len(runs)} of {amount.iterations}")
    return runs


def vars_of(line: Line) -> dict[str, float]:
    return {"alpha": round(line.alpha, 4), "beta": round(line.beta, 4)}
