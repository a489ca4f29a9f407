"""The loop of one agent as a Controller of the simulator: the same planner, guards and memory as in the operator."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from antiphon_crds.sessions import ExpectedTraffic
from antiphon_crds.stages import Stage
from antiphon_policies.deciding.looking import Concluded, Look
from antiphon_policies.deciding.mind import Mind
from antiphon_policies.deciding.planning import planned
from antiphon_policies.deciding.services import rounded
from antiphon_policies.estimating.estimate import Seed
from antiphon_policies.estimating.estimates import EstimateKey, Estimates
from antiphon_policies.facts import AgentFacts, Setting, StageFacts, VariantFacts
from antiphon_policies.planning.asking import Stock
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.controlling import Note

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
        self._mind: Mind | None = None
        self._notes: list[Note] = []
        self._told: set[str] = set()
        self.last: Concluded | None = None
        """Of the last tick, for those who want to see more than the setting."""

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
        if self._mind is None:
            self._mind = Mind(facts, seen.at)
        self._learn(facts, seen)
        considered = self._mind.consider(Look(self._learned(facts), seen, current, self._traffic))
        self.last = self._mind.conclude(considered, planned([considered], self._stock)[0])
        self._note(self.last)
        return self.last.setting

    def notes(self) -> tuple[Note, ...]:
        return tuple(self._notes)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _learn(self, facts: AgentFacts, seen: Observation) -> None:
        for work in seen.work:
            stage = next((stage for stage in facts.stages if stage.stage == work.stage), None)
            variant = next((one for one in stage.variants if one.name == work.variant), None) if stage else None
            if variant is not None:
                self._estimates.learn(self._key(work.stage, work.variant), work, _seed(variant), seen.at)

    def _learned(self, facts: AgentFacts) -> AgentFacts:
        return replace(facts, stages=tuple(self._stage(stage) for stage in facts.stages))

    def _stage(self, stage: StageFacts) -> StageFacts:
        variants = []
        for variant in stage.variants:
            known = self._estimates.service(self._key(stage.stage, variant.name), _seed(variant))
            variants.append(replace(variant, service=rounded(known)) if known is not None else variant)
        return replace(stage, variants=tuple(variants))

    def _key(self, stage: Stage, variant: str) -> EstimateKey:
        return EstimateKey(stage, self._agent, variant, "")

    def _note(self, concluded: Concluded) -> None:
        new = [decision for decision in concluded.decisions if decision.id not in self._told]
        for decision in reversed(new):
            self._told.add(decision.id)
            change = f"{decision.actuator} of {decision.target}: {decision.before} to {decision.after}"
            at = datetime.fromisoformat(decision.time).timestamp()
            self._notes.append(Note(at, f"{change} ({decision.reason}): {decision.message}"))


def _seed(variant: VariantFacts) -> Seed:
    return Seed(variant.service)
