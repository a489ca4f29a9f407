"""How long ago something was, in the words of kubectl."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

UNKNOWN = "<unknown>"
INVALID = "<invalid>"

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_YEAR = 365 * _DAY
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
ZERO_TIME = "0001-01-01T00:00:00Z"

# (below so many seconds, unit, smaller unit or nothing); a smaller unit of zero is left out
_STEPS: tuple[tuple[int, tuple[str, int], tuple[str, int] | None], ...] = (
    (2 * _MINUTE, ("s", 1), None),
    (10 * _MINUTE, ("m", _MINUTE), ("s", 1)),
    (3 * _HOUR, ("m", _MINUTE), None),
    (8 * _HOUR, ("h", _HOUR), ("m", _MINUTE)),
    (2 * _DAY, ("h", _HOUR), None),
    (8 * _DAY, ("d", _DAY), ("h", _HOUR)),
    (2 * _YEAR, ("d", _DAY), None),
    (8 * _YEAR, ("y", _YEAR), ("d", _DAY)),
)


def human_duration(elapsed: timedelta) -> str:
    """As duration.HumanDuration of k8s.io/apimachinery: two or three digits that matter."""
    seconds = int(elapsed.total_seconds())
    if seconds < -1:  # clocks may differ by that much
        return INVALID
    seconds = max(seconds, 0)
    for limit, unit, smaller in _STEPS:
        if seconds < limit:
            return _in_units(seconds, unit, smaller)
    return _in_units(seconds, ("y", _YEAR), None)


def _in_units(seconds: int, unit: tuple[str, int], smaller: tuple[str, int] | None) -> str:
    name, length = unit
    whole, rest = divmod(seconds, length)
    if smaller is None or rest < smaller[1]:
        return f"{whole}{name}"
    return f"{whole}{name}{rest // smaller[1]}{smaller[0]}"


@dataclass(frozen=True, slots=True)
class Since:
    """A cell that goes on with the clock: the age of a moment, within a template."""

    moment: str | None
    template: str = "{}"

    def at(self, now: datetime) -> str:
        return self.template.format(age(self.moment, now))


def age(moment: str | None, now: datetime) -> str:
    """The age of an RFC 3339 time; of none, `<unknown>`."""
    if not moment or moment == ZERO_TIME:
        return UNKNOWN
    if not _RFC3339.fullmatch(moment):
        return INVALID
    try:
        return human_duration(now - datetime.fromisoformat(moment))
    except ValueError:
        return INVALID
