"""Figures as far as anybody knows them."""

from __future__ import annotations

import math
from collections.abc import Collection


def significant(value: float, digits: int = 3) -> float:
    """With so many significant digits. What is learned and measured never stands still: rounded, it does until it matters."""
    return float(f"{value:.{digits}g}")


def all_amounts(figures: Collection[float]) -> bool:
    """Whether all are numbers, none of them infinite or below 0. As a rule their sum says so, and one look at each is spared."""
    if figures and min(figures) >= 0 and math.isfinite(sum(figures)):
        return True
    return all(math.isfinite(figure) and figure >= 0 for figure in figures)
