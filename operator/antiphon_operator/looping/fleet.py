"""The brain of all agents: what was learned of each, and one tick for all of them. No I/O; it may run in a thread."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from antiphon_crds.agent_status import ControlStatus, Decision, VoiceAgentStatus
from antiphon_crds.sessions import ExpectedTraffic
from antiphon_crds.stages import Stage
from antiphon_operator.looping.tunings import setting_in_force
from antiphon_operator.rendering.plan import AgentPlan
from antiphon_policies.deciding.agent_facts import Ground, agent_facts, teachable
from antiphon_policies.deciding.looking import Concluded, Considered, Look, Plans
from antiphon_policies.deciding.mind import Mind
from antiphon_policies.deciding.planning import planned
from antiphon_policies.estimating.estimate import Seed
from antiphon_policies.estimating.estimates import EstimateKey, Estimates
from antiphon_policies.facts import AgentFacts, AgentKey
from antiphon_policies.planning.asking import Stock
from antiphon_policies.seeing.observation import Observation

log = logging.getLogger(__name__)

Taught = Mapping[tuple[Stage, str], tuple[EstimateKey, Seed | None]]


@dataclass(frozen=True)
class Subject:
    """One agent as the operator knows it at a tick."""

    uid: str
    plan: AgentPlan
    grounds: Mapping[str, Ground]
    carried_out: bool | None = None
    """Whether its pods took the tuning that is wanted; None: not all have said yet."""
    before: VoiceAgentStatus = field(default_factory=VoiceAgentStatus)
    """Its status: what the loop has kept in it is taken up again by who leads anew."""

    @property
    def traffic(self) -> list[ExpectedTraffic]:
        return self.plan.resolution.agent.spec.traffic


@dataclass
class _Known:
    """What is remembered of an agent. The uid tells it from a later one of the same name."""

    uid: str
    mind: Mind


@dataclass(frozen=True)
class Thought:
    """What became of one agent in a tick, with what it was made from."""

    facts: AgentFacts
    grounds: Mapping[str, Ground]
    look: Look
    considered: Considered
    concluded: Concluded


class Fleet:
    """One for a term of leadership."""

    def __init__(self) -> None:
        self._estimates = Estimates()
        self._minds: dict[AgentKey, _Known] = {}

    def think(
        self, subjects: Mapping[AgentKey, Subject], seen: Mapping[AgentKey, Observation], stock: Stock, enforce: bool
    ) -> dict[AgentKey, Thought]:
        """All agents are planned together, as they compete for the same partitions."""
        self._forget_others(subjects)
        self._estimates.keep({key for subject in subjects.values() for key, _ in _taught(subject).values()})
        considered: dict[AgentKey, Considered] = {}
        for key, subject in subjects.items():
            with self._alone(key):
                considered[key] = self._consider(key, subject, seen[key], enforce)
        plans = dict(zip(considered, self._planned(considered, stock), strict=True))
        found: dict[AgentKey, Thought] = {}
        for key, asked in considered.items():
            with self._alone(key):
                concluded = self._minds[key].mind.conclude(asked, plans[key])
                found[key] = Thought(asked.facts, subjects[key].grounds, asked.look, asked, concluded)
        return found

    @contextmanager
    def _alone(self, key: AgentKey) -> Iterator[None]:
        """What goes wrong with one agent leaves that one as it is, and no other."""
        try:
            yield
        except Exception:
            log.exception("%s/%s: the control loop can't think of it; it stays as it is", *key)

    def _consider(self, key: AgentKey, subject: Subject, seen: Observation, enforce: bool) -> Considered:
        self._learn(subject, seen)
        facts = agent_facts(subject.plan.resolution, subject.grounds, self._estimates)
        look = _look(facts, seen, subject, enforce)
        return self._mind(key, subject, look).consider(look)

    def _planned(self, considered: Mapping[AgentKey, Considered], stock: Stock) -> list[Plans | None]:
        """If they can't be planned together, each is by itself, and whoever can't be stays as it is."""
        try:
            return planned(list(considered.values()), stock)
        except Exception:
            log.exception("the agents can't be planned together; each is planned by itself")
        plans: dict[AgentKey, Plans | None] = dict.fromkeys(considered)
        for key, asked in considered.items():
            with self._alone(key):
                plans[key] = planned([asked], stock)[0]
        return list(plans.values())

    def _mind(self, key: AgentKey, subject: Subject, look: Look) -> Mind:
        known = self._minds.get(key)
        if known is None or known.uid != subject.uid:
            control, decisions = subject.before.control, subject.before.decisions
            known = self._minds[key] = _Known(subject.uid, _mind(look, control, decisions))
        return known.mind

    def _learn(self, subject: Subject, seen: Observation) -> None:
        if not seen.work:
            return
        known = _taught(subject)
        for work in seen.work:
            if (work.stage, work.variant) in known:
                key, seed = known[work.stage, work.variant]
                self._estimates.learn(key, work, seed, seen.at)

    def _forget_others(self, subjects: Iterable[AgentKey]) -> None:
        wanted = set(subjects)
        self._minds = {key: known for key, known in self._minds.items() if key in wanted}


def _taught(subject: Subject) -> Taught:
    return teachable(subject.plan.resolution, subject.grounds)


def _mind(look: Look, control: ControlStatus | None, decisions: list[Decision]) -> Mind:
    return Mind(look.facts, look.seen.at, control, decisions)


def _look(facts: AgentFacts, seen: Observation, subject: Subject, enforce: bool) -> Look:
    current = setting_in_force(facts, subject.plan)
    return Look(facts, seen, current, subject.traffic, subject.carried_out, enforce)
