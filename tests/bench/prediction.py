"""How near the predicted p95 of a turn comes to the simulated one.

python tests/bench/prediction.py [--json] [--seed N] [--cases N] [--turns N]
python tests/bench/prediction.py --table FILE

For each pipeline and load, `--cases` draws of noise, caps 1 to 32, 2 to 200 sessions of one replica, turns a minute and how the
stages' times compare; all times are then scaled so that the busiest stage has the load. Each is simulated for `--turns` turns
(`antiphon_policies.simulating.steady`), or for more until the standard error of the simulated p95 is below 2 %, and predicted for
the turns a second that the simulated sessions came to. Pipelines:

- cascade: asr in batches, llm and tts in streams; speculating: the same with calls of asr and llm that are thrown away;
- mixed: three stages of batches, each its own; equal: three stages of batches that are alike;
- stepping: asr in batches, llm in streams, lipsync in lockstep, which has its own share of the load.

`p95_error_below_80`: the mean of |predicted / simulated - 1| over all cases below 80 % load. `worst_error_below_80`: the largest.
`worst_optimism`: the largest share by which a prediction was too low, at any load; 0 if none was. `optimistic_beyond_10`: the
share of all cases in which it was more than a tenth too low. `error_at_98`: the mean of the cases drawn for 98 %.
`lockstep_p95_error`: the mean error of the p95 of the stage in lockstep alone, at any load. `simulated_error`: the mean standard
error of the simulated p95, as a share of it, of batch means; `simulated_error_most`: the largest. No miss is excused by it.
With --table, the table of stages of batches is made anew and written (some minutes on one core), and nothing is measured.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_policies.facts import (
    AgentFacts,
    Discipline,
    GroupFacts,
    ModeFacts,
    Service,
    Setting,
    StageFacts,
    StageSetting,
    TurnShape,
    VariantFacts,
)
from antiphon_policies.predicting import grid
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.predicting.turn import predict
from antiphon_policies.simulating.steady import Steady, steady

PIPELINES = ("cascade", "speculating", "mixed", "equal", "stepping")
LOADS = (0.1, 0.3, 0.5, 0.7, 0.79, 0.9, 0.98)
CAPS = (1, 2, 4, 8, 16, 32)
STAGES: tuple[Stage, ...] = ("asr", "llm", "tts")
STEPPING: tuple[Stage, ...] = ("asr", "llm", "lipsync")
PERIODS_MS = (40.0, 80.0, 160.0, 320.0)
DUTY_CYCLE = 0.3
SURE, LONGEST = 0.02, 32
"""Standard error of a simulated p95, as a share, that is small enough; how many times as many turns are simulated at most."""
LONGEST_MS, SHORTEST_MS = 1500.0, 5.0
"""Of a call's fixed part: draws beyond are drawn again."""


@dataclass(frozen=True)
class Case:
    """One replica under a constant load."""

    pipeline: str
    load: float
    sessions: int
    facts: AgentFacts
    setting: Setting


@dataclass(frozen=True)
class Outcome:
    pipeline: str
    load: float
    """Of the busiest stage, by the turns that there were."""
    wanted_load: float
    sessions: int
    simulated_p95_ms: float
    predicted_p95_ms: float
    uncertain: float
    """Standard error of what was simulated, as a share."""
    lockstep_error: float | None = None
    """Of the p95 of the stage in lockstep alone."""

    @property
    def error(self) -> float:
        return self.predicted_p95_ms / self.simulated_p95_ms - 1


def drawn(pipeline: str, load: float, rng: np.random.Generator) -> Case:
    while True:
        sessions = round(float(np.exp(rng.uniform(np.log(2), np.log(200)))))
        turns_per_second = float(rng.choice([0.03, 0.06, 0.1, 0.2]))
        stages = [one_stage(pipeline, place, rng) for place in range(len(STAGES))]
        if pipeline == "equal":
            stages = [stages[0]] * len(STAGES)
        calls = calls_of(pipeline, rng)
        asked = [place for place, (discipline, _, _) in enumerate(stages) if discipline != "lockstep"]
        busiest = max(
            sessions * turns_per_second / 1000 * calls.get(STAGES[place], 1.0) * hold_ms(stages[place], sessions)
            for place in asked
        )
        scale = load / busiest
        fixed = [scale * stages[place][1].alpha_ms for place in asked]
        if min(fixed) > SHORTEST_MS and max(fixed) < LONGEST_MS:
            period = None
            for place in range(len(stages)):
                stages[place] = (stages[place][0], scaled(stages[place][1], scale), stages[place][2])
            if pipeline == "stepping":
                period = float(rng.choice(PERIODS_MS))
                stages[-1] = one_step(load * float(rng.choice([0.3, 0.7, 1])), period, sessions, rng)
            names = STEPPING if pipeline == "stepping" else STAGES
            facts = facts_of(names, stages, calls, turns_per_second, period)
            caps = {name: StageSetting("only", cap) for name, (_, _, cap) in zip(names, stages, strict=True)}
            return Case(pipeline, load, sessions, facts, Setting(caps, {"main": 1}, "usual"))


def one_stage(pipeline: str, place: int, rng: np.random.Generator) -> tuple[Discipline, Service, int]:
    """In units that are scaled later."""
    alpha, noise, cap = float(rng.choice([0.5, 1, 1, 2])), float(rng.choice([0.05, 0.1, 0.2])), int(rng.choice(CAPS))
    if pipeline in ("mixed", "equal") or place == 0:
        return "batches", Service(alpha, alpha * float(rng.choice([0.01, 0.05, 0.2, 0.5, 1])), noise), cap
    if pipeline == "stepping" and place == 2:
        return "lockstep", Service(alpha, 0.0, noise), cap
    beta, rest = alpha * float(rng.choice([0, 0.01, 0.05, 0.2])), alpha * float(rng.choice([0, 2, 6]))
    return "streams", Service(alpha, beta, noise, rest, rest * float(rng.choice([0, 0.05]))), cap


def one_step(load: float, period_ms: float, sessions: int, rng: np.random.Generator) -> tuple[Discipline, Service, int]:
    """As much of each period is asked of it as the load says."""
    each, noise = float(rng.choice([0.01, 0.05, 0.2, 1])), float(rng.choice([0.05, 0.1, 0.2]))
    some = 1 - (1 - DUTY_CYCLE) ** sessions
    alpha = load * period_ms / (some + each * sessions * DUTY_CYCLE)
    return "lockstep", Service(alpha, alpha * each, noise), max(CAPS)


def calls_of(pipeline: str, rng: np.random.Generator) -> dict[Stage, float]:
    if pipeline != "speculating":
        return {}
    return {"asr": float(rng.choice([1.3, 1.6, 2])), "llm": float(rng.choice([1.3, 1.6, 2]))}


def hold_ms(stage: tuple[Discipline, Service, int], sessions: int) -> float:
    """That one call takes at least, of the stage's time."""
    _, service, cap = stage
    most = min(cap, sessions)
    fixed, each = service.alpha_ms + service.rest_alpha_ms, service.beta_ms + service.rest_beta_ms
    return (fixed + each * most) / most


def facts_of(
    names: tuple[Stage, ...],
    stages: list[tuple[Discipline, Service, int]],
    calls: dict[Stage, float],
    turns_per_second: float,
    period_ms: float | None,
) -> AgentFacts:
    made = tuple(
        StageFacts(
            name,
            "main",
            (VariantFacts("only", service, max_batch=max(CAPS)),),
            discipline,
            period_ms=period_ms if discipline == "lockstep" else None,
        )
        for name, (discipline, service, _) in zip(names, stages, strict=True)
    )
    mode = ModeFacts("usual", TurnShape(), calls)
    return AgentFacts(
        ("bench", "one"),
        made,
        (GroupFacts("main"),),
        (mode,),
        turns_per_second=turns_per_second,
        duty_cycle=DUTY_CYCLE,
    )


def scaled(service: Service, scale: float) -> Service:
    times = {name: scale * value for name, value in asdict(service).items() if name != "noise"}
    return Service(noise=service.noise, **times)


def simulated(facts: AgentFacts, setting: Setting, sessions: int, turns: int, seed: int) -> tuple[Steady, float]:
    """About so many turns, and how many each session took a second."""
    seconds = turns / (sessions * facts.turns_per_second)
    rng = np.random.default_rng(seed)
    found = steady(facts, setting, sessions, seconds, rng, warm_up_seconds=max(60.0, 0.2 * seconds))
    return found, len(found.turns) / seconds / sessions


def surely_simulated(
    facts: AgentFacts, setting: Setting, sessions: int, turns: int, seed: int
) -> tuple[Steady, float, float]:
    """As many turns, or more, as make the p95 sure; how many a second, and the standard error as a share."""
    most = LONGEST * turns
    while True:
        found, turns_per_second = simulated(facts, setting, sessions, turns, seed)
        uncertain = p95_error(found)
        if uncertain < SURE or turns >= most:
            return found, turns_per_second, uncertain
        turns = min(most, math.ceil(turns * max(2.0, 1.5 * (uncertain / SURE) ** 2)))


def p95_error(found: Steady) -> float:
    """Standard error of the p95 as a share, by that of 20 parts one after another."""
    parts = [float(np.quantile(part, 0.95)) for part in np.array_split(found.turns, 20)]
    return float(np.std(parts, ddof=1) / math.sqrt(len(parts)) / np.quantile(found.turns, 0.95))


def held_against(case: Case, turns: int, seed: int) -> Outcome:
    seen, turns_per_second, uncertain = surely_simulated(case.facts, case.setting, case.sessions, turns, seed)
    load = Load(case.sessions, turns_per_second)
    told = predict(case.facts, case.setting, load)
    return Outcome(
        case.pipeline,
        told.utilisation,
        case.load,
        case.sessions,
        float(np.quantile(seen.turns, 0.95)),
        told.turn_p95_ms,
        uncertain,
        told.stages["lipsync"].p95_ms / float(np.quantile(seen.stages["lipsync"], 0.95)) - 1
        if "lipsync" in told.stages
        else None,
    )


def measured(seed: int, cases: int, turns: int) -> Iterator[Outcome]:
    rng = np.random.default_rng(seed)
    for pipeline in PIPELINES:
        for load in LOADS:
            for number in range(cases):
                yield held_against(drawn(pipeline, load, rng), turns, seed + number)


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    below = [abs(outcome.error) for outcome in outcomes if outcome.load < 0.8]
    full = [abs(outcome.error) for outcome in outcomes if outcome.wanted_load == LOADS[-1]]
    steps = [abs(outcome.lockstep_error) for outcome in outcomes if outcome.lockstep_error is not None]
    return {
        "p95_error_below_80": round(float(np.mean(below)), 4),
        "within_10_below_80": round(float(np.mean(np.asarray(below) <= 0.1)), 4),
        "worst_error_below_80": round(max(below), 4),
        "worst_optimism": round(max(0.0, *(-outcome.error for outcome in outcomes)), 4),
        "optimistic_beyond_10": round(float(np.mean([outcome.error < -0.1 for outcome in outcomes])), 4),
        "error_at_98": round(float(np.mean(full)), 4),
        "lockstep_p95_error": round(float(np.mean(steps)), 4),
        "simulated_error": round(float(np.mean([outcome.uncertain for outcome in outcomes])), 4),
        "simulated_error_most": round(max(outcome.uncertain for outcome in outcomes), 4),
        "cases_below_80": len(below),
        "cases": len(outcomes),
    }


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """The case of the largest error of each pipeline and load, and the mean error of all of them."""
    yield f"{'pipeline':12} {'load':>5} {'sessions':>8} {'simulated':>10} {'predicted':>10} {'worst':>7} {'mean':>6}"
    for pipeline in PIPELINES:
        for load in LOADS:
            here = [each for each in outcomes if (each.pipeline, each.wanted_load) == (pipeline, load)]
            worst = max(here, key=lambda outcome: abs(outcome.error))
            mean = float(np.mean([abs(outcome.error) for outcome in here]))
            yield (
                f"{pipeline:12} {load:5.0%} {worst.sessions:8d} {worst.simulated_p95_ms:8.0f}ms"
                f" {worst.predicted_p95_ms:8.0f}ms {worst.error:+7.1%} {mean:6.1%}"
            )


def make_table(path: Path) -> None:
    rows = np.zeros((*grid.SHAPE, len(grid.COLUMNS)), np.float32)
    for point in grid.points():
        rows[point] = grid.row_at(*point)
    np.savez_compressed(path, times=rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--turns", type=int, default=6000)
    parser.add_argument("--table", type=Path, metavar="FILE")
    asked = parser.parse_args()
    if asked.table:
        make_table(asked.table)
        return
    command = f"python tests/bench/prediction.py --seed {asked.seed} --cases {asked.cases} --turns {asked.turns}"
    outcomes = list(measured(asked.seed, asked.cases, asked.turns))
    if asked.json:
        json.dump({**figures(outcomes), "seed": asked.seed, "command": command}, sys.stdout, indent=1)
        print()
        return
    print(f"{command}\n")
    print("\n".join(table(outcomes)))
    print()
    for name, value in figures(outcomes).items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
