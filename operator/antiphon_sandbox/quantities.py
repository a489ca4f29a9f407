"""Amounts of resources, such as `500m` or `1Gi`: their value, and the one way in which Kubernetes writes each."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_PATTERN = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(|[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_BINARY_SUFFIX = {power: suffix for suffix, power in _BINARY.items()}
_SAYS = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

Amount = str | int | float


@lru_cache(maxsize=4096)
def amount_of(quantity: Amount) -> Fraction:
    """The exact value, rounded up to 10^-9. ValueError when it is no quantity."""
    amount, _ = _parsed(str(quantity))
    return amount


@lru_cache(maxsize=4096)
def canonical(quantity: Amount) -> str:
    """The quantity as Kubernetes stores it: `0.5` is `500m`, `1024Mi` is `1Gi`."""
    amount, suffix = _parsed(str(quantity))
    if suffix in _BINARY and abs(amount) >= 1024 and amount.denominator == 1:
        return _binary(amount.numerator)
    exponent, mantissa = _decimal(amount)
    if suffix[:1] in ("e", "E") and suffix != "E":
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}"


def _parsed(text: str) -> tuple[Fraction, str]:
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(_SAYS)
    sign, digits, suffix = match.groups()
    amount = Fraction(digits) * _unit(suffix)
    amount = Fraction(-(-amount * 10**9 // 1), 10**9)
    return (-amount if sign == "-" else amount), suffix


def _unit(suffix: str) -> Fraction:
    if suffix in _DECIMAL:
        return Fraction(10) ** _DECIMAL[suffix]
    if suffix in _BINARY:
        return Fraction(1024) ** _BINARY[suffix]
    exponent = int(suffix[1:])
    if abs(exponent) > 30:
        raise ValueError(_SAYS)
    return Fraction(10) ** exponent


def _binary(whole: int) -> str:
    power = 0
    while whole % 1024 == 0 and power < 6:
        whole, power = whole // 1024, power + 1
    return f"{whole}{_BINARY_SUFFIX[power] if power else ''}"


def _decimal(amount: Fraction) -> tuple[int, int]:
    """The largest power of a thousand that leaves a whole number, and this number."""
    if amount == 0:
        return 0, 0
    exponent, mantissa = -9, int(amount * 10**9)
    while mantissa % 1000 == 0 and exponent < 18:
        mantissa, exponent = mantissa // 1000, exponent + 3
    return exponent, mantissa
