"""The whole loop of one agent, in simulated worlds: planner, guards and memory as in the operator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from compared_cascade import compared_cascade

from antiphon_crds.agent_status import Decision
from antiphon_crds.policy import Guardrails, Stabilization
from antiphon_policies.deciding.controller import AntiphonController
from antiphon_policies.deciding.looking import Look
from antiphon_policies.deciding.mind import Mind
from antiphon_policies.facts import AgentFacts
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.runs import Moment, Run
from antiphon_policies.simulating.scene import Failure, MetricsGone, MetricsLie, ReplicaDies, Scene, at_best
from antiphon_policies.simulating.traces import Calls, steps
from antiphon_policies.simulating.world import simulate

CALLS = Calls(mean_seconds=60)


def facts_with(**guardrails: object) -> AgentFacts:
    quick: dict[str, object] = {"stabilization": Stabilization(up="0s", down="60s")}
    return replace(compared_cascade(), guardrails=Guardrails.model_validate({**quick, **guardrails}))


_LIVES: dict[str, Run] = {}


def lived(facts: AgentFacts, levels: tuple[tuple[float, float], ...], failures: tuple[Failure, ...] = ()) -> Run:
    """Once for each world: a life takes seconds."""
    key = f"{facts.guardrails.model_dump_json()} {sorted(facts.actuators)} {levels} {failures}"
    if key not in _LIVES:
        _LIVES[key] = life(facts, levels, failures)
    return _LIVES[key]


def life(facts: AgentFacts, levels: tuple[tuple[float, float], ...], failures: tuple[Failure, ...] = ()) -> Run:
    trace = steps(levels[:-1], levels[-1][0], np.random.default_rng(3), CALLS)
    scene = Scene(trace, at_best(facts, 2), levels[-1][0], failures=failures)
    return simulate(facts, scene, AntiphonController(facts), np.random.default_rng(4))


FACTS = facts_with()
RISE_AND_FALL = ((0.0, 8.0), (100.0, 50.0), (280.0, 6.0), (560.0, 0.0))
RISE = ((0.0, 8.0), (30.0, 50.0), (150.0, 0.0))


def wanted(moment: Moment) -> int:
    return moment.wanted["main"]


def at(run: Run, seconds: float) -> Moment:
    return next(moment for moment in run.moments if moment.at >= seconds)


class TestLoadThatComesAndGoes:
    def test_it_takes_what_it_needs_and_gives_it_back(self) -> None:
        run = lived(FACTS, RISE_AND_FALL)
        most = max(wanted(moment) for moment in run.moments)
        assert most > 2
        assert wanted(run.moments[-1]) < most
        assert run.actions["variant"] > 0, "until replicas serve, a quicker variant helps"
        assert run.dropped == 0

    def test_most_turns_keep_the_promise_in_spite_of_a_jump_to_sevenfold(self) -> None:
        run = lived(FACTS, RISE_AND_FALL)
        target = 450.0
        assert np.mean(run.responses_ms <= target) > 0.9
        settled = [moment for moment in run.moments if 220 <= moment.at <= 280]
        kept = sum(moment.kept for moment in settled)
        assert kept / sum(moment.turns for moment in settled) > 0.95

    def test_the_same_world_gives_the_same_life(self) -> None:
        assert life(FACTS, RISE).notes == lived(FACTS, RISE).notes

    def test_every_decision_tells_its_evidence(self) -> None:
        notes = lived(FACTS, RISE_AND_FALL).notes
        assert notes
        assert all("sessions" in note.text and "predicted" in note.text for note in notes)


class TestWhatIsNotKnown:
    def test_nothing_is_given_back_while_metrics_are_gone(self) -> None:
        gone = MetricsGone(since=285.0, until=550.0)
        run = lived(FACTS, RISE_AND_FALL, (gone,))
        before = wanted(at(run, 345.0))
        assert before > 2
        assert all(wanted(moment) >= before for moment in run.moments if 345.0 <= moment.at <= 550.0)

    @pytest.mark.parametrize("times", [1000.0, 0.001])
    def test_metrics_that_lie_a_thousandfold_start_no_stampede(self, times: float) -> None:
        lie = MetricsLie(since=60.0, until=150.0, times=times)
        honest, misled = lived(FACTS, RISE), lived(FACTS, RISE, (lie,))
        assert max(map(wanted, misled.moments)) <= max(map(wanted, honest.moments)) + 2
        assert min(map(wanted, misled.moments)) >= 2

    def test_pods_that_say_nothing_of_their_sessions_are_not_taken_for_empty(self) -> None:
        silent = MetricsLie(since=75.0, until=150.0, sessions=None)
        run = lived(FACTS, RISE, (silent,))
        before = wanted(at(run, 80.0))
        assert all(wanted(moment) >= before for moment in run.moments if moment.at >= 80.0)


class TestWhatHoldsItBack:
    @pytest.mark.parametrize("mode", ["Observe", "Recommend"])
    def test_a_mode_that_must_not_act_changes_nothing(self, mode: str) -> None:
        run = lived(facts_with(mode=mode), RISE)
        assert not run.actions

    def test_what_would_be_done_is_told_once_in_mode_recommend(self) -> None:
        notes = [note.text.partition(" (")[0] for note in lived(facts_with(mode="Recommend"), RISE).notes]
        assert notes
        assert len(notes) == len(set(notes))

    def test_the_budget_of_actions_holds(self) -> None:
        budget = 2
        assert sum(lived(FACTS, RISE).actions.values()) > budget
        run = lived(facts_with(maxActionsPerHour=budget), RISE)
        assert 0 < sum(run.actions.values()) <= budget

    def test_a_bound_on_the_cost_holds(self) -> None:
        run = lived(facts_with(maxCostPerHour=3.0), RISE)
        assert max(wanted(moment) for moment in run.moments) == 3

    def test_actuators_that_are_not_permitted_are_left_alone(self) -> None:
        run = lived(replace(FACTS, actuators=frozenset(("replicas",))), RISE)
        assert set(run.actions) == {"replicas"}


def test_a_replica_that_dies_is_made_up_for() -> None:
    run = lived(FACTS, ((0.0, 40.0), (260.0, 0.0)), (ReplicaDies(at=120.0),))
    late = [moment for moment in run.moments if moment.at > 210]
    assert sum(moment.kept for moment in late) / sum(moment.turns for moment in late) > 0.9


def test_a_decision_that_nobody_awaits_any_more_does_not_stay_pending() -> None:
    """As after a restart that has lost what was awaited."""
    old = Decision(
        id="20260101T000000.000-batch-asr", time="2026-01-01T00:00:00Z", actuator="batch", target="asr",
        before="2", after="4", reason="Planned",
    )  # fmt: skip
    mind = Mind(FACTS, 1000.0, None, [old])
    look = Look(FACTS, Observation(at=1000.0), at_best(FACTS, 2))
    concluded = mind.conclude(mind.consider(look), None)
    assert [each.outcome for each in concluded.decisions] == ["Inconclusive"]
