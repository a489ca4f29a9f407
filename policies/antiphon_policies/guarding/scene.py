"""What the rules judge by: one agent at one moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from antiphon_crds.policy import Guardrails, Objective
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.guarding.memory import GuardMemory
from antiphon_policies.guarding.sanity import Lie, believed
from antiphon_policies.predicting.prediction import Load, Prediction
from antiphon_policies.predicting.turn import predict
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen

FRESH_SECONDS = 45.0
"""Age up to which a sample tells of now: three scrapes of a Prometheus that scrapes every 15 s."""
TURN_INDICATORS = ("turn", "response", "mouthToEar", "result", "overhead")
"""Indicators that every turn gives a sample of, as it does of its stages. Without one while turns are taken, something is
not seen."""

State = Literal["Met", "AtRisk", "Breached", "Unknown"]


@dataclass(frozen=True)
class GuardScene:
    """`seen`, `sla` and `worst_ratio` may still have lies in them: `honest` takes them out."""

    now: float
    facts: AgentFacts
    seen: Observation
    current: Setting
    load_now: Load
    sla: State
    """Worst state of the objectives."""
    worst_ratio: float | None
    """The largest observed, as a share of its target. None: nothing was observed."""
    predicted: Prediction
    """Of `current`, under the load that was planned for."""
    predicted_planned: Prediction
    """Of what is planned, under the same load."""
    memory: GuardMemory
    enforce: bool = True
    """False: the kill switch. Nothing is changed, whatever the policy's mode."""
    lies: tuple[Lie, ...] = ()
    """What was taken out of `seen` already."""
    checked: bool = False
    """Whether it is honest already."""

    @property
    def rails(self) -> Guardrails:
        return self.facts.guardrails

    def honest(self) -> GuardScene:
        """Without what can't be true. A verdict that a grave lie may be part of is unknown. Everything here that takes a scene
        does this itself; who calls several saves time by doing it before."""
        if self.checked:
            return self
        clean = believed(self.seen, self.now, self.facts, self.memory.sightings, self.predicted)
        doubted = any(lie.grave for lie in clean.lies)
        share = self.worst_ratio
        if doubted or share is None or not 0 <= share < math.inf:
            share = None
        sla: State = "Unknown" if doubted else self.sla
        return replace(self, seen=clean.seen, lies=(*self.lies, *clean.lies), sla=sla, worst_ratio=share, checked=True)

    @cached_property
    def unknown(self) -> str:
        """Why too little is known to give anything back; empty where enough is."""
        return self._not_seen or self._not_heard or self._not_measured

    @cached_property
    def blind(self) -> bool:
        """Whether neither the load nor any promise is known."""
        measured = any(is_fresh(told) for told in self.seen.measured.values())
        return bool(self._not_seen) or (not measured and self.seen.sessions is None)

    @cached_property
    def urgent(self) -> bool:
        """Whether a promise is broken or callers are turned away, or will be by the load that is planned for."""
        if self.blind:
            return False
        broken = self.sla == "Breached" or bool(self.seen.rejected_per_second)
        return broken or ratio(self.predicted, self.facts) > 1 + self.rails.tolerance

    @cached_property
    def suffering(self) -> bool:
        """Whether calls suffer now, as measured."""
        return not self.blind and (self.sla == "Breached" or bool(self.seen.rejected_per_second))

    @cached_property
    def load(self) -> Load:
        """Of now, at the least what the pods tell."""
        return Load(max(self.load_now.sessions, float(self.seen.sessions or 0)), self.load_now.turns_per_second)

    @property
    def _not_seen(self) -> str:
        age = self.now - self.seen.at
        if not -FRESH_SECONDS <= age <= FRESH_SECONDS:
            return f"the last look is {age:.0f} s old"
        return "nothing was seen" if self.seen.source == "none" else ""

    @property
    def _not_heard(self) -> str:
        silent = [pod.name for pod in self.seen.pods if counts(pod) and not heard(pod)]
        if silent:
            return f"{len(silent)} of {len(self.seen.pods)} pods were not heard, such as {silent[0]}"
        grave = next((lie.message for lie in self.lies if lie.grave), "")
        if grave:
            return grave
        return "" if any(map(counts, self.seen.pods)) else "no pod was seen"

    @property
    def _not_measured(self) -> str:
        if self.seen.sessions == 0 or self.seen.turns_per_second == 0:
            return ""
        for effective in self.facts.objectives:
            told = self.seen.measured.get(effective.objective.name)
            if self._comes_with_turns(effective.objective) and not (told and is_fresh(told)):
                return f"there is no fresh sample of {effective.objective.name}"
        return ""

    def _comes_with_turns(self, objective: Objective) -> bool:
        if objective.indicator != "stage":
            return objective.indicator in TURN_INDICATORS
        return any(stage.stage == objective.stage and stage.in_turn for stage in self.facts.stages)


def counts(pod: PodSeen) -> bool:
    """Whether it has sessions, or may have."""
    return pod.ready or bool(pod.sessions)


def heard(pod: PodSeen) -> bool:
    return pod.age_seconds <= FRESH_SECONDS and pod.sessions is not None


def is_fresh(told: Measured) -> bool:
    """Whether something was measured lately. No observation at all is no measurement."""
    if not told.age_seconds <= FRESH_SECONDS:
        return False
    return told.durations.count > 0 if told.durations else bool(told.whole)


def ratio(prediction: Prediction, facts: AgentFacts) -> float:
    """The largest prediction, as a share of its target. 0 where none can be predicted."""
    shares = [0.0]
    for effective in facts.objectives:
        target = effective.planning_target_ms or effective.objective.target_ms
        value = prediction.objectives.get(effective.objective.name)
        if target and value is not None and not math.isnan(value):
            shares.append(value / target)
    return max(shares)


def predictable(facts: AgentFacts, setting: Setting) -> bool:
    """Whether everything that the setting names is among the facts."""
    if setting.mode not in {mode.name for mode in facts.modes}:
        return False
    return all(
        stage.stage in setting.stages
        and setting.stages[stage.stage].variant in {variant.name for variant in stage.variants}
        for stage in facts.stages
    )


def predicted(facts: AgentFacts, setting: Setting, load: Load, serving: dict[str, int] | None) -> Prediction | None:
    """None: it can't be predicted."""
    return predict(facts, setting, load, serving) if predictable(facts, setting) else None
