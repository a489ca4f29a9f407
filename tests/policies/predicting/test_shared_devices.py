"""What stages lose to one another on one device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from antiphon_policies.predicting.meeting import FIGURES, FULL, fitted, least_waits, waits
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.predicting.turn import predict
from antiphon_policies.simulating.steady import steady

_NAMES: tuple[Stage, Stage] = ("asr", "llm")
_SERVICE = Service(40.0, 4.0, 0.1)
_STREAM = replace(_SERVICE, rest_alpha_ms=160.0)
_SETTING = Setting({"asr": StageSetting("only", 8), "llm": StageSetting("only", 16)}, {"main": 1}, "usual")


def _facts(llm: Discipline, shares: bool = True) -> AgentFacts:
    disciplines: tuple[Discipline, Discipline] = ("batches", llm)
    services = (_SERVICE, _STREAM if llm == "streams" else _SERVICE)
    stages = tuple(
        StageFacts(name, "main", (VariantFacts("only", service, max_batch=16),), discipline)
        for name, service, discipline in zip(_NAMES, services, disciplines, strict=True)
    )
    group = GroupFacts("main", shares_device=shares)
    return AgentFacts(("default", "one"), stages, (group,), (ModeFacts("usual", TurnShape()),))


@pytest.mark.parametrize("discipline", ["batches", "streams"])
def test_without_load_only_their_own_time(discipline: Discipline) -> None:
    found = predict(_facts(discipline), _SETTING, Load(2, 1e-6))
    assert sum(stage.mean_ms for stage in found.stages.values()) == pytest.approx(88, rel=0.01)


@pytest.mark.parametrize("discipline", ["batches", "streams"])
@pytest.mark.parametrize("sessions", [20, 60, 110])
def test_as_simulated(discipline: Discipline, sessions: int) -> None:
    facts = _facts(discipline)
    seen = steady(facts, _SETTING, sessions, 600.0, np.random.default_rng(sessions))
    told = predict(facts, _SETTING, Load(sessions, len(seen.turns) / 600 / sessions))
    assert told.turn_p95_ms == pytest.approx(float(np.quantile(seen.turns, 0.95)), rel=0.2)


@pytest.mark.parametrize("discipline", ["batches", "streams"])
def test_more_sessions_take_no_less(discipline: Discipline) -> None:
    times = [predict(_facts(discipline), _SETTING, Load(sessions, 0.2)).turn_p95_ms for sessions in range(2, 400, 8)]
    assert (np.diff([time for time in times if np.isfinite(time)]) > -1e-6).all()
    assert not np.isfinite(times[-1])


def test_a_device_that_is_asked_for_too_much_keeps_up_with_no_stage() -> None:
    found = predict(_facts("batches"), _SETTING, Load(2000, 0.06))
    assert all(stage.utilisation >= 1 and not np.isfinite(stage.mean_ms) for stage in found.stages.values())


_SHARES = st.lists(st.floats(0.001, 0.9), min_size=2 * FIGURES, max_size=2 * FIGURES)


@settings(max_examples=60, deadline=None)
@given(_SHARES, st.floats(0, 1), st.integers(1, 5))
def test_nothing_is_below_the_bound(shares: list[float], between: float, stages: int) -> None:
    """The bound is for sums between two, and those of any combination of settings are."""
    ends = np.array(shares).reshape(2, FIGURES, 1)
    low, high = ends.min(axis=0), ends.max(axis=0)
    inside = low + (high - low) * between
    exact = waits(inside, float(stages), float(stages))
    bounds = (least_waits(list(low), list(high), stages, stages), least_waits(list(inside), None, stages, stages))
    for least in bounds:
        assert all((bound <= figure * (1 + 1e-9)).all() for bound, figure in zip(least, exact, strict=True))


def test_the_bound_of_what_is_known_is_near() -> None:
    sums = np.full((FIGURES, 3), 0.3)
    sums[FULL] = (0.1, 0.97, 0.999999)
    for bound, exact in zip(least_waits(list(sums), None, 2.0, 2.0), waits(sums, 2.0, 2.0), strict=True):
        assert bound == pytest.approx(exact, rel=1e-3)


def test_the_mean_never_falls_with_the_load() -> None:
    """Weights of the mean of all features that a load changes."""
    found, units = fitted(), len(fitted().begins) // 2
    rising = [0, 1, 2, 3, 4, 6, 8, 10]
    assert (found.ends >= 0).all()
    assert (found.bends[:units, rising] >= 0).all()
    assert (found.straight[0, rising] >= 0).all()
