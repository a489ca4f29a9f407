"""How near the predicted p95 of a turn comes to the simulated one where stages take turns on one device.

python tests/bench/prediction_shared.py [--json] [--seed N] [--cases N] [--turns N]
python tests/bench/prediction_shared.py --simulate SAMPLES [--seed N] [--cases N] [--turns N]
python tests/bench/prediction_shared.py --fit SAMPLES [--to FILE]

As `prediction.py`, but the three stages of a turn share one device. For each pipeline and load, `--cases` draws of noise, caps,
sessions and services; all times are then scaled so that the load is asked of the device, or of the places of its streams where
these are busier. Pipelines:

- cascade: asr in batches, llm and tts in streams; batches: three stages of batches; equal: three that are alike.

The load of a case is that of the turns that there were, batches as large as can be. Figures of the
same name are those of `prediction.py`; `optimistic_beyond_10` and `pessimistic_beyond_40`: the share of all cases whose
prediction is more than 10 % too low, and more than 40 % too high.

With --simulate nothing is measured: samples are stored to which --fit fits `antiphon_policies.predicting.meeting` anew. They are
of the pipelines above and of `any`, of one to five stages that differ more, some with calls that are thrown away; `--cases` of
each at loads from 3 % to 97 %, by seeds from `--seed` on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "support")]

from meeting_fit import Sample, fit, sampled, store, stored  # noqa: E402
from tests.bench.prediction import (  # noqa: E402
    CAPS,
    LOADS,
    LONGEST_MS,
    SHORTEST_MS,
    Outcome,
    one_stage,
    scaled,
    simulated,
    surely_simulated,
)

from antiphon_crds.stages import Stage  # noqa: E402
from antiphon_policies.facts import (  # noqa: E402
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
from antiphon_policies.predicting import meeting  # noqa: E402
from antiphon_policies.predicting.prediction import Load  # noqa: E402
from antiphon_policies.predicting.sharing import Asked  # noqa: E402
from antiphon_policies.predicting.times import callers  # noqa: E402
from antiphon_policies.predicting.turn import predict  # noqa: E402

PIPELINES = {"cascade": "cascade", "batches": "mixed", "equal": "equal"}
"""And what their stages are drawn as."""
NAMES: tuple[Stage, ...] = ("asr", "llm", "tts", "vad", "diarization")
_Drawn = tuple[Discipline, Service, int]


@dataclass(frozen=True)
class Case:
    pipeline: str
    load: float
    sessions: int
    facts: AgentFacts
    setting: Setting
    stages: Sequence[_Drawn]
    """Scaled."""
    calls: Sequence[float]
    """Of each, for a turn."""


def drawn(pipeline: str, load: float, rng: np.random.Generator) -> Case:
    while True:
        sessions = round(float(np.exp(rng.uniform(np.log(2), np.log(200)))))
        turns_per_second = float(rng.choice([0.03, 0.06, 0.1, 0.2]))
        stages = any_stages(rng) if pipeline == "any" else three_stages(pipeline, rng)
        calls = any_calls(len(stages), rng) if pipeline == "any" else [1.0] * len(stages)
        scale = scale_for(load, stages, calls, sessions * turns_per_second / 1000, sessions)
        own = [(discipline, scaled(service, scale), cap) for discipline, service, cap in stages]
        fixed = [service.alpha_ms for _, service, _ in own]
        if min(fixed) > SHORTEST_MS and max(fixed) < LONGEST_MS:
            setting = {name: StageSetting("only", cap) for name, (_, _, cap) in zip(NAMES, own, strict=False)}
            facts = facts_of(own, calls, turns_per_second)
            return Case(pipeline, load, sessions, facts, Setting(setting, {"main": 1}, "usual"), own, calls)


def three_stages(pipeline: str, rng: np.random.Generator) -> list[_Drawn]:
    stages = [one_stage(PIPELINES[pipeline], place, rng) for place in range(3)]
    return [stages[0]] * 3 if pipeline == "equal" else stages


def any_stages(rng: np.random.Generator) -> list[_Drawn]:
    kind = str(rng.choice(["cascade", "mixed", "equal"]))
    stages = [one_stage(kind, place, rng) for place in range(int(rng.choice([1, 2, 2, 4, 4, 5])))]
    wider = [float(np.exp(rng.uniform(-1.5, 1.0))) for _ in stages]
    if kind == "equal":
        return [stages[0]] * len(stages)
    return [(d, scaled(service, factor), cap) for (d, service, cap), factor in zip(stages, wider, strict=True)]


def any_calls(count: int, rng: np.random.Generator) -> list[float]:
    share = float(rng.choice([0, 0, 0.5]))
    return [float(rng.choice([1.3, 1.6, 2])) if rng.random() < share else 1.0 for _ in range(count)]


def facts_of(stages: Sequence[_Drawn], calls: Sequence[float], turns_per_second: float) -> AgentFacts:
    made = tuple(
        StageFacts(name, "main", (VariantFacts("only", service, max_batch=max(CAPS)),), discipline, each)
        for name, (discipline, service, _), each in zip(NAMES, stages, calls, strict=False)
    )
    groups = (GroupFacts("main", shares_device=True),)
    return AgentFacts(
        ("bench", "one"), made, groups, (ModeFacts("usual", TurnShape()),), turns_per_second=turns_per_second
    )


def scale_for(
    load: float, stages: Sequence[_Drawn], calls: Sequence[float], turns_per_ms: float, sessions: int
) -> float:
    low, high = 0.0, 1e7
    for _ in range(80):
        middle = (low + high) / 2
        made = [(discipline, scaled(service, middle), cap) for discipline, service, cap in stages]
        low, high = (middle, high) if load_of(made, calls, turns_per_ms, sessions) < load else (low, middle)
    return high


def load_of(stages: Sequence[_Drawn], calls: Sequence[float], turns_per_ms: float, sessions: int) -> float:
    """Share of the device's time, or of the places of a stage of streams, that is asked for at least."""
    rates = [each * turns_per_ms for each in calls]
    device = sum(rate * least_ms(stage, sessions, rate) for stage, rate in zip(stages, rates, strict=True))
    places = (
        rate * (service.alpha_ms + service.rest_alpha_ms + (service.beta_ms + service.rest_beta_ms) * most) / most
        for (discipline, service, cap), rate in zip(stages, rates, strict=True)
        if discipline == "streams"
        for most in (min(cap, sessions),)
    )
    return max(device, *places, 0.0)


def least_ms(stage: _Drawn, sessions: int, rate: float) -> float:
    """Of the device, for each call. Of streams, with as many under way as there would be without any wait."""
    discipline, service, cap = stage
    most = min(cap, sessions)
    if discipline == "batches":
        return service.mean_ms(most) / most
    fixed, each = service.alpha_ms + service.rest_alpha_ms, service.beta_ms + service.rest_beta_ms
    under_way = 1 + rate * (fixed + each) / max(1e-9, 1 - rate * each)
    return service.mean_ms(min(under_way, most))


def held_against(case: Case, turns: int, seed: int) -> Outcome:
    found, turns_per_second, uncertain = surely_simulated(case.facts, case.setting, case.sessions, turns, seed)
    told = predict(case.facts, case.setting, Load(case.sessions, turns_per_second))
    return Outcome(
        case.pipeline,
        load_of(case.stages, case.calls, case.sessions * turns_per_second / 1000, case.sessions),
        case.load,
        case.sessions,
        float(np.quantile(found.turns, 0.95)),
        told.turn_p95_ms,
        uncertain,
    )


def samples(seed: int, cases: int, turns: int) -> Iterator[Sample]:
    for number in range(cases):
        rng = np.random.default_rng(seed + number)
        for pipeline in (*PIPELINES, "any"):
            case = drawn(pipeline, float(rng.uniform(0.03, 0.97)), rng)
            found, turns_per_second = simulated(case.facts, case.setting, case.sessions, turns, seed + number)
            asked = [
                asked_of(stage, calls, case.sessions, turns_per_second)
                for stage, calls in zip(case.stages, case.calls, strict=True)
            ]
            yield sampled(asked, found, case.load)


def asked_of(stage: _Drawn, calls: float, sessions: int, turns_per_second: float) -> Asked:
    discipline, service, cap = stage
    rate = sessions * turns_per_second * calls
    return Asked(discipline, service, cap, rate, callers(float(sessions), calls - 1), None, 1.0)


def measured(seed: int, cases: int, turns: int) -> Iterator[Outcome]:
    rng = np.random.default_rng(seed)
    for pipeline in PIPELINES:
        for load in LOADS:
            for number in range(cases):
                yield held_against(drawn(pipeline, load, rng), turns, seed + number)


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    errors = np.array([each.error for each in outcomes])
    below = np.abs(errors[[each.load < 0.8 for each in outcomes]])
    return {
        "p95_error_below_80": round(float(below.mean()), 4),
        "within_10_below_80": round(float((below <= 0.1).mean()), 4),
        "worst_error_below_80": round(float(below.max()), 4),
        "worst_optimism": round(max(0.0, -float(errors.min())), 4),
        "optimistic_beyond_10": round(float((errors < -0.1).mean()), 4),
        "worst_pessimism": round(max(0.0, float(errors.max())), 4),
        "pessimistic_beyond_40": round(float((errors > 0.4).mean()), 4),
        "simulated_error": round(float(np.mean([each.uncertain for each in outcomes])), 4),
        "simulated_error_most": round(max(each.uncertain for each in outcomes), 4),
        "cases_below_80": len(below),
        "cases": len(outcomes),
    }


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """By pipeline and load, the lowest and the highest error, and the mean of what they are without their signs."""
    yield f"{'pipeline':10} {'load':>5} {'cases':>5} {'lowest':>8} {'highest':>8} {'mean':>6}"
    for pipeline in PIPELINES:
        for load in LOADS:
            here = [each.error for each in outcomes if (each.pipeline, each.wanted_load) == (pipeline, load)]
            mean = float(np.mean(np.abs(here)))
            yield f"{pipeline:10} {load:5.0%} {len(here):5d} {min(here):+8.1%} {max(here):+8.1%} {mean:6.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--turns", type=int, default=6000)
    parser.add_argument("--simulate", type=Path, metavar="SAMPLES")
    parser.add_argument("--fit", type=Path, metavar="SAMPLES")
    parser.add_argument("--to", type=Path, metavar="FILE", default=Path(meeting.__file__).with_suffix(".npz"))
    asked = parser.parse_args()
    if asked.simulate:
        store(asked.simulate, list(samples(asked.seed, asked.cases, asked.turns)))
        return
    if asked.fit:
        found = fit(stored(asked.fit), np.random.default_rng(0))
        np.savez_compressed(asked.to, **{name: getattr(found, name) for name in found.__slots__})
        return
    command = f"python tests/bench/prediction_shared.py --seed {asked.seed} --cases {asked.cases} --turns {asked.turns}"
    outcomes = list(measured(asked.seed, asked.cases, asked.turns))
    told = figures(outcomes)
    if asked.json:
        json.dump({**told, "seed": asked.seed, "command": command}, sys.stdout, indent=1)
        print()
        return
    print(f"{command}\n")
    print("\n".join(table(outcomes)))
    print()
    for name, value in told.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
