"""Objectives in words."""

from __future__ import annotations

from antiphon_crds.policy import Objective


def in_words(objective: Objective) -> str:
    """What is promised, without its target: `p95 of turn`."""
    what = f"stage {objective.stage}" if objective.stage else objective.indicator
    if objective.mean:
        return f"mean of {what}"
    return f"p{objective.percentile:g} of {what}" if objective.percentile else what


def unit_of(objective: Objective) -> str:
    """ms, ratio or perSecond."""
    if objective.target_ms is not None:
        return "ms"
    return "ratio" if objective.max_ratio is not None else "perSecond"


def amount(value: float | None, unit: str) -> str:
    """A target or an observation with its unit, such as `412 ms` or `0.1 %`."""
    if value is None:
        return "unknown"
    if unit == "ratio":
        return f"{value * 100:.3g} %"
    return {"ms": f"{value:.0f} ms", "perSecond": f"{value:.3g} /s"}.get(unit, f"{value:g}")
