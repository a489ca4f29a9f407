"""Fits the constants of the prediction of turns to simulations, for stages that have devices of their own.

python tests/bench/prediction_fit.py --simulate SAMPLES [--seed N] [--cases N] [--turns N]
python tests/bench/prediction_fit.py --fit SAMPLES

With --simulate, samples are stored: by seeds from `--seed` on, so many cases of each pipeline of `prediction.py`, twice as many
of `any`, which are one to three stages of batches or streams in any order, with figures from wider ranges, and as many of
`noisy`, alike, with one or two stages and much noise. With --fit, the constants are fitted to them, from what they are on, and
written into the modules of `antiphon_policies.predicting`.
"""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]

from tests.bench import prediction as bench  # noqa: E402
from tests.bench.prediction import Case, facts_of, hold_ms, p95_error, scaled, simulated  # noqa: E402
from turn_fit import FIGURES, TurnSample, fit, write  # noqa: E402

from antiphon_policies.facts import Discipline, Service, Setting, StageSetting  # noqa: E402
from antiphon_policies.simulating.steady import Steady  # noqa: E402


def any_case(load: float, noisy: bool, rng: np.random.Generator) -> Case:
    while True:
        sessions = round(float(np.exp(rng.uniform(np.log(2), np.log(200)))))
        turns_per_second = float(np.exp(rng.uniform(np.log(0.03), np.log(0.2))))
        stages = [any_stage(noisy, rng) for _ in range(int(rng.choice([1, 2] if noisy else [1, 2, 2, 3, 3])))]
        names = bench.STAGES[: len(stages)]
        calls = {name: 1 + float(rng.uniform(0, 1)) for name in names} if rng.random() < 0.2 else {}
        turns_per_ms = sessions * turns_per_second / 1000
        scale = load / max(
            turns_per_ms * calls.get(name, 1.0) * hold_ms(stage, sessions)
            for name, stage in zip(names, stages, strict=True)
        )
        fixed = [scale * service.alpha_ms for _, service, _ in stages]
        if min(fixed) > bench.SHORTEST_MS and max(fixed) < bench.LONGEST_MS:
            own = [(discipline, scaled(service, scale), cap) for discipline, service, cap in stages]
            caps = {name: StageSetting("only", cap) for name, (_, _, cap) in zip(names, own, strict=True)}
            facts = facts_of(names, own, calls, turns_per_second, None)
            return Case("noisy" if noisy else "any", load, sessions, facts, Setting(caps, {"main": 1}, "usual"))


def any_stage(noisy: bool, rng: np.random.Generator) -> tuple[Discipline, Service, int]:
    alpha, cap = float(np.exp(rng.normal(0, 0.7))), round(float(np.exp(rng.uniform(0, np.log(32)))))
    noise = float(rng.uniform(0.25, 0.6) if noisy else rng.uniform(0.03, 0.25))
    if rng.random() < 0.5:
        return "batches", Service(alpha, alpha * float(np.exp(rng.uniform(np.log(0.01), 0))), noise), cap
    rest = alpha * float(rng.choice([0, 1, 1])) * float(rng.uniform(0, 6))
    beta = alpha * float(rng.uniform(0, 0.15))
    return "streams", Service(alpha, beta, noise, rest, rest * float(rng.uniform(0, 0.06))), cap


def samples(seed: int, cases: int, turns: int) -> Iterator[TurnSample]:
    for number in range(cases):
        rng = np.random.default_rng(seed + number)
        for pipeline in (*bench.PIPELINES, "any", "any", "noisy"):
            load = float(rng.uniform(0.1, 0.8) if rng.random() < 0.5 else rng.uniform(0.6, 0.985))
            made = (
                any_case(load, pipeline == "noisy", rng)
                if pipeline in ("any", "noisy")
                else bench.drawn(pipeline, load, rng)
            )
            found, turns_per_second = simulated(made.facts, made.setting, made.sessions, turns, seed + number)
            yield sampled(made, found, turns_per_second)


def sampled(case: Case, found: Steady, turns_per_second: float) -> TurnSample:
    stages, calls = case.facts.stages, case.facts.modes[0].calls
    beside = [max(0.0, calls.get(stage.stage, stage.calls_per_turn) - 1) for stage in stages]
    rows = []
    for stage, extra in zip(stages, beside, strict=True):
        asked = {"cap": case.setting.stages[stage.stage].cap, "sessions": case.sessions, "duty_cycle": bench.DUTY_CYCLE}
        asked |= asdict(stage.variants[0].service)
        asked |= {
            "calls_per_second": case.sessions * turns_per_second * (1 + extra),
            "period_ms": stage.period_ms or 0.0,
        }
        rows.append([float(asked[name]) for name in FIGURES])
    first, turns = found.stages[stages[0].stage], found.turns
    return TurnSample(
        tuple(stage.discipline for stage in stages),
        np.array(rows),
        np.array(beside),
        float(np.quantile(turns, 0.95)),
        p95_error(found),
        float(np.quantile(turns, 0.99)),
        float(turns.mean()),
        float(turns.std()),
        float(first.mean()),
        float(first.std()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--turns", type=int, default=8000)
    parser.add_argument("--simulate", type=Path, metavar="SAMPLES")
    parser.add_argument("--fit", type=Path, metavar="SAMPLES")
    asked = parser.parse_args()
    if asked.simulate:
        asked.simulate.write_bytes(pickle.dumps(list(samples(asked.seed, asked.cases, asked.turns))))
    if asked.fit:
        print(f"loss: {fit(pickle.loads(asked.fit.read_bytes())):.1f}")
        write()


if __name__ == "__main__":
    main()
