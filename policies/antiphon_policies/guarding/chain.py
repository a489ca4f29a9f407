"""The chain of rules between a plan and its being carried out.

The order is no accident. Whether anything may be done comes first, so that whoever has switched the loop off, or
forbidden something, reads that and nothing else: mode, permitted, breaker. Then whether what is known suffices: all
rules behind it rely on it (sanity, staleness). Then times and places at which nothing is done whatever the numbers
(freeze, temperature, retry). Then whether the numbers call for anything at all (tolerance), and for how long they have
(stabilization). Only what is left is made smaller (step, cost). Then what goes together with what (settling), which
must come before what a removal would do, as that is predicted for exactly the changes that pass, and costs more than
all other rules. The budget is last: only what is really carried out may use it up.

Each rule lets pass, holds, or lets a part pass that lies nearer to what is. So no rule can undo what an earlier one
decided, and a rule that is added can only make the chain stricter.
"""

from __future__ import annotations

from collections.abc import Sequence

from antiphon_policies.guarding.changes import Change, Guarded, Held
from antiphon_policies.guarding.levels import QUICKEST_FIRST
from antiphon_policies.guarding.rule import Rule
from antiphon_policies.guarding.rules.bounding import ActionBudget, Cost, MaxStep, riders
from antiphon_policies.guarding.rules.freezing import FreezeWindow
from antiphon_policies.guarding.rules.heating import Temperature
from antiphon_policies.guarding.rules.knowing import Sanity, Staleness
from antiphon_policies.guarding.rules.permitting import CircuitBreaker, Mode, Permitted
from antiphon_policies.guarding.rules.removing import Removal
from antiphon_policies.guarding.rules.settling import OneAtATime
from antiphon_policies.guarding.rules.steadying import RetryLocked, Stabilization, Tolerance
from antiphon_policies.guarding.scene import GuardScene

RULES: tuple[Rule, ...] = (
    Mode(),
    Permitted(),
    CircuitBreaker(),
    Sanity(),
    Staleness(),
    FreezeWindow(),
    Temperature(),
    RetryLocked(),
    Tolerance(),
    Stabilization(),
    MaxStep(),
    Cost(),
    OneAtATime(),
    Removal(),
    ActionBudget(),
)


def guard(scene: GuardScene, proposed: Sequence[Change]) -> Guarded:
    """What may be carried out of the changes that a plan, or a rollback, proposes. At most one for each target and actuator.

    What is held is there with the first rule that held it; of a change that passes in part, the rest is held. Then `remember`
    gives the memory for the next tick.
    """
    remaining, held = sorted(proposed, key=urgency), list[Held]()
    scene = scene.honest() if remaining else scene
    for rule in RULES:
        remaining, stopped = _judged(rule, scene, remaining)
        held += stopped
    fitted = [rider for change in remaining for rider in riders(change, scene)]
    return Guarded((*remaining, *fitted), tuple(held))


def urgency(change: Change) -> tuple[bool, bool, int]:
    """Sorts: what takes back first, then what adds, then what gives back; of these the quickest first."""
    return (not change.undoes, change.direction == "down", QUICKEST_FIRST.index(change.actuator))


def _judged(rule: Rule, scene: GuardScene, proposed: Sequence[Change]) -> tuple[list[Change], list[Held]]:
    passed: list[Change] = []
    held: list[Held] = []
    for change in proposed:
        hold = rule.judge(change, scene, passed)
        if hold is not None:
            held.append(Held(change, rule.name, hold.message, hold.until))
        kept = change if hold is None else hold.instead
        if kept is not None:
            passed.append(kept)
    return passed, held
