"""What a controller sees of a simulated world: as an operator would, late, in buckets, and with what fails."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from antiphon_crds.durations import parse_duration_seconds
from antiphon_policies.facts import AgentFacts
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen, StageSeen, StageWork
from antiphon_policies.simulating.groups import Group
from antiphon_policies.simulating.ledger import Buckets, Ledger, Rates, Window
from antiphon_policies.simulating.promises import promise_of
from antiphon_policies.simulating.replicas import Replica, Speeds
from antiphon_policies.simulating.scene import MetricsGone, MetricsLie, Scene
from antiphon_policies.simulating.stations import Streams

_RECENT_SECONDS = 30.0
_RATE_SECONDS = 60.0
_UTILISATION_SECONDS = 15.0
_UNKNOWN = (None, None, None)
_EARLY = 1e-6
_UNHEARD = "metrics could not be read"
_HONEST = MetricsLie(0.0, 0.0)
_INDICATORS = {"turn": "turn", "mouthToEar": "turn", "response": "response", "result": "response"}


@dataclass(frozen=True, slots=True)
class _Heard:
    """All metrics of one scrape. Ages are filled in when it is looked at."""

    at: float
    pods: Mapping[str, PodSeen]
    measured: Mapping[str, Measured]
    recent: Measured
    work: tuple[StageWork, ...]
    rates: tuple[float | None, ...]
    """Sessions offered and rejected, and turns, a second."""
    skew: float


class Eye:
    """Of one world. A scrape is seen `Scene.delay_seconds` after it was made."""

    def __init__(
        self, facts: AgentFacts, scene: Scene, ledger: Ledger, groups: Mapping[str, Group], speeds: Speeds
    ) -> None:
        self._facts, self._scene, self._ledger, self._groups, self._speeds = facts, scene, ledger, groups, speeds
        self._entries = frozenset((facts.entry,))
        recent = "response" if promise_of(facts).response else "turn"
        counted = {
            _INDICATORS[one.objective.indicator] for one in facts.objectives if one.objective.indicator in _INDICATORS
        }
        ledger.told = {name: Buckets(scene.bounds_ms) for name in sorted(counted | {recent})}
        stages = [one.objective.stage for one in facts.objectives if one.objective.stage is not None]
        self._stages = {stage: Buckets(scene.bounds_ms) for stage in stages}
        self._windows = dict(self._each_window())
        self._ratios = {
            one.objective.name: Rates(parse_duration_seconds(one.objective.window))
            for one in facts.objectives
            if one.objective.indicator in ledger.ratios()
        }
        self._recent = Window(ledger.told[recent], _RECENT_SECONDS)
        self._rates = Rates(_RATE_SECONDS)
        self._worked: dict[str, deque[tuple[float, tuple[float, ...]]]] = {}
        self._scraped_at = 0.0
        self._under_way: deque[tuple[float, _Heard | None]] = deque()
        """Scrapes that are not to be seen yet; None: there was nothing to be heard."""
        self._heard: _Heard | None = None
        self._honest: _Heard | None = None

    def _each_window(self) -> Iterator[tuple[str, Window]]:
        for effective in self._facts.objectives:
            objective = effective.objective
            seconds = parse_duration_seconds(objective.window)
            if objective.indicator in _INDICATORS:
                yield objective.name, Window(self._ledger.told[_INDICATORS[objective.indicator]], seconds)
            elif objective.indicator == "stage" and objective.stage in self._stages:
                yield objective.name, Window(self._stages[objective.stage], seconds)

    # --- hearing -------------------------------------------------------------------------------------------------

    def scrape(self, now: float) -> None:
        lie = self.lie(now)
        self._ledger.collect(lie.times)
        if any(isinstance(one, MetricsGone) and one.since <= now < one.until for one in self._scene.failures):
            self._under_way.append((now, None))
        elif lie.frozen and self._honest is not None:
            self._under_way.append((now, replace(self._honest, at=now, work=())))
        else:
            self._honest = self._all(now, lie)
            self._under_way.append((now, self._honest))

    def _all(self, now: float, lie: MetricsLie) -> _Heard:
        work = self._work(now, lie.times)
        ledger = self._ledger
        gained, covered = self._rates.look(now, (ledger.offered - ledger.before, ledger.rejected, ledger.answered))
        return _Heard(
            at=now,
            pods={pod.name: pod for group in self._groups.values() for pod in self._pods(now, group, lie)},
            measured=dict(self._measured(now)),
            recent=_measured(self._recent, now),
            work=work,
            rates=tuple(count / covered for count in gained) if covered > 0 else _UNKNOWN,
            skew=lie.skew_seconds,
        )

    def lie(self, now: float) -> MetricsLie:
        """The one that is told then; one of factors 1 where none is."""
        lies = (one for one in self._scene.failures if isinstance(one, MetricsLie))
        return next((one for one in lies if one.since <= now < one.until), _HONEST)

    def _work(self, now: float, factor: float) -> tuple[StageWork, ...]:
        seconds, self._scraped_at = now - self._scraped_at, now
        found = []
        for speed in self._speeds.values():
            if not speed.asked and not speed.took:
                continue
            tally = speed.tally(seconds)
            if speed.stage in self._stages:
                self._stages[speed.stage].add(tally.first_seconds * 1000 * factor)
            found.append(tally.work if factor == 1.0 else _lengthened(tally.work, factor))
        return tuple(found)

    def _measured(self, now: float) -> Iterator[tuple[str, Measured]]:
        for name, window in self._windows.items():
            yield name, _measured(window, now)
        ratios = self._ledger.ratios()
        for effective in self._facts.objectives:
            objective = effective.objective
            if objective.name in self._ratios:
                (part, whole), covered = self._ratios[objective.name].look(now, ratios[objective.indicator])
                yield objective.name, Measured(0.0, part=part, whole=whole, covered_seconds=covered)

    def _pods(self, now: float, group: Group, lie: MetricsLie) -> Iterator[PodSeen]:
        for number, replica in enumerate(group.replicas):
            if replica.ready and number >= lie.silent_pods:
                yield PodSeen(
                    name=replica.name,
                    group=group.facts.name,
                    ready=True,
                    sessions=None if lie.sessions is None else round(len(replica.sessions) * lie.sessions),
                    capacity=group.facts.max_sessions,
                    stages={
                        stage: StageSeen(station.speed.name, station.cap, station.waiting)
                        for stage, station in replica.stations.items()
                    },
                    gpu_utilisation=self._utilisation(now, replica),
                )

    def _utilisation(self, now: float, replica: Replica) -> float | None:
        """Share of the last seconds in which anything was computed."""
        stations = tuple(replica.stations.values())
        marks = self._worked.setdefault(replica.name, deque())
        marks.append((now, tuple(station.worked for station in stations)))
        while len(marks) > 2 and marks[1][0] <= now - _UTILISATION_SECONDS:
            marks.popleft()
        (then, before), (_, after) = marks[0], marks[-1]
        if now <= then:
            return None
        loads = [(is_now - was) / (now - then) for is_now, was in zip(after, before, strict=True)]
        if replica.group.shares_device:
            return min(1.0, sum(loads))
        idle = [
            float(np.exp(-load)) if isinstance(station, Streams) else max(0.0, 1 - load)
            for station, load in zip(stations, loads, strict=True)
        ]
        return float(1 - np.prod(idle))

    # --- looking -------------------------------------------------------------------------------------------------

    def look(self, now: float) -> Observation:
        new = self._arrived(now)
        self._heard = heard = new or self._heard
        at, replicas = self._scene.begins_at + now, {name: group.wanted for name, group in self._groups.items()}
        if heard is None or now - heard.at > self._scene.kept_seconds:
            pods = tuple(self._pods_unheard())
            return Observation(at=at, pods=pods, entries=self._entries, replicas=replicas, errors=(_UNHEARD,))
        age, is_fresh = now - heard.at + heard.skew, heard is new
        offered, rejected, turns = heard.rates if is_fresh else _UNKNOWN
        return Observation(
            at=at,
            source="simulator",
            pods=tuple(self._pods_heard(heard, age)),
            entries=self._entries,
            replicas=replicas,
            measured={name: _aged(one, age) for name, one in heard.measured.items()},
            recent=_aged(heard.recent, age),
            work=heard.work if is_fresh else (),
            arrivals_per_second=offered,
            rejected_per_second=rejected,
            turns_per_second=turns,
            errors=() if is_fresh else (_UNHEARD,),
        )

    def _arrived(self, now: float) -> _Heard | None:
        """The newest scrape that has come through."""
        new: _Heard | None = None
        while self._under_way and self._under_way[0][0] <= now - self._scene.delay_seconds + _EARLY:
            _, new = self._under_way.popleft()
        return new

    def _pods_unheard(self) -> Iterator[PodSeen]:
        """Kubernetes tells at once which there are."""
        for group in self._groups.values():
            for replica in group.replicas:
                yield PodSeen(replica.name, group.facts.name, replica.ready, replica.going, math.inf)

    def _pods_heard(self, heard: _Heard, age: float) -> Iterator[PodSeen]:
        for group in self._groups.values():
            for replica in group.replicas:
                known = heard.pods.get(replica.name)
                yield PodSeen(
                    name=replica.name,
                    group=group.facts.name,
                    ready=replica.ready,
                    going=replica.going,
                    age_seconds=math.inf if known is None else age,
                    sessions=known.sessions if known else None,
                    capacity=known.capacity if known else None,
                    stages=known.stages if known else {},
                    gpu_utilisation=known.gpu_utilisation if known else None,
                )


def _aged(one: Measured, age: float) -> Measured:
    return Measured(age, one.durations, one.part, one.whole, one.covered_seconds)


def _measured(window: Window, now: float) -> Measured:
    durations, covered = window.look(now)
    return Measured(0.0, durations=durations, covered_seconds=covered)


def _lengthened(work: StageWork, factor: float) -> StageWork:
    square = None if work.busy_square is None else work.busy_square * factor**2
    return replace(work, busy_ms=work.busy_ms * factor, busy_square=square, wait_ms=work.wait_ms * factor)
