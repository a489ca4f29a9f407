"""Amounts of CPU and memory in the one form that the API server stores, so that it rewrites none of ours."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

_DECIMAL = ("", "k", "M", "G", "T", "P", "E")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_NUMBER = re.compile(r"[0-9.]+")


def cpu_quantity(cores: Decimal) -> str:
    """`0.5` -> `500m`, `24` -> `24`. Finer than a thousandth is rounded up, as the API server does."""
    thousandths = math.ceil(cores * 1000)
    return _largest(thousandths // 1000, 1000, _DECIMAL) if thousandths % 1000 == 0 else f"{thousandths}m"


def cpu_cores(quantity: str) -> Decimal:
    """`500m` -> `0.5`."""
    return Decimal(quantity[:-1]) / 1000 if quantity.endswith("m") else Decimal(quantity)


def memory_quantity(amount_bytes: int) -> str:
    """In powers of 1024 where it is a whole number of KiB, else in powers of 1000."""
    return _largest(amount_bytes, 1024, _BINARY) if amount_bytes % 1024 == 0 else _largest(amount_bytes, 1000, _DECIMAL)


def stored_memory(quantity: str) -> str:
    """A quantity as it was given: `1024Mi` -> `1Gi`, `9.5Gi` -> `9728Mi`, `20000M` -> `20G`."""
    number = _NUMBER.match(quantity)
    assert number is not None, quantity  # noqa: S101 (the contract's pattern begins with a digit)
    suffix = quantity[number.end() :]
    step, suffixes = (1024, _BINARY) if suffix in _BINARY[1:] else (1000, _DECIMAL)
    amount_bytes = math.ceil(Fraction(number[0]) * step ** suffixes.index(suffix))
    fits = step == 1000 or amount_bytes % 1024 == 0
    return _largest(amount_bytes, step, suffixes) if fits else _largest(amount_bytes, 1000, _DECIMAL)


def _largest(amount: int, step: int, suffixes: tuple[str, ...]) -> str:
    """With the largest suffix that leaves a whole number."""
    power = 0
    while amount and amount % step == 0 and power < len(suffixes) - 1:
        amount, power = amount // step, power + 1
    return f"{amount}{suffixes[power]}"
