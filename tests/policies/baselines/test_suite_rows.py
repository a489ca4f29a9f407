from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from compared_cascade import compared_cascade
from compared_traces import GENERATED
from suite_rows import OURS, Row, missed, row, verdicts, winners

from antiphon_policies.baselines.systems import SYSTEMS, Candidate, Knobs
from antiphon_policies.simulating.scene import Scene
from antiphon_policies.simulating.scores import Scores, score
from antiphon_policies.simulating.world import simulate

FACTS = compared_cascade()
NOTHING = Row(
    system="static", models="best", knobs="", violations=0, breached=0, missed=0, goodput=0, rejected=0, dropped=0,
    partition_hours=0, partitions=0, quality=1.0, actions=0, actions_per_hour=0, recovery_seconds=None,
    longest_breach_seconds=0,
)  # fmt: skip


def a_row(share_missed: float, hours: float, quality: float = 1.0, system: str = "hpa") -> Row:
    return replace(
        NOTHING, system=system, missed=share_missed, partition_hours=hours, partitions=hours, quality=quality
    )


def scored(candidate: Candidate, kind: str = "burst", seconds: float = 600.0) -> Scores:
    trace = GENERATED[kind].make(seconds, np.random.default_rng(1))
    start = candidate.running(FACTS).with_replicas({"main": 3})
    scene = Scene(trace, start, seconds, warm_up_seconds=60.0)
    return score(simulate(FACTS, scene, candidate.controller(FACTS), np.random.default_rng(2)))


@pytest.mark.parametrize(
    ("ours", "best", "third", "cheaper"),
    [
        (a_row(0.009, 5), a_row(0.03, 5), True, False),
        (a_row(0.009, 5.1), a_row(0.03, 5), False, False),
        (a_row(0.03, 3.5), a_row(0.03, 5), False, True),
        (a_row(0.04, 3.5), a_row(0.03, 5), False, False),
        (a_row(0.005, 3), a_row(0.03, 5), True, True),
    ],
)
def test_a_verdict_holds_by_a_third_or_by_30_percent(ours: Row, best: Row, third: bool, cheaper: bool) -> None:
    (held, _) = verdicts(ours, [best], [0.01])
    assert (held.third, held.cheaper, held.holds) == (third, cheaper, third or cheaper)


def test_the_best_depends_on_the_price_and_on_the_models() -> None:
    rows = [a_row(0.01, 10), a_row(0.1, 2), a_row(0.01, 2, quality=0.9)]
    held = verdicts(a_row(0.01, 1, quality=0.99), rows, [0.001, 0.1])
    assert [(one.against, one.price, one.best) for one in held] == [
        ("as good", 0.001, rows[0]),
        ("as good", 0.1, rows[1]),
        ("any", 0.001, rows[2]),
        ("any", 0.1, rows[2]),
    ]


def test_a_baseline_that_is_no_worse_in_both_wins() -> None:
    better, same, dearer = a_row(0.02, 4, 0.9), a_row(0.02, 5), a_row(0.0, 5.1)
    assert winners(a_row(0.02, 5), [better, same, dearer]) == [better]


def test_refused_sessions_count_as_missed_turns() -> None:
    few = scored(Candidate("static", "small", Knobs(1)))
    assert few.rejected > 0
    assert missed(few, "late") > few.late_turns / few.turns
    assert missed(few, "breached") >= few.rejected_share


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_baseline_lives_in_the_simulated_world(system: str) -> None:
    candidate = Candidate(system, "best", next(SYSTEMS[system].grid()))
    scores = scored(candidate)
    told = row(system, "best", candidate.words, [scores], [None], 0.15, "late")
    assert scores.turns > 500
    assert told.system != OURS
    assert told.quality == 1.0
    assert 0 <= told.missed <= 1
    assert told.partition_hours > 0
