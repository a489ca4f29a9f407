"""Antiphon against the autoscalers that there are, each tuned, on a recorded trace and on five that are made up.

python tests/bench/suite.py [--json] [--trace NAME ...] [--controller NAME ...] [--quick] [--seeds N ...] [--azure FILE]
    [--by late|breached]

The agent is the emulated cascade (tests/support/compared_cascade.py) with the `conversational` policy. Every baseline of
policies/antiphon_policies/baselines is tuned by grid search on a trace of the same kind with another seed, for each of three
prices of a partition and with each of three sets of models (the best, the smallest of the slowest stage, the smallest of
all); the winners are scored. Antiphon is not tuned; it runs with each of the three preferences that a policy may have. What is
sought, and what `missed` is, says baselines/tuning.py.
The baselines for the Azure trace are tuned on two of the others, as there is but one hour of it.

Rows: `violations` is the share of late turns, `breached` the share of turns that ended while the p95 was above its target;
`missed` is that of --by with the turns of refused sessions. Verdicts: against the best baseline for each price, whose models
were as good as ours on average, and against any: a third of the missed turns at no more partition-hours, or no more missed
turns at 30 % fewer partition-hours. A baseline wins where it misses no more turns at no more partition-hours. `clairvoyant`
is what nobody can do better than (tests/support/clairvoyant.py): a verdict says if not even that would have been enough.
Nothing is kept from one run to the next.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from clairvoyant import Limit, clairvoyant, late_sessions  # noqa: E402
from compared_cascade import compared_cascade  # noqa: E402
from compared_traces import AZURE, GENERATED, TUNED_ON_FOR_AZURE, Compared, azure_from  # noqa: E402
from suite_rows import OURS, Row, Verdict, missed, row, verdicts, winners  # noqa: E402

from antiphon_policies.baselines.systems import SYSTEMS, Candidate, model_sets  # noqa: E402
from antiphon_policies.baselines.tuning import PRICES, Trial, Tuned, tune  # noqa: E402
from antiphon_policies.facts import AgentFacts, Setting  # noqa: E402
from antiphon_policies.simulating.controlling import Controller  # noqa: E402
from antiphon_policies.simulating.runs import Run  # noqa: E402
from antiphon_policies.simulating.scene import Scene, at_best  # noqa: E402
from antiphon_policies.simulating.scores import recovery_seconds, score  # noqa: E402
from antiphon_policies.simulating.speeds import Floats  # noqa: E402
from antiphon_policies.simulating.world import simulate  # noqa: E402

TUNING_SEED, SCORED_SEEDS = 101, (1,)
SECONDS, TUNED_SECONDS, WARM_UP_SECONDS = 3600.0, 1800.0, 300.0
QUICK_SECONDS = 1200.0
STARTS_WITH = 3
"""Replicas that serve when a trace begins, of all but `static`."""
MISSED = (0.001, 0.003, 0.01, 0.03)
"""Shares of the turns for which the least partition-hours are told."""
TOLD_EVERY_SECONDS = 10.0
SHOWN_WINNERS = 4
OUR_MODULE = "antiphon_policies.deciding.controller"
Makes = Callable[[], Controller]
Preference = Literal["Quality", "Balanced", "Cost"]
PREFERENCES: tuple[Preference, ...] = ("Quality", "Balanced", "Cost")
"""What a policy may prefer: Antiphon runs with each, and is tuned in nothing."""


@dataclass
class Bench:
    """What was asked for, and what is known already."""

    facts: AgentFacts
    seeds: tuple[int, ...]
    systems: tuple[str, ...]
    models: tuple[str, ...]
    seconds: float
    tuned_seconds: float
    by: str
    tuned: dict[str, list[Tuned]] = field(default_factory=dict)
    simulated: int = 0
    told_at: float = 0.0
    late: Floats | None = None

    def limit(self, compared: Compared) -> Limit | None:
        """Only of late turns; the promise may be kept by breaking it at the right moments."""
        if self.by != "late":
            return None
        if self.late is None:
            self.tell("how many turns are late by the sessions of one replica")
            self.late = late_sessions(self.facts)
        most = self.facts.groups[0].max_replicas
        traces = [compared.make(self.seconds, np.random.default_rng(seed)) for seed in self.seeds]
        seen = (clairvoyant(self.late, most, trace, WARM_UP_SECONDS, self.seconds) for trace in traces)
        return Limit(tuple(seen))

    def tuned_on(self, name: str) -> list[Tuned]:
        """Each kind of trace is tuned on once in a run."""
        if name not in self.tuned:

            def attempt(candidate: Candidate) -> Trial:
                make = partial(candidate.controller, self.facts)
                run = self._run(GENERATED[name], self.tuned_seconds, TUNING_SEED, self._start(candidate), make)
                scores = score(run)
                return Trial(missed(scores, self.by), scores.partition_hours / hours_of(run))

            def tell(done: int, planned: int, what: str) -> None:
                self.tell(f"tuning on {name}, {done} of {planned}: {what}")

            self.tuned[name] = tune(self.models, attempt, tell, systems=self.systems)
        return self.tuned[name]

    def candidates(self, name: str) -> list[Candidate]:
        kinds = TUNED_ON_FOR_AZURE if name == AZURE else (name,)
        found = [tuned.candidate for kind in kinds for tuned in self.tuned_on(kind)]
        return list(dict.fromkeys(found))

    def baseline(self, compared: Compared, candidate: Candidate) -> Row:
        make = partial(candidate.controller, self.facts)
        return self._row(compared, candidate.system, candidate.models, candidate.words, self._start(candidate), make)

    def ours(self, compared: Compared, make: Callable[[AgentFacts], Controller], prefer: Preference) -> Row:
        facts = replace(self.facts, prefer=prefer)
        start = at_best(facts, STARTS_WITH)
        return self._row(compared, OURS, "all", f"prefers {prefer}", start, partial(make, facts), facts)

    def tell(self, text: str) -> None:
        """On a terminal one line that changes; elsewhere a line every ten seconds."""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text[:118]}", end="", file=sys.stderr, flush=True)
        elif text and time.perf_counter() > self.told_at + TOLD_EVERY_SECONDS:
            self.told_at = time.perf_counter()
            print(text, file=sys.stderr, flush=True)

    def _row(
        self,
        compared: Compared,
        system: str,
        models: str,
        knobs: str,
        start: Setting,
        make: Makes,
        facts: AgentFacts | None = None,
    ) -> Row:
        runs = []
        for seed in self.seeds:
            self.tell(f"{compared.name}, seed {seed}: {system}, {models} models, {knobs}")
            runs.append(self._run(compared, self.seconds, seed, start, make, facts))
        event = None if compared.event is None else compared.event * self.seconds
        recoveries = [] if event is None else [recovery_seconds(run, event) for run in runs]
        return row(system, models, knobs, [score(run) for run in runs], recoveries, hours_of(runs[0]), self.by)

    def _run(
        self,
        compared: Compared,
        seconds: float,
        seed: int,
        start: Setting,
        make: Makes,
        facts: AgentFacts | None = None,
    ) -> Run:
        self.simulated += 1
        trace = compared.make(seconds, np.random.default_rng(seed))
        world = Scene(trace, start, seconds, warm_up_seconds=WARM_UP_SECONDS)
        return simulate(facts or self.facts, world, make(), np.random.default_rng([seed, 7]))

    def _start(self, candidate: Candidate) -> Setting:
        count = int(candidate.knobs.main) if candidate.system == "static" else STARTS_WITH
        return candidate.running(self.facts).with_replicas({group.name: count for group in self.facts.groups})


def hours_of(run: Run) -> float:
    return (run.seconds - run.warm_up_seconds) / 3600.0


def our_controller() -> Callable[[AgentFacts], Controller] | None:
    """None while there is none."""
    try:
        module = import_module(OUR_MODULE)
    except ModuleNotFoundError as error:
        if error.name != OUR_MODULE:
            raise
        return None
    return module.AntiphonController  # type: ignore[no-any-return]


def measure(bench: Bench, compared: Compared, make: Callable[[AgentFacts], Controller] | None) -> dict[str, Any]:
    begun = time.perf_counter()
    mine = [bench.ours(compared, make, prefer) for prefer in PREFERENCES] if make else []
    rows = [bench.baseline(compared, candidate) for candidate in bench.candidates(compared.name)]
    limit = bench.limit(compared)
    bench.tell("")
    return {
        "trace": compared.name,
        "tuned_on": list(TUNED_ON_FOR_AZURE) if compared.name == AZURE else [compared.name],
        "ours": mine,
        "rows": rows,
        "clairvoyant": {} if limit is None else {share: round(limit.fewest_hours(share), 3) for share in MISSED},
        "verdicts": [verdicts(each, rows, PRICES, limit) for each in mine],
        "winners": [winners(each, rows) for each in mine],
        "seconds": time.perf_counter() - begun,
    }


IMPOSSIBLE = {True: "", None: "", False: ", and nobody could"}
HEADER = (
    f"{'':12}{'models':10} {'late':>7} {'breach':>7} {'missed':>7} {'refused':>7} {'p-hours':>7} {'quality':>7} {'acts/h':>6}"
    f" {'recov':>6}  knobs"
)


def line(one: Row) -> str:
    recovery = "" if one.recovery_seconds is None else f"{one.recovery_seconds:.0f} s"
    return (
        f"{one.system:12}{one.models:10} {one.violations:7.2%} {one.breached:7.2%} {one.missed:7.2%} {one.rejected:7.2%}"
        f" {one.partition_hours:7.2f} {one.quality:7.3f} {one.actions_per_hour:6.1f} {recovery:>6}  {one.knobs}"
    )


def shown(rows: list[Row]) -> list[Row]:
    """Of each system and set of models the row that is the best for the middle price."""
    best: dict[tuple[str, str], Row] = {}
    for one in sorted(rows, key=lambda one: one.loss(PRICES[len(PRICES) // 2])):
        best.setdefault((one.system, one.models), one)
    return sorted(best.values(), key=lambda one: (list(SYSTEMS).index(one.system), -one.quality))


def show(result: dict[str, Any]) -> None:
    print(f"\n{result['trace']} (tuned on {', '.join(result['tuned_on'])}; {result['seconds']:.0f} s)\n{HEADER}")
    for one in result["ours"]:
        print(line(one))
    for one in shown(result["rows"]):
        print(line(one))
    if result["clairvoyant"]:
        told = ", ".join(f"{share:.1%} missed: {hours:.2f}" for share, hours in result["clairvoyant"].items())
        print(f"clairvoyant (fewest p-hours)  {told}")
    for mine, held, ahead in zip(result["ours"], result["verdicts"], result["winners"], strict=True):
        show_verdicts(mine, held, ahead)
    sys.stdout.flush()


def show_verdicts(mine: Row, verdicts: list[Verdict], ahead: list[Row]) -> None:
    for held in verdicts:
        third, cheaper = "a third of the missed turns", "30 % fewer partition-hours"
        said = third if held.third else cheaper if held.cheaper else "NEITHER" + IMPOSSIBLE[held.possible]
        best = held.best
        print(
            f"  {mine.knobs}, against {held.against} at {held.price:g}: {said}; best is {best.system}, {best.models} models,"
            f" {best.knobs} ({best.missed:.2%} missed, {best.partition_hours:.2f} partition-hours)"
        )
    for one in ahead[:SHOWN_WINNERS]:
        print(f"  WINS over ours that {mine.knobs}: {one.system}, {one.models} models, {one.knobs} ({one.missed:.2%} missed,"
              f" {one.partition_hours:.2f} partition-hours, quality {one.quality:.3f})")  # fmt: skip
    if len(ahead) > SHOWN_WINNERS:
        print(f"  and {len(ahead) - SHOWN_WINNERS} more that win over ours")


def as_json(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            **result,
            "seconds": round(result["seconds"], 1),
            "ours": [one.told() for one in result["ours"]],
            "rows": [one.told() for one in result["rows"]],
            "verdicts": [[held.told() for held in each] for each in result["verdicts"]],
            "winners": [[one.told() for one in each] for each in result["winners"]],
        }
        for result in results
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--trace", nargs="+", choices=[AZURE, *GENERATED], help="default: all")
    parser.add_argument("--controller", nargs="+", choices=[OURS, *SYSTEMS], help="default: all")
    parser.add_argument(
        "--quick", action="store_true", help="20 minutes of each trace, one seed, the best models alone"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SCORED_SEEDS), help="seeds that are scored")
    parser.add_argument(
        "--azure",
        type=Path,
        default=REPOSITORY.parent / "shared" / "traces" / "azure_llm_2023_conv.csv",
        help="the CSV",
    )
    parser.add_argument("--by", choices=["late", "breached"], default="late", help="which turns count as missed")
    return parser.parse_args()


def bench_of(given: argparse.Namespace) -> Bench:
    facts, quick = compared_cascade(), given.quick
    return Bench(
        facts,
        seeds=tuple(given.seeds[:1] if quick else given.seeds),
        systems=tuple(name for name in given.controller or SYSTEMS if name in SYSTEMS),
        models=("best",) if quick else tuple(model_sets(facts)),
        seconds=QUICK_SECONDS if quick else SECONDS,
        tuned_seconds=QUICK_SECONDS if quick else TUNED_SECONDS,
        by=given.by,
    )


def main() -> None:
    given = arguments()
    bench, wants_ours = bench_of(given), OURS in (given.controller or [OURS])
    names = given.trace or [AZURE, *GENERATED]
    recorded = azure_from(given.azure) if AZURE in names else None
    traces = [one for one in (recorded, *(GENERATED[name] for name in names if name != AZURE)) if one is not None]
    make = our_controller() if wants_ours else None
    missing = [f"{OURS} is left out: there is no {OUR_MODULE}"] if wants_ours and make is None else []
    if AZURE in names and recorded is None:
        missing.append(f"{AZURE} is left out: there is no {given.azure.name} where --azure says")
    command = " ".join(["python", "tests/bench/suite.py", *sys.argv[1:]])
    if not given.json:
        print(f"{command}\nscored seeds {list(bench.seeds)}, tuning seed {TUNING_SEED}", *missing, sep="\n", flush=True)
    begun, results = time.perf_counter(), []
    for compared in traces:
        results.append(measure(bench, compared, make))
        if not given.json:
            show(results[-1])
    took = round(time.perf_counter() - begun, 1)
    if given.json:
        told = {
            "command": command, "seeds": list(bench.seeds), "tuning_seed": TUNING_SEED, "by": given.by,
            "prices": list(PRICES), "simulations": bench.simulated, "seconds": took, "left_out": missing,
            "traces": as_json(results),
        }  # fmt: skip
        print(json.dumps(told, indent=1))
    else:
        print(f"\n{bench.simulated} simulations in {took} s")


if __name__ == "__main__":
    main()
