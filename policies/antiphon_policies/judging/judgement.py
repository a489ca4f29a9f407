"""The state of one objective, by what was measured over its window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from antiphon_crds.agent_status import ObjectiveStatus
from antiphon_crds.policy import Guardrails, Objective
from antiphon_policies.judging.chances import evidently_missed
from antiphon_policies.judging.evidence import Evidence, evidence, permitted
from antiphon_policies.objectives import EffectiveObjective, target_of
from antiphon_policies.seeing.observation import Measured

State = Literal["Met", "AtRisk", "Breached", "Unknown"]
Reason = Literal[
    "Kept",
    "NearTarget",
    "BurnsFast",
    "FewSamplesOver",
    "OverTarget",
    "TooFewSamples",
    "NoTraffic",
    "NotMeasured",
    "Stale",
    "Implausible",
]
"""Why a state is what it is, as one word for programs."""
MISSING: tuple[Reason, ...] = ("NotMeasured", "Stale", "Implausible")
"""Nothing is known. With NoTraffic and TooFewSamples it is known that little happened."""

STALE_SECONDS = 60.0
SURE = 5.0
"""Misses to be expected from which on a percentile is taken at its word: 5/(1-p) observations, 100 for a p95."""
TOLD = 1.0
"""The same from which on it is told at all: 1/(1-p) observations, 20 for a p95."""
MEAN_SURE, MEAN_TOLD = 20.0, 5.0
"""The same of a mean, in observations."""
BURN_RECENT, BURN_WINDOW = 2.0, 0.5
"""Budgets that burn so many times as fast as they may just now, and have burnt this share of it over the window."""
BURN_SAMPLES = 20.0
MOST_RATIO = 1e9


@dataclass(frozen=True, slots=True)
class Judgement:
    """One objective's state, and why."""

    objective: Objective
    status: ObjectiveStatus
    reason: Reason
    message: str
    ratio: float | None
    """Observed by target, the other way round where more is better: above 1 is over. None: unknown."""

    @property
    def state(self) -> State:
        return self.status.state

    @property
    def missing(self) -> bool:
        """Whether nothing is known. Not so where it is known that little happened."""
        return self.reason in MISSING


def judge(
    effective: EffectiveObjective,
    measured: Measured | None,
    guardrails: Guardrails,
    *,
    recent: Measured | None = None,
    stale_seconds: float = STALE_SECONDS,
) -> Judgement:
    """By this window alone: what was said before plays no part. `recent`: the same indicator over the last half minute."""
    if measured is None:
        return _unknown(effective, "NotMeasured", "it was not measured")
    if not 0 <= measured.age_seconds <= stale_seconds:
        return _unknown(effective, "Stale", f"the newest sample is {measured.age_seconds:.0f} s old")
    found = evidence(effective, measured)
    if found is None:
        return _unknown(effective, "Implausible", "what was measured can't be")
    if found.samples <= 0:
        return _unknown(effective, "NoTraffic", "nothing happened that it could be measured of")
    state, reason, message = _state(effective, found, guardrails.tolerance, recent)
    return Judgement(effective.objective, _status(effective, found, state), reason, message, ratio(effective, found))


def fewest(objective: Objective) -> tuple[float, float]:
    """Observations from which on the objective is told at all, and from which on it is judged by the figure alone."""
    share = permitted(objective)
    if share is None:
        return MEAN_TOLD, MEAN_SURE
    if objective.indicator == "recovery":
        return 1.0, 1.0
    if objective.max_ratio is not None:
        return 1.0, SURE / share if share > 0 else 1.0
    return TOLD / share - 1e-6, SURE / share - 1e-6


def ratio(effective: EffectiveObjective, found: Evidence) -> float:
    """Finite, so that it can be shown and compared."""
    target, observed = target_of(effective.objective), found.observed
    above, below = (target, observed) if effective.objective.indicator == "frameRate" else (observed, target)
    if above <= 0:
        return 0.0
    return min(MOST_RATIO, above / below) if below > 0 else MOST_RATIO


def budget_left(objective: Objective, found: Evidence) -> float | None:
    """Share of the permitted misses that is left. None where none is permitted, or a mean is promised."""
    share = permitted(objective)
    return None if not share else 1.0 - (1.0 - found.kept) / share


def _state(
    effective: EffectiveObjective, found: Evidence, tolerance: float, recent: Measured | None
) -> tuple[State, Reason, str]:
    objective, over = effective.objective, ratio(effective, found)
    told, sure = fewest(objective)
    shown = f"{_shown(objective, found.observed)} of {_shown(objective, target_of(objective))}"
    counted = f"over {found.samples:.0f} observations"
    if over > 1.0:
        if found.samples >= sure or _evident(objective, found):
            return "Breached", "OverTarget", f"{shown} {counted}"
        if found.samples >= told:
            return "AtRisk", "FewSamplesOver", f"{shown}, but only {counted}; {math.ceil(sure)} are sure"
    if found.samples < told:
        return "Unknown", "TooFewSamples", f"{found.samples:.0f} observations; it takes {math.ceil(told)}"
    if over > 1.0 - tolerance:
        return "AtRisk", "NearTarget", f"{shown} {counted}, within {tolerance:.0%} of the target"
    if _burns_fast(effective, found, recent):
        return "AtRisk", "BurnsFast", f"{shown} {counted}, and most of the misses came just now"
    return "Met", "Kept", f"{shown} {counted}"


def _evident(objective: Objective, found: Evidence) -> bool:
    share = permitted(objective)
    if share is None:
        return False
    return evidently_missed((1.0 - found.kept) * found.samples, found.samples, share)


def _burns_fast(effective: EffectiveObjective, found: Evidence, recent: Measured | None) -> bool:
    """In the window and just now, so that neither an old burst nor a single late turn is alarming."""
    share = permitted(effective.objective)
    if not share or recent is None or recent.age_seconds > STALE_SECONDS:
        return False
    if (1.0 - found.kept) / share < BURN_WINDOW:
        return False
    now = evidence(effective, recent)
    return now is not None and now.samples >= BURN_SAMPLES and (1.0 - now.kept) / share >= BURN_RECENT


def _status(effective: EffectiveObjective, found: Evidence, state: State) -> ObjectiveStatus:
    """The part that never changes is checked once; the rest is within its bounds as it is made."""
    return _of_nothing(effective.objective.name, target_of(effective.objective)).model_copy(
        update={
            "observed": found.observed,
            "samples": math.floor(found.samples + 0.5),
            "attainment": min(1.0, max(0.0, found.kept)),
            "error_budget_left": budget_left(effective.objective, found),
            "state": state,
        }
    )


def _unknown(effective: EffectiveObjective, reason: Reason, why: str) -> Judgement:
    objective = effective.objective
    return Judgement(objective, _of_nothing(objective.name, target_of(objective)), reason, why, None)


@lru_cache(maxsize=4096)
def _of_nothing(name: str, target: float) -> ObjectiveStatus:
    """Many objectives of many agents are not measured, tick after tick."""
    return ObjectiveStatus(name=name, target=target)


def _shown(objective: Objective, value: float) -> str:
    if objective.target_ms is not None:
        return f"{value:.0f} ms"
    return f"{value:.2%}" if objective.max_ratio is not None else f"{value:.1f}/s"
