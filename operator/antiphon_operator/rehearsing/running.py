"""Runs the simulations that a question asks for, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from antiphon_operator.rehearsing.controllers import Wanted, Watched, controller_of
from antiphon_operator.rehearsing.starting import peak_of, replicas_for, start_of
from antiphon_operator.rehearsing.subject import Subject
from antiphon_operator.rehearsing.traffic import Traffic, TrafficWish, traffic_of
from antiphon_operator.rehearsing.what_if import Case, supposed
from antiphon_policies.facts import AgentFacts
from antiphon_policies.simulating.runs import Run
from antiphon_policies.simulating.scene import Scene
from antiphon_policies.simulating.scores import Scores, score
from antiphon_policies.simulating.traces import scaled
from antiphon_policies.simulating.world import simulate

AS_IS = "as it is"
BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday, 0:00: when every simulation begins, for what the spec expects at times of the day."""
_WARM_UP_SHARE, _MOST_WARM_UP_SECONDS = 0.1, 300.0
_STEPS = 720


@dataclass(frozen=True)
class Question:
    """What is to be simulated."""

    subject: Subject
    traffic: TrafficWish
    controllers: Sequence[Wanted]
    what_if: Sequence[str] = ()
    seed: int = 1


@dataclass(frozen=True)
class Rehearsed:
    """One simulation that was run."""

    case: str
    controller: Wanted
    facts: AgentFacts
    traffic: Traffic
    peak_sessions: int
    run: Run
    scores: Scores


Tell = Callable[[str, float], None]
"""Which simulation runs, and how much of it is done, 0 to 1."""


def rehearse(question: Question, tell: Tell) -> Iterator[Rehearsed]:
    """As it is, and, where something is supposed, as it would be; each with every controller, with the same sessions."""
    as_is = Case(question.subject.facts(), question.traffic.sessions)
    cases = {AS_IS: as_is}
    if question.what_if:
        cases[", ".join(question.what_if)] = supposed(as_is, question.what_if)
    for words, case in cases.items():
        traffic = _traffic(question, case)
        for wanted in question.controllers:
            yield _rehearsed(question, words, case, traffic, wanted, tell)


def _traffic(question: Question, case: Case) -> Traffic:
    rng = np.random.default_rng(question.seed)
    wish = question.traffic
    found = traffic_of(TrafficWish(wish.trace, case.sessions, wish.hours), rng)
    return found if case.factor == 1.0 else Traffic(scaled(found.trace, case.factor, rng), found.seconds)


def _rehearsed(question: Question, words: str, case: Case, traffic: Traffic, wanted: Wanted, tell: Tell) -> Rehearsed:
    subject, facts, peak = question.subject, case.facts, peak_of(traffic.trace, traffic.seconds)
    controller = controller_of(wanted, facts, subject.resolution, replicas_for(facts, peak))
    label = wanted.words if words == AS_IS else f"{wanted.words}, {words}"
    begins, seconds = BEGINS.timestamp(), traffic.seconds
    watched = Watched(controller, lambda at: tell(label, (at - begins) / seconds))
    rng = np.random.default_rng((question.seed, 1))
    run = simulate(facts, _scene(question, case, traffic), watched, rng)
    tell(label, 1.0)
    return Rehearsed(words, wanted, facts, traffic, peak, run, score(run))


def _scene(question: Question, case: Case, traffic: Traffic) -> Scene:
    seconds, trace = traffic.seconds, traffic.trace
    first = float(trace.live(np.zeros(1))[0])
    return Scene(
        trace=trace,
        start=start_of(case.facts, first, question.subject.now),
        seconds=seconds,
        failures=case.failures,
        drain_seconds=question.subject.drain_seconds,
        warm_up_seconds=min(_MOST_WARM_UP_SECONDS, _WARM_UP_SHARE * seconds),
        step_seconds=max(5.0, seconds / _STEPS),
        begins_at=BEGINS.timestamp(),
    )
