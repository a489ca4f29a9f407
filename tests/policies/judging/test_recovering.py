from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.agent_status import ObjectiveStatus
from antiphon_crds.policy import Guardrails, Objective
from antiphon_policies.judging.judgement import Judgement, Reason, State, judge
from antiphon_policies.judging.recovering import Breaches, follow, recovery
from antiphon_policies.objectives import EffectiveObjective

TURN = Objective.model_validate({"name": "turn", "indicator": "turn", "percentile": 95, "targetMs": 450})
RECOVERY = Objective.model_validate({"name": "back", "indicator": "recovery", "percentile": 95, "targetMs": 30_000})
_REASONS: dict[State, Reason] = {"Met": "Kept", "AtRisk": "NearTarget", "Breached": "OverTarget", "Unknown": "Stale"}


def turn(state: State, reason: Reason | None = None) -> Judgement:
    return Judgement(TURN, ObjectiveStatus(name="turn", target=450, state=state), reason or _REASONS[state], "", None)


def followed(*states: State) -> Breaches:
    """Each state at one look, every 5 s from 0 on."""
    breaches = Breaches()
    for step, state in enumerate(states):
        breaches = follow(breaches, [turn(state)], 5.0 * step)
    return breaches


def _often(state: State, times: int) -> list[State]:
    return [state] * times


def told(breaches: Breaches, now: float, window: float = 3600.0) -> Judgement:
    return judge(EffectiveObjective(RECOVERY, False, 30_000), recovery(breaches, now, window), Guardrails())


def test_a_breach_lasts_until_the_objectives_are_kept_again() -> None:
    breaches = followed("Met", "Breached", "Breached", "Breached", "AtRisk", "Met")
    assert [(breach.began, breach.ended) for breach in breaches.ended] == [(5.0, 20.0)]
    found = told(breaches, 25.0)
    assert found.state == "Met"
    assert found.status.observed == pytest.approx(15_000, abs=1)


def test_one_that_goes_on_counts_as_it_is_now() -> None:
    breaches = followed(*_often("Breached", 9))
    assert told(breaches, 40.0).state == "Breached"
    assert told(breaches, 40.0).status.observed == pytest.approx(40_000, abs=1)


def test_without_a_breach_the_promise_is_kept() -> None:
    found = told(followed("Met", "Met"), 6.0)
    assert (found.state, found.status.observed) == ("Met", 0.0)


def test_what_is_unknown_neither_begins_nor_ends_a_breach() -> None:
    breaches = followed("Breached", "Unknown", "Unknown", "Breached", "Met")
    assert [(breach.began, breach.ended) for breach in breaches.ended] == [(0.0, 20.0)]
    assert told(followed("Met", *_often("Unknown", 20)), 100.0).state == "Unknown"
    assert told(Breaches(), 0.0).state == "Unknown"


def test_without_calls_nothing_has_recovered() -> None:
    breaches = follow(followed("Breached"), [turn("Unknown", "NoTraffic")], 5.0)
    assert breaches.since == 0.0


def test_breaches_leave_the_window() -> None:
    breaches = followed(*_often("Breached", 20), "Met")
    assert told(breaches, 110.0).state == "Breached"
    assert recovery(breaches, 10_000.0, 3600.0).durations == recovery(followed("Met"), 10_000.0, 3600.0).durations


def test_its_own_state_plays_no_part() -> None:
    own = Judgement(RECOVERY, ObjectiveStatus(name="back", target=1, state="Breached"), "OverTarget", "", 2.0)
    assert follow(Breaches(), [own, turn("Met")], 5.0).since is None


@given(st.lists(st.sampled_from(["Met", "AtRisk", "Breached", "Unknown"]), max_size=40))
def test_breaches_follow_each_other_and_are_told_to_the_millisecond(states: list[State]) -> None:
    breaches, now = followed(*states), 5.0 * len(states)
    times = [time for breach in breaches.ended for time in (breach.began, breach.ended)]
    assert times == sorted(times)
    measured = recovery(breaches, now, math.inf)
    assert measured.durations is not None
    lengths = [breach.ended - breach.began for breach in breaches.ended]
    lengths += [] if breaches.since is None else [now - breaches.since]
    assert measured.durations.count == max(1, len(lengths))
    assert measured.durations.quantile(1.0) == pytest.approx(1000 * max(lengths, default=0.0), abs=0.01)
