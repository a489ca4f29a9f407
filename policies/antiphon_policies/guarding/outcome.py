"""What came of decisions: each is judged once it has had time to show its effect, and taken back where it made things worse.

`rollback.after` after a decision is in force, the time of turns is held against what it would be otherwise: without the
change, where it added capacity; as it was expected, where it gave some back. Where the load has changed, that is
corrected by what the model says of both loads. A decision is taken back when turns take longer by `rollback.worseBy`, and by
more than the few samples of half a minute may be wrong; one that gives back, only when the promise is near. Too few samples
are never a success.

What is taken back passes the guards too, but for those against noise, and counts as an action. Then it is not tried again
for a while. Replicas that were added are never taken back this way: more of them do not make turns longer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from antiphon_crds.agent_status import Decision
from antiphon_policies.facts import Setting
from antiphon_policies.guarding.changes import Change, Guarded
from antiphon_policies.guarding.difference import inverse, with_changes
from antiphon_policies.guarding.indicating import Reading, reading
from antiphon_policies.guarding.levels import value_of
from antiphon_policies.guarding.memory import GuardMemory
from antiphon_policies.guarding.records import Pending
from antiphon_policies.guarding.sanity import main_objective
from antiphon_policies.guarding.scene import GuardScene, predicted
from antiphon_policies.guarding.spans import seconds
from antiphon_policies.predicting.prediction import Load

PATIENCE = 5.0
"""Times `rollback.after` that a judgement waits for enough samples before the outcome is Inconclusive."""
SAME_LOAD = 0.1
"""Share by which the load may differ and still be the same."""

Outcome = Literal["Kept", "RolledBack", "Failed", "Inconclusive"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one decision."""

    id: str
    outcome: Outcome
    """Kept: it did what was expected, or no harm. RolledBack: it made things worse, and is to be taken back. Failed: things are
    worse, and it stays: capacity is not taken away on one bad reading. Inconclusive: too little was seen to tell; it stays."""
    observed: str
    undo: Change | None = None
    """Takes it back. The outcome is RolledBack once this has passed the guards."""


def judge(scene: GuardScene) -> tuple[Verdict, ...]:
    """Of the decisions that are due. Those of which too little was seen yet are judged later."""
    if not scene.memory.pending:
        return ()
    scene = scene.honest()
    told = reading(scene)
    found = (_verdict(pending, told, scene) for pending in scene.memory.pending)
    return tuple(verdict for verdict in found if verdict is not None)


def proposals(verdicts: Iterable[Verdict], planned: Iterable[Change]) -> tuple[Change, ...]:
    """What is taken back, and what is planned of everything else."""
    undos = [verdict.undo for verdict in verdicts if verdict.undo is not None]
    taken = {(undo.actuator, undo.target) for undo in undos}
    return (*undos, *(change for change in planned if (change.actuator, change.target) not in taken))


def settled(verdicts: Iterable[Verdict]) -> frozenset[str]:
    """Decisions of which nothing is awaited any more. Those to be rolled back are, until the guards let that pass."""
    return frozenset(verdict.id for verdict in verdicts if verdict.undo is None)


def judged(decision: Decision, verdict: Verdict) -> Decision:
    return decision.model_copy(update={"outcome": verdict.outcome, "observed": verdict.observed[:256]})


def reviewed(
    decisions: Sequence[Decision], verdicts: Iterable[Verdict], guarded: Guarded, memory: GuardMemory
) -> list[Decision]:
    """The decisions with what came of them. `memory`: the one after this tick, without what is settled.

    One that is Pending and that the memory does not await any more is Inconclusive.
    """
    undone = {change.undoes for change in guarded.passed if change.undoes}
    final = {verdict.id: verdict for verdict in verdicts if verdict.undo is None or verdict.id in undone}
    awaited = {pending.id for pending in memory.pending}
    return [_reviewed(decision, final.get(decision.id), awaited) for decision in decisions]


def _reviewed(decision: Decision, verdict: Verdict | None, awaited: Collection[str]) -> Decision:
    if decision.outcome != "Pending":
        return decision
    if verdict is None and decision.id not in awaited:
        verdict = Verdict(decision.id, "Inconclusive", "it was changed again before it could be judged")
    return judged(decision, verdict) if verdict else decision


def _verdict(pending: Pending, told: Reading | None, scene: GuardScene) -> Verdict | None:
    change = pending.change
    value = value_of(scene.current, change.actuator, change.target)
    if value != change.after:
        return Verdict(pending.id, "Inconclusive", f"it is {value} meanwhile")
    if scene.now < pending.due:
        return None
    after = seconds(scene.rails.rollback.after)
    compared = _compared(pending, told, scene, after)
    if compared is None and scene.now >= pending.due + PATIENCE * after:
        return Verdict(pending.id, "Inconclusive", "too little was seen to tell")
    return compared


def _compared(pending: Pending, told: Reading | None, scene: GuardScene, after: float) -> Verdict | None:
    """None: not enough was seen since it was in force, or then."""
    in_force = pending.due - after
    if told is None or told.covers_seconds > scene.now - in_force:
        return None
    wanted = _reference_ms(pending, scene)
    if wanted is None or pending.was_ms is None or pending.was_most_ms is None:
        return None
    worse_by = scene.rails.rollback.worse_by
    observed = f"{told.value_ms:.0f} ms over {told.samples:.0f} turns; {_amount(wanted)} otherwise"
    if told.value_ms <= wanted * (1 + worse_by) or not _matters(pending.change, told, scene):
        return Verdict(pending.id, "Kept", observed)
    if told.least_ms <= wanted * pending.was_most_ms / pending.was_ms:
        return None
    if pending.change.actuator == "replicas" and pending.change.direction == "up":
        return Verdict(pending.id, "Failed", observed)
    return Verdict(pending.id, "RolledBack", observed, inverse(pending.change, pending.id))


def _matters(change: Change, told: Reading, scene: GuardScene) -> bool:
    """Giving back makes turns longer, and may: what matters is that the promise stays out of reach of noise."""
    effective = main_objective(scene.facts)
    target = effective.objective.target_ms if effective else None
    return change.direction == "up" or target is None or told.value_ms > target * (1 - scene.rails.tolerance)


def _reference_ms(pending: Pending, scene: GuardScene) -> float | None:
    """What the indicator would be now: of what adds capacity, without it; of what gives it back, as it was expected.

    It is what was measured then, times what the model says of the difference in load, and of the change itself; and no less
    than what the model says of what gives back, as it was by that that it was chosen. That turns should have become shorter is
    never counted on.
    """
    if pending.was_ms is None:
        return None
    change = pending.change
    without = with_changes(scene.current, [inverse(change, pending.id)])
    if change.direction == "up" and _same_load(pending.load, scene.load):
        return pending.was_ms
    then = _predicted_ms(without, pending.load, scene)
    now = _predicted_ms(without if change.direction == "up" else scene.current, scene.load, scene)
    if then is None or now is None or not 0 < then < math.inf:
        return None
    scaled = pending.was_ms * max(1.0, now / then)
    return scaled if change.direction == "up" else max(scaled, now)


def _same_load(one: Load, other: Load) -> bool:
    then, now = one.sessions * one.turns_per_second, other.sessions * other.turns_per_second
    return abs(now - then) <= SAME_LOAD * max(then, now)


def _predicted_ms(setting: Setting, load: Load, scene: GuardScene) -> float | None:
    prediction, effective = predicted(scene.facts, setting, load, None), main_objective(scene.facts)
    if prediction is None or effective is None:
        return None
    return prediction.objectives.get(effective.objective.name)


def _amount(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if math.isfinite(milliseconds) else "more than can be served"
