"""How long it takes to plan for a thousand agents, each with other services, loads and targets, on one core.

python tests/bench/planning.py [--agents N] [--seeds N] [--shared] [--json]

Each agent has four stages of four variants, caps up to 64, two modes and up to eight replicas. Best and median are over the
seeds; CPU time of the process, as other programs run beside; wall time is printed too. `one` is what a plan takes that is asked
for by itself, of an agent that was not seen before. `again` is what all plans take when they are asked for once more, as is usual
for a loop whose agents stand still: then they are remembered. Python's garbage collector is set as in the operator.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from planning_cases import Drawn  # noqa: E402

from antiphon_operator.operate.garbage import look_seldom  # noqa: E402
from antiphon_policies.planning.asking import Ask, Plan  # noqa: E402
from antiphon_policies.planning.planner import plan, plan_one  # noqa: E402

_ONES, _OTHERS = 50, 100_000
"""Agents that are planned for one by one, and by how much their seed is another."""


@dataclass(frozen=True, slots=True)
class Run:
    seed: int
    cpu_s: float
    wall_s: float
    feasible: float
    best_quality: float
    replicas: float
    one_ms: float
    again_s: float


def fleet(seed: int, agents: int, shared: bool) -> list[Ask]:
    drawn = Drawn(np.random.default_rng(seed))
    asks = [drawn.ask(f"agent-{number}") for number in range(agents)]
    if not shared:
        return asks
    return [
        replace(
            ask, facts=replace(ask.facts, groups=tuple(replace(each, shares_device=True) for each in ask.facts.groups))
        )
        for ask in asks
    ]


def measured(seed: int, agents: int, shared: bool) -> Run:
    asks = fleet(seed, agents, shared)
    wall, cpu = time.perf_counter(), time.process_time()
    plans = plan(asks)
    cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    cpu = time.process_time()
    plan(asks)
    again_s = time.process_time() - cpu
    others = fleet(seed + _OTHERS, _ONES, shared)
    cpu = time.process_time()
    for ask in others:
        plan_one(ask)
    one_ms = (time.process_time() - cpu) * 1000 / _ONES
    return Run(seed, cpu_s, wall_s, _share([each.feasible for each in plans]), *_summary(plans), one_ms, again_s)


def _summary(plans: list[Plan]) -> tuple[float, float]:
    kept = [each for each in plans if each.feasible]
    best = _share([each.quality > 1 - 1e-9 for each in kept])
    return best, statistics.mean(sum(each.setting.replicas.values()) for each in plans)


def _share(flags: list[bool]) -> float:
    return sum(flags) / max(1, len(flags))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5, help="fleets: seeds 0 to N - 1")
    parser.add_argument("--shared", action="store_true", help="the stages of an agent take turns on one device")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    look_seldom()
    plan(fleet(10_000, 20, options.shared))
    print(f"numpy {np.__version__}; {options.agents} agents; command: {' '.join(sys.argv)}")
    print(f"{'seed':>4}{'cpu s':>8}{'wall s':>8}{'kept':>7}{'best':>7}{'replicas':>10}{'one, ms':>9}{'again, s':>10}")
    runs = []
    for seed in range(options.seeds):
        run = measured(seed, options.agents, options.shared)
        runs.append(run)
        print(
            f"{run.seed:>4}{run.cpu_s:>8.2f}{run.wall_s:>8.2f}{run.feasible:>7.1%}{run.best_quality:>7.1%}"
            f"{run.replicas:>10.2f}{run.one_ms:>9.1f}{run.again_s:>10.3f}",
            flush=True,
        )
    if options.json:
        seconds = [run.cpu_s for run in runs]
        figures = {
            "plan_1000_s": round(min(seconds) * 1000 / options.agents, 3),
            "plan_1000_median_s": round(statistics.median(seconds) * 1000 / options.agents, 3),
            "plan_1000_wall_s": round(min(run.wall_s for run in runs) * 1000 / options.agents, 3),
            "plan_one_ms": round(statistics.median(run.one_ms for run in runs), 2),
            "plan_1000_again_s": round(statistics.median(run.again_s for run in runs) * 1000 / options.agents, 3),
            "agents": options.agents,
            "seeds": [run.seed for run in runs],
            "shared": options.shared,
            "numpy": np.__version__,
        }
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
