"""The loop of one agent as a Controller of the simulator: the same planner, guards and memory as in the operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile

from antiphon_crds.sessions import ExpectedTraffic
from antiphon_crds.stages import Stage
from antiphon_policies.deciding.looking import Concluded, Considered, Look, Plans
from antiphon_policies.deciding.mind import Mind
from antiphon_policies.deciding.planning import planned
from antiphon_policies.deciding.services import rounded
from antiphon_policies.estimating.estimate import Seed
from antiphon_policies.estimating.estimates import EstimateKey, Estimates
from antiphon_policies.facts import AgentFacts, Setting, StageFacts, VariantFacts
from antiphon_policies.planning.asking import Stock
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.controlling import Asked, Note

INTERVAL_SECONDS = 5.0
_NO_STOCK = Stock()


class AntiphonController:
    """Needs no tuning: what it does follows from the policy."""

    name = "antiphon"

    def __init__(self, facts: AgentFacts, traffic: tuple[ExpectedTraffic, ...] = (), stock: Stock = _NO_STOCK) -> None:
        self.interval_seconds = INTERVAL_SECONDS
        self._agent = "/".join(facts.key)
        self._traffic = traffic
        self._stock = stock
        self._estimates = Estimates()
        self._known: tuple[AgentFacts, AgentFacts] | None = None
        """Facts that were given, and with what was learned; None: more was learned since."""
        self._mind: Mind | None = None
        self._notes: list[Note] = []
        self._told: set[str] = set()
        self.last: Concluded | None = None
        """Of the last tick, for those who want to see more than the setting."""

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
        considered = self._consider(facts, seen, current)
        return self._conclude(considered, planned([considered], self._stock)[0])

    @staticmethod
    def control_all(asked: Sequence[Asked]) -> list[Setting]:
        """As each would by itself; what they ask of the planner is planned for at once, unless there is a stock."""
        if any(one.controller._stock.partitions for one in asked):
            return [one.controller.control(one.facts, one.seen, one.current) for one in asked]
        considered = [one.controller._consider(one.facts, one.seen, one.current) for one in asked]
        plans = planned(considered, _NO_STOCK)
        return [one.controller._conclude(*each) for one, *each in zip(asked, considered, plans, strict=True)]

    def notes(self) -> tuple[Note, ...]:
        return tuple(self._notes)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _consider(self, facts: AgentFacts, seen: Observation, current: Setting) -> Considered:
        if self._mind is None:
            self._mind = Mind(facts, seen.at)
        self._learn(facts, seen)
        return self._mind.consider(Look(self._learned(facts), seen, current, self._traffic))

    def _conclude(self, considered: Considered, plans: Plans | None) -> Setting:
        if self._mind is None:
            raise ValueError("nothing was considered yet")
        self.last = self._mind.conclude(considered, plans)
        self._note(self.last)
        return self.last.setting

    def _learn(self, facts: AgentFacts, seen: Observation) -> None:
        for work in seen.work:
            stage = next((stage for stage in facts.stages if stage.stage == work.stage), None)
            variant = next((one for one in stage.variants if one.name == work.variant), None) if stage else None
            if variant is not None:
                self._estimates.learn(self._key(work.stage, work.variant), work, _seed(variant), seen.at)
                self._known = None

    def _learned(self, facts: AgentFacts) -> AgentFacts:
        if self._known is None or self._known[0] is not facts:
            self._known = (facts, replace(facts, stages=tuple(self._stage(stage) for stage in facts.stages)))
        return self._known[1]

    def _stage(self, stage: StageFacts) -> StageFacts:
        variants = []
        for variant in stage.variants:
            known = self._estimates.service(self._key(stage.stage, variant.name), _seed(variant))
            variants.append(replace(variant, service=rounded(known)) if known is not None else variant)
        return replace(stage, variants=tuple(variants))

    def _key(self, stage: Stage, variant: str) -> EstimateKey:
        return EstimateKey(stage, self._agent, variant, "")

    def _note(self, concluded: Concluded) -> None:
        new = takewhile(lambda decision: decision.id not in self._told, concluded.decisions)
        for decision in reversed(list(new)):
            self._told.add(decision.id)
            change = f"{decision.actuator} of {decision.target}: {decision.before} to {decision.after}"
            at = datetime.fromisoformat(decision.time).timestamp()
            self._notes.append(Note(at, f"{change} ({decision.reason}): {decision.message}"))


def _seed(variant: VariantFacts) -> Seed:
    return Seed(variant.service)
