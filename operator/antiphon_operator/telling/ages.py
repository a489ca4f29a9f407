"""How long ago something was, as kubectl words it."""

from __future__ import annotations

from datetime import datetime, timedelta

UNKNOWN = "<unknown>"

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_UNITS = (("d", _DAY), ("h", _HOUR), ("m", _MINUTE), ("s", 1))


def moment_of(text: object) -> datetime | None:
    """An RFC 3339 time; None where it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def age(text: object, now: datetime) -> str:
    """Age of an RFC 3339 time, such as 4m12s."""
    moment = moment_of(text)
    return UNKNOWN if moment is None else in_words(now - moment)


def in_words(elapsed: timedelta) -> str:
    """Its two largest units, or one where the second would not matter."""
    seconds = max(int(elapsed.total_seconds()), 0)
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    for index, (unit, length) in enumerate(_UNITS):
        whole, rest = divmod(seconds, length)
        if whole:
            return f"{whole}{unit}{_smaller(whole, rest, index)}"
    return "0s"


def _smaller(whole: int, rest: int, index: int) -> str:
    """What is left, in the next smaller unit: 4m12s, but 14m."""
    if whole >= 10 or index + 1 == len(_UNITS):
        return ""
    unit, length = _UNITS[index + 1]
    return f"{rest // length}{unit}" if rest >= length else ""
