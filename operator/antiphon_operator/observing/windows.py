"""What an agent's pods have counted over the last windows, from what each of them told at each scrape."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from antiphon_operator.observing.exposition import Page, RawKey
from antiphon_operator.observing.series import WORK, SeriesKey, Vector
from antiphon_operator.pods.known import PodKey

_PRECISION = 20
"""Snapshots lie no more than this part of their age apart, or one look: a window is at most 5 % longer than asked for."""

_MOST_SERIES = 5000
"""Of an agent. One has dozens; a pod that makes up labels must not fill us."""


@dataclass(frozen=True, slots=True)
class Grown:
    """What came in one window."""

    seconds: float
    """That the window was seen: less than asked for after a start, and up to 5 % more later."""
    series: Mapping[SeriesKey, Vector]


@dataclass(slots=True)
class _Pod:
    uid: str
    """Of the pod, so that one of the same name is another one."""
    fresh: bool
    """It was born while we watched: all that it tells is new."""
    last: dict[RawKey, tuple[SeriesKey, Vector]] | None = None


@dataclass(slots=True)
class _Snapshot:
    at: float
    totals: dict[SeriesKey, Vector]


@dataclass(slots=True)
class AgentWindows:
    """Of one agent. Times are seconds of one clock that never jumps.

    What pods count is added up in totals that outlive them: a pod that is gone keeps what it told.
    """

    _pods: dict[PodKey, _Pod] = field(default_factory=dict)
    _totals: dict[SeriesKey, Vector] = field(default_factory=dict)
    _snapshots: list[_Snapshot] = field(default_factory=list)
    _work: tuple[float, dict[SeriesKey, Vector]] | None = None
    _has_looked: bool = False

    def attend(self, pods: Mapping[PodKey, str]) -> None:
        """These are the pods that live, with their uids."""
        for gone in [key for key, pod in self._pods.items() if pods.get(key) != pod.uid]:
            del self._pods[gone]
        for key, uid in pods.items():
            if key not in self._pods:
                self._pods[key] = _Pod(uid, fresh=self._has_looked)
        self._has_looked = True

    def begin_anew(self) -> None:
        """What was not seen for too long can't be put at its time: from here on is counted."""
        self._snapshots.clear()
        self._totals.clear()
        self._work = None
        for pod in self._pods.values():
            pod.fresh, pod.last = False, None

    def take(self, key: PodKey, page: Page) -> None:
        """One that is not attended to is ignored."""
        pod = self._pods.get(key)
        if pod is None:
            return
        if len(self._totals) > _MOST_SERIES:
            self.begin_anew()
        before = pod.last
        if before is None and pod.fresh:
            before = {}
        pod.last = {**(before or {}), **page.series} if len(before or ()) < _MOST_SERIES else dict(page.series)
        if before is not None:
            for raw, (series, now) in page.series.items():
                self._add(series, _growth(before.get(raw), series, now))
        else:
            for series, now in page.series.values():
                self._totals.setdefault(series, (0.0,) * len(now))

    def snapshot(self, at: float, longest_seconds: float, kept: Collection[str]) -> None:
        """After the pages of a look: of it are kept the totals of these, for windows up to so long."""
        totals = {series: total for series, total in self._totals.items() if series.what in kept}
        self._snapshots.append(_Snapshot(at, totals))
        self._thin(at, longest_seconds)

    def grown(self, window_seconds: float) -> Grown | None:
        """Until the last snapshot. None: there is no time between two of them yet."""
        if len(self._snapshots) < 2:
            return None
        last = self._snapshots[-1]
        begin = last.at - window_seconds
        base = next((each for each in reversed(self._snapshots[:-1]) if each.at <= begin), self._snapshots[0])
        if last.at <= base.at:
            return None
        series = {key: _less(total, base.totals.get(key)) for key, total in last.totals.items()}
        return Grown(last.at - base.at, series)

    def take_work(self, at: float) -> Grown | None:
        """What of the work of stages came since this was last asked."""
        before = self._work
        totals = {series: total for series, total in self._totals.items() if series.what in WORK}
        self._work = at, totals
        if before is None or at <= before[0]:
            return None
        return Grown(at - before[0], {key: _less(total, before[1].get(key)) for key, total in totals.items()})

    @property
    def last_at(self) -> float | None:
        return self._snapshots[-1].at if self._snapshots else None

    @property
    def snapshots(self) -> int:
        return len(self._snapshots)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _add(self, series: SeriesKey, growth: Vector) -> None:
        known = self._totals.get(series)
        if known is None:
            self._totals[series] = growth
        elif any(growth):
            self._totals[series] = tuple([total + more for total, more in zip(known, growth, strict=True)])

    def _thin(self, now: float, longest_seconds: float) -> None:
        """One of two neighbours goes where the gap that it leaves is small for its age; one beyond the longest stays."""
        shots = self._snapshots
        while len(shots) > 2 and shots[1].at <= now - longest_seconds:
            del shots[0]
        kept = shots[:1]
        for index in range(1, len(shots) - 1):
            gap = shots[index + 1].at - kept[-1].at
            if gap > (now - shots[index + 1].at) / _PRECISION:
                kept.append(shots[index])
        self._snapshots = [*kept, shots[-1]] if len(shots) > 1 else kept


def _growth(before: tuple[SeriesKey, Vector] | None, series: SeriesKey, now: Vector) -> Vector:
    """Counters that fell began anew at 0, and so did a histogram with other buckets."""
    if before is None or before[0] != series:
        return now
    then = before[1]
    if then == now:
        return (0.0,) * len(now)
    growth = [after - earlier for after, earlier in zip(now, then, strict=True)]
    return tuple(growth) if min(growth) >= 0 else now


def _less(total: Vector, base: Vector | None) -> Vector:
    if base is None or base is total:
        return total if base is None else (0.0,) * len(total)
    return tuple([after - before for after, before in zip(total, base, strict=True)])
