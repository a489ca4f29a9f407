"""Durations and quantities as Kubernetes users write them: `500ms`, `90s`, `1h30m`; `200Mi`, `20Gi`."""

from __future__ import annotations

import re
from decimal import Decimal

DURATION_PATTERN = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
QUANTITY_PATTERN = r"^[1-9][0-9]*(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$"
CPU_PATTERN = r"^([1-9][0-9]*m?|[0-9]+\.[0-9]*[1-9])$"

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_BYTES = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip


def parse_duration_seconds(text: str) -> float:
    """`1h30m` -> 5400.0. Raises ValueError on anything that is no duration."""
    if not re.fullmatch(DURATION_PATTERN[1:-1], text):
        raise ValueError(f"{text!r} is no duration; write it like 500ms, 90s, 15m or 1h30m")
    return float(sum(Decimal(number) * _SECONDS[unit] for number, unit in _PART.findall(text)))


def parse_quantity_bytes(text: str) -> int:
    """`20Gi` -> 21474836480. Raises ValueError on anything that is no quantity of memory."""
    if not re.fullmatch(QUANTITY_PATTERN[1:-1], text):
        raise ValueError(f"{text!r} is no quantity of memory; write it like 200Mi or 20Gi")
    number = text.rstrip("KMGTki")
    return int(Decimal(number) * _BYTES[text[len(number) :]])


def parse_cpu_cores(text: str) -> float:
    """`500m` -> 0.5, `2` -> 2.0. Raises ValueError on anything that is no quantity of CPU."""
    if not re.fullmatch(CPU_PATTERN[1:-1], text):
        raise ValueError(f"{text!r} is no quantity of CPU; write it like 500m or 2")
    return float(Decimal(text[:-1]) / 1000) if text.endswith("m") else float(text)
