"""How good a run was for callers, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon_crds.stages import Actuator
from antiphon_policies.simulating.runs import Moment, Run
from antiphon_policies.simulating.speeds import Floats

RECENT_SECONDS = 30.0
"""Over which a breach begins and ends, where its length is timed."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of the time after the warm-up. A turn that failed, or that waits longer than the target when the run ends, is late."""

    turns: int
    """Answered, failed, and waiting for longer than the target at the end."""
    within: float
    """Share of the turns within the promise's target; 1.0 where there was none."""
    late_turns: int
    """Turns above the target: what "SLO-violating turns" are, unless something else is said."""
    breached_turns: int
    """Turns that ended while the promise was broken: while too large a share of the turns of its window, up to the same
    step, was late. Turns within the target count too if they ended then."""
    goodput: float
    """Turns within the target a second."""
    offered: int
    rejected: int
    dropped: int
    failed_turns: int
    partition_hours: float
    """Of replicas that start, serve or drain."""
    cost: float
    quality: float
    """Mean over the turns; 1.0 is the best allowed."""
    actions: int
    """Those of the warm-up among them."""
    actions_per_hour: float
    actions_by: Mapping[Actuator, int]
    breaches: int
    """Times that turns of the last 30 s broke the promise."""
    breached_seconds: float
    longest_breach_seconds: float
    """From the step in which a breach begins to the one in which it has ended."""

    @property
    def rejected_share(self) -> float:
        return self.rejected / self.offered if self.offered else 0.0


def score(run: Run) -> Scores:
    moments = tuple(moment for moment in run.moments if moment.at > run.warm_up_seconds)
    seconds = sum(moment.seconds for moment in moments)
    overdue = int(np.count_nonzero(run.waiting_ms > run.promise.target_ms))
    failed = sum(moment.failed for moment in moments)
    answered, kept = sum(moment.turns for moment in moments), sum(moment.kept for moment in moments)
    turns = answered + failed + overdue
    spells = breaches(moments, run.promise.allowed)
    broken = broken_steps(moments, run.promise.allowed, run.promise.window_seconds)
    actions = sum(run.actions.values())
    return Scores(
        turns=turns,
        within=kept / turns if turns else 1.0,
        late_turns=turns - kept,
        breached_turns=sum(moment.turns for moment, bad in zip(moments, broken, strict=True) if bad),
        goodput=kept / seconds if seconds else 0.0,
        offered=sum(moment.offered for moment in moments),
        rejected=sum(moment.rejected for moment in moments),
        dropped=sum(moment.dropped for moment in moments),
        failed_turns=failed,
        partition_hours=sum(moment.replica_hours for moment in moments),
        cost=sum(moment.cost for moment in moments),
        quality=sum(moment.quality * moment.turns for moment in moments) / answered if answered else 1.0,
        actions=actions,
        actions_per_hour=actions / run.seconds * 3600 if run.seconds else 0.0,
        actions_by=dict(run.actions),
        breaches=len(spells),
        breached_seconds=sum((end - since for since, end in spells), 0.0),
        longest_breach_seconds=max((end - since for since, end in spells), default=0.0),
    )


def late_shares(moments: tuple[Moment, ...], window_seconds: float) -> Floats:
    """Of the turns in the window that ends with each moment; not a number where there were none."""
    turns = np.cumsum([moment.turns + moment.failed for moment in moments])
    late = np.cumsum([moment.turns + moment.failed - moment.kept for moment in moments])
    ends = np.array([moment.at for moment in moments])
    before = np.searchsorted(ends, ends - window_seconds, side="right") - 1
    whole = turns - np.where(before >= 0, turns[before], 0)
    part = late - np.where(before >= 0, late[before], 0)
    shares: Floats = np.divide(part, whole, out=np.full(len(moments), np.nan), where=whole > 0)
    return shares


def broken_steps(moments: tuple[Moment, ...], allowed: float, window_seconds: float) -> NDArray[np.bool_]:
    """Where no turn ended in a window, the promise is as it was before."""
    if not moments:
        return np.zeros(0, dtype=np.bool_)
    shares = late_shares(moments, window_seconds)
    broken, was = np.zeros(len(moments), dtype=np.bool_), False
    for place, share in enumerate(shares.tolist()):
        was = broken[place] = was if np.isnan(share) else share > allowed + 1e-9
    return broken


def breaches(
    moments: tuple[Moment, ...], allowed: float, over_seconds: float = RECENT_SECONDS
) -> list[tuple[float, float]]:
    """When each began and when it was over, in seconds since the start; one that goes on ends with the run."""
    spells: list[tuple[float, float]] = []
    since: float | None = None
    for moment, bad in zip(moments, broken_steps(moments, allowed, over_seconds).tolist(), strict=True):
        if bad and since is None:
            since = moment.at
        elif not bad and since is not None:
            spells.append((since, moment.at))
            since = None
    if since is not None:
        spells.append((since, moments[-1].at))
    return spells


def recovery_seconds(run: Run, event_at: float, *, over_seconds: float = RECENT_SECONDS) -> float | None:
    """From the first breach after an event, such as a burst, to its end. 0: the event broke nothing. None: it is not over
    when the run ends."""
    later = tuple(moment for moment in run.moments if moment.at > event_at)
    spells = breaches(later, run.promise.allowed, over_seconds)
    if not spells:
        return 0.0
    since, end = spells[0]
    return None if later and end >= later[-1].at else end - since
