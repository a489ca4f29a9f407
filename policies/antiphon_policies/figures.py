"""Figures as far as anybody knows them."""

from __future__ import annotations


def significant(value: float, digits: int = 3) -> float:
    """With so many significant digits. What is learned and measured never stands still: rounded, it does until it matters."""
    return float(f"{value:.{digits}g}")
