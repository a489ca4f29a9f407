"""What the model does not know: where turns take too long although the plan says that they should not, it is asked for more.

Bounded, and forgotten again: the bias of the predictions is learned slowly and well (estimating/bias.py), this is for the
minute until then.
"""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_policies.seeing.observation import Measured

MOST = 2.0
RISE, FALL = 1.25, 0.98
FEWEST_TURNS = 20.0
FRESH_SECONDS = 20.0
_COMFORTABLE = 0.9
"""Of the target: below it the pressure falls."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """What the load is multiplied by for planning."""

    factor: float = 1.0
    raised_at: float = float("-inf")


def pressed(
    pressure: Pressure,
    now: float,
    recent: Measured | None,
    share: float,
    target_ms: float | None,
    settle_seconds: float,
) -> Pressure:
    """Raised once in `settle_seconds`, the time in which a raise shows. `share`: of the turns that must keep the target.

    What is not known neither raises nor lowers it.
    """
    known = recent is not None and recent.durations is not None and recent.age_seconds <= FRESH_SECONDS
    if not known or target_ms is None or recent is None or recent.durations is None:
        return pressure
    if recent.durations.count < FEWEST_TURNS:
        return pressure
    observed = recent.durations.quantile(share)
    if observed is None:
        return pressure
    if observed > target_ms and now - pressure.raised_at >= settle_seconds:
        return Pressure(min(MOST, pressure.factor * RISE), now)
    if observed < _COMFORTABLE * target_ms:
        return Pressure(max(1.0, pressure.factor * FALL), pressure.raised_at)
    return pressure
