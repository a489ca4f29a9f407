"""Metrics that lie: what can't be true is taken out of an observation, so that it counts as unknown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from antiphon_crds.policy import Objective
from antiphon_crds.stages import Indicator
from antiphon_policies.facts import AgentFacts
from antiphon_policies.figures import all_amounts
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.predicting.prediction import Prediction
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen, StageWork

SKEW_SECONDS = 5.0
"""How far in the future a sample may lie: clocks kept by NTP differ by less."""
CONSTANT_SECONDS = 90.0
"""How long an indicator may stay the same to the last digit while turns are taken: three slow scrapes."""
TIMES_TARGET = 50.0
"""A mean of more times its target can't be: nobody waits that long for an answer. It catches seconds told as milliseconds."""
TIMES_PREDICTED = 300.0
"""Nor can one of more times, or of less than that part of, what is predicted."""
MOST_MS: Mapping[Indicator, float] = {
    "turn": 60_000,
    "response": 60_000,
    "mouthToEar": 60_000,
    "result": 60_000,
    "overhead": 30_000,
    "stage": 60_000,
    "bargeIn": 30_000,
    "sessionStart": 120_000,
    "recovery": 86_400_000,
}
"""Longest mean that is plausible, by indicator, however generous the target."""
MOST_TURNS_PER_SECOND = 2.0
"""Of one session."""
MOST_SESSIONS_PER_SECOND = 10_000.0
TIMES_CAPACITY = 10
"""A pod refuses what is above its capacity; a lowered one leaves some more for a while, but not ten times as many."""


@dataclass(frozen=True, slots=True)
class Lie:
    """Something that was told and can't be true."""

    metric: str
    message: str
    grave: bool = True
    """Whether what is given back is decided by it."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What an indicator was last seen to be, to the last digit."""

    count: float
    total: float
    since: float


@dataclass(frozen=True, slots=True)
class Believed:
    """An observation without what can't be true, and what that was."""

    seen: Observation
    lies: tuple[Lie, ...] = ()


def believed(
    seen: Observation,
    now: float,
    facts: AgentFacts,
    sightings: Mapping[str, Sighting],
    predicted: Prediction | None = None,
) -> Believed:
    """`sightings`: those of the agent's GuardMemory. `predicted`: of what it runs with, under the load of now."""
    objectives = {effective.objective.name: effective for effective in facts.objectives}
    flows = _work_flows(seen)
    lies: list[Lie] = []
    measured = {}
    for name, told in seen.measured.items():
        why = _measured_lie(told, objectives.get(name), predicted) or (
            _constant(told, sightings.get(name), now) if flows else None
        )
        if why:
            lies.append(Lie(name, f"{name}: {why}"))
        else:
            measured[name] = told
    recent_lie = _measured_lie(seen.recent, main_objective(facts), predicted) if seen.recent else None
    if recent_lie:
        lies.append(Lie("recent", f"turns of the last half minute: {recent_lie}"))
    limits = {group.name: group.max_sessions for group in facts.groups}
    pods = tuple(_pod(pod, limits.get(pod.group), lies) for pod in seen.pods)
    work = tuple(part for part in seen.work if _plausible_work(part))
    if len(work) < len(seen.work):
        lies.append(Lie("work", "the work of a stage is negative, or no number", grave=False))
    if lies or any(pod is not told for pod, told in zip(pods, seen.pods, strict=True)):
        seen = replace(seen, measured=measured, recent=None if recent_lie else seen.recent, pods=pods, work=work)
    return Believed(_rates(seen, lies), tuple(lies))


def main_objective(facts: AgentFacts) -> EffectiveObjective | None:
    """The promise about turns, or results, as a whole: the first of those."""
    whole = ("turn", "mouthToEar", "response", "result")
    return next((each for each in facts.objectives if each.objective.indicator in whole), None)


def sighted(sightings: Mapping[str, Sighting], measured: Mapping[str, Measured], now: float) -> Mapping[str, Sighting]:
    """With what was measured now. What is not there now keeps its last sighting: an indicator once found constant stays so."""
    new = {name: _sighting(sightings.get(name), told, now) for name, told in measured.items()}
    return {**sightings, **new}


def _sighting(before: Sighting | None, told: Measured, now: float) -> Sighting:
    count, total = _fingerprint(told)
    if before is not None and (before.count, before.total) == (count, total):
        return before
    return Sighting(count, total, now)


def _fingerprint(told: Measured) -> tuple[float, float]:
    if told.durations is not None:
        return told.durations.count, told.durations.total
    return told.whole or 0.0, told.part or 0.0


def _constant(told: Measured, before: Sighting | None, now: float) -> str | None:
    if before is None or told.durations is None or told.durations.count <= 0:
        return None
    same = (before.count, before.total) == _fingerprint(told)
    if same and now - before.since >= CONSTANT_SECONDS:
        return f"the same to the last digit for {now - before.since:.0f} s while turns are taken"
    return None


def _work_flows(seen: Observation) -> bool:
    turns = seen.turns_per_second
    told = turns is not None and math.isfinite(turns) and turns > 10 / CONSTANT_SECONDS
    return told or any(part.items > 0 for part in seen.work if part.seconds > 0)


def _measured_lie(told: Measured, effective: EffectiveObjective | None, predicted: Prediction | None) -> str | None:
    if math.isnan(told.age_seconds) or told.age_seconds < -SKEW_SECONDS:
        return f"its age is {told.age_seconds:.0f} s: a clock is wrong"
    if told.durations is not None:
        return _durations_lie(told, effective, predicted)
    return _ratio_lie(told)


def _durations_lie(told: Measured, effective: EffectiveObjective | None, predicted: Prediction | None) -> str | None:
    durations = told.durations
    if durations is None:
        return None
    if not all_amounts((*durations.counts, durations.total)):
        return "a count or a sum is negative, or no number"
    mean = durations.mean
    if mean is None or effective is None:
        return None
    if mean <= 0:
        return "its mean is 0 ms"
    most = _most_ms(effective.objective)
    if mean > most:
        return f"its mean is {mean:.0f} ms, and more than {most:.0f} ms can't be"
    expected = predicted.objectives.get(effective.objective.name) if predicted else None
    if expected and math.isfinite(expected) and not 1 / TIMES_PREDICTED < mean / expected < TIMES_PREDICTED:
        return f"its mean is {mean:.3g} ms, and {expected:.3g} ms is predicted"
    return None


def _most_ms(objective: Objective) -> float:
    most = MOST_MS.get(objective.indicator, math.inf)
    return min(most, TIMES_TARGET * objective.target_ms) if objective.target_ms else most


def _ratio_lie(told: Measured) -> str | None:
    known = [amount for amount in (told.part, told.whole) if amount is not None]
    if not all_amounts(known):
        return "a part or a whole is negative, or no number"
    if told.part is not None and told.whole is not None and told.part > told.whole * 1.05 + 1:
        return f"{told.part:.0f} of {told.whole:.0f} is more than all"
    return None


def _pod(pod: PodSeen, limit: int | None, lies: list[Lie]) -> PodSeen:
    """`limit`: sessions that its group allows it."""
    wrong = dict(_pod_lies(pod, limit))
    lies += [Lie(metric, f"pod {pod.name}: {why}") for metric, why in wrong.items()]
    utilisation, temperature = _within(pod.gpu_utilisation, 0, 1.5), _within(pod.gpu_temperature_celsius, -50, 150)
    if not wrong and (utilisation, temperature) == (pod.gpu_utilisation, pod.gpu_temperature_celsius):
        return pod
    return replace(
        pod,
        age_seconds=math.inf if "age" in wrong else pod.age_seconds,
        sessions=None if "sessions" in wrong else pod.sessions,
        capacity=None if "capacity" in wrong else pod.capacity,
        gpu_utilisation=utilisation,
        gpu_temperature_celsius=temperature,
    )


def _pod_lies(pod: PodSeen, limit: int | None) -> Iterator[tuple[str, str]]:
    if not pod.age_seconds >= -SKEW_SECONDS:
        yield "age", f"it was heard {pod.age_seconds:.0f} s ago: a clock is wrong"
    if pod.capacity is not None and (pod.capacity < 0 or (limit and pod.capacity > TIMES_CAPACITY * limit)):
        yield "capacity", f"room for {pod.capacity} sessions can't be"
    most = TIMES_CAPACITY * max(limit or pod.capacity or 10_000, 10)
    if pod.sessions is not None and not 0 <= pod.sessions <= most:
        yield "sessions", f"{pod.sessions} sessions can't be"


def _rates(seen: Observation, lies: list[Lie]) -> Observation:
    turns_most = MOST_TURNS_PER_SECOND * max(1, seen.sessions) if seen.sessions is not None else math.inf
    limits = (
        ("turns_per_second", seen.turns_per_second, turns_most),
        ("arrivals_per_second", seen.arrivals_per_second, MOST_SESSIONS_PER_SECOND),
        ("rejected_per_second", seen.rejected_per_second, MOST_SESSIONS_PER_SECOND),
    )
    wrong = {name: told for name, told, most in limits if told is not None and _within(told, 0, most) is None}
    if not wrong:
        return seen
    lies += [Lie(name, f"{name.replace('_', ' ')}: {told:.4g} can't be") for name, told in wrong.items()]
    unknown: dict[str, Any] = dict.fromkeys(wrong)
    return replace(seen, **unknown)


def _plausible_work(part: StageWork) -> bool:
    told = (part.seconds, part.batches, part.items, part.busy_ms, part.waits, part.wait_ms, part.busy_square or 0.0)
    return all_amounts(told)


def _within(number: float | None, least: float, most: float) -> float | None:
    return number if number is not None and math.isfinite(number) and least <= number <= most else None
