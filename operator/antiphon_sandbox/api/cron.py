"""The schedules of CronJobs: five fields, or a name such as @hourly."""

from __future__ import annotations

import re

_FIELDS = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    (0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_NAMED = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_EVERY = re.compile(r"@every (\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+")
_RANGE = re.compile(r"(?P<all>[*?])|(?P<first>[0-9a-z]+)(-(?P<last>[0-9a-z]+))?")


class ScheduleError(ValueError):
    """It is no schedule; says why."""


def check_schedule(schedule: str) -> None:
    """ScheduleError unless it can be kept."""
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        raise ScheduleError("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    if schedule.startswith("@"):
        if schedule not in _NAMED and not _EVERY.fullmatch(schedule):
            raise ScheduleError(f"unrecognized descriptor: {schedule}")
        return
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    for text, (least, most, names) in zip(fields, _FIELDS, strict=True):
        for part in text.lower().split(","):
            _check_part(part, least, most, names)


def _check_part(part: str, least: int, most: int, names: tuple[str, ...]) -> None:
    span, slash, step = part.partition("/")
    match = _RANGE.fullmatch(span)
    if match is None:
        raise ScheduleError(f"failed to parse int from {span}: strconv.Atoi: parsing {span!r}: invalid syntax")
    if slash and (not step.isdecimal() or int(step) == 0):
        raise ScheduleError(f"step of range should be a positive number: {part}")
    if match["all"]:
        return
    first = _number(match["first"], least, names)
    last = _number(match["last"], least, names) if match["last"] else first
    if first < least:
        raise ScheduleError(f"beginning of range ({first}) below minimum ({least}): {part}")
    if last > most:
        raise ScheduleError(f"end of range ({last}) above maximum ({most}): {part}")
    if first > last:
        raise ScheduleError(f"beginning of range ({first}) beyond end of range ({last}): {part}")


def _number(text: str, least: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + least
    if not text.isdecimal():
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)
