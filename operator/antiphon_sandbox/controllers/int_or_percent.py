"""Numbers that a spec may give as a whole number or as a share of another."""

from __future__ import annotations

from typing import Literal


def scaled(value: int | str, total: int, rounding: Literal["up", "down"]) -> int:
    """`3` or `"25%"` of `total`."""
    if isinstance(value, int):
        return value
    hundredths = int(value.removesuffix("%")) * total
    return -(-hundredths // 100) if rounding == "up" else hundredths // 100
