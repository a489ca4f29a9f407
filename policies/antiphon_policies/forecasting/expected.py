"""Traffic that the spec foretells, as a floor under the forecast."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.sessions import ExpectedTraffic


def floor(traffic: Iterable[ExpectedTraffic], now: float, ahead_seconds: float) -> int:
    """Most sessions for which there must be places at some time from now on till then; 0 where nothing is foretold.

    Entries that overlap are not added up: each tells of all sessions of the agent.
    """
    return max((entry.sessions for entry in traffic if _falls_into(entry, now, now + ahead_seconds)), default=0)


def not_followed(traffic: Sequence[ExpectedTraffic]) -> list[str]:
    """What can't be followed, in words: it never begins, as a 31 February, or its time zone is not known here."""
    return [
        f"traffic '{entry.name}': '{entry.cron}' in {entry.time_zone} never begins, or the time zone is not known"
        for entry in traffic
        if entry.cron is not None and not _ever_begins(entry.cron, entry.time_zone)
    ]


def _falls_into(entry: ExpectedTraffic, start: float, end: float) -> bool:
    """Whether its time, the lead before it included, has a moment in common with [start, end]."""
    duration, lead = parse_duration_seconds(entry.duration), parse_duration_seconds(entry.lead)
    begins = _first_after(entry, start - duration)
    return begins is not None and begins - lead <= end


def _first_after(entry: ExpectedTraffic, after: float) -> float | None:
    if entry.at is not None:
        begins = datetime.fromisoformat(entry.at).timestamp()
        return begins if begins > after else None
    if entry.cron is None:
        return None
    return _begins_after(entry.cron, entry.time_zone, math.floor(after / 60))


@lru_cache(maxsize=1024)
def _ever_begins(cron: str, time_zone: str) -> bool:
    """Kept apart from what comes next, of which every minute has another answer."""
    return _begins_after(cron, time_zone, 0) is not None


@lru_cache(maxsize=8192)
def _begins_after(cron: str, time_zone: str, minute: int) -> float | None:
    """First begin after this minute since 1970. Cron lines begin on whole minutes, so one answer serves for all of it."""
    after = minute * 60
    try:
        moment = datetime.fromtimestamp(after, UTC).astimezone(ZoneInfo(time_zone))
        begins = (each.timestamp() for each in CronSim(cron, moment))
        return next((each for each in begins if each > after), None)
    except (CronSimError, ZoneInfoNotFoundError, ValueError):
        return None
