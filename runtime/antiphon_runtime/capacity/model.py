"""How many sessions fit: every device keeps a margin, and calls wait no longer than a turn allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from antiphon_crds.stages import Stage
from antiphon_runtime.capacity.habits import Habits
from antiphon_runtime.capacity.waiting import p95_wait_seconds
from antiphon_runtime.capacity.work import Device, StageWork

MARGIN = 0.7
"""Share of a device that sessions may take on average; the rest is for chance and for what a pod does besides."""
MOST_SESSIONS = 10_000
_USUAL_LONGEST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS: dict[Stage, float] = {"vad": 0.032, "diarization": 1.0}
"""For 95 % of calls: a frame must be judged before the next one, a turn must not feel slow."""


@dataclass(frozen=True, slots=True)
class Capacity:
    sessions: int
    """At least 1."""
    binding: str
    """What one session more would be too much for, in words."""
    is_too_slow: bool = False
    """Even one session is too much; it is let in all the same, and will be slow."""


def capacity_of(
    works: Sequence[StageWork], habits: Habits, *, cores: float, margin: float = MARGIN, most: int = MOST_SESSIONS
) -> Capacity:
    """`cores`: those that all stages share. Whatever becomes slower or busier never raises the capacity."""
    used = [work for work in works if not work.is_free]

    def obstacle(sessions: int) -> str | None:
        return next(_obstacles(used, habits, sessions, cores=cores, margin=margin), None)

    sessions = _largest(lambda count: obstacle(count) is None, most)
    return Capacity(
        max(sessions, 1),
        obstacle(sessions + 1) or "nothing that was measured",
        is_too_slow=sessions == 0,
    )


def _largest(fits: Callable[[int], bool], most: int) -> int:
    """By halving; what fits for many fits for fewer."""
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _obstacles(
    works: Sequence[StageWork], habits: Habits, sessions: int, *, cores: float, margin: float
) -> Iterator[str]:
    own_cores = sessions * habits.own_cores / cores
    shares = {work.stage: sessions * _cores_share(work, habits, cores) for work in works}
    if own_cores + sum(shares.values()) > margin:
        yield _dearest(works, shares, own_cores, habits, cores)
    for devices in ([work for work in works if work.device == "gpu"], *([work] for work in works)):
        loads = {work.stage: sessions * _load(work, habits) for work in devices}
        if sum(loads.values()) > margin:
            yield _in_words(max(devices, key=lambda work: loads[work.stage]), habits, cores)
    yield from _waits(works, habits, sessions, own_cores + sum(shares.values()), shares)


def _cores_share(work: StageWork, habits: Habits, cores: float) -> float:
    """Of all cores, for one session."""
    return _load(work, habits) * work.cores / cores


def _load(work: StageWork, habits: Habits) -> float:
    """Share of time in which the stage works for one session."""
    return habits.calls_a_second(work.stage) * work.seconds_when_full


def _dearest(works: Iterable[StageWork], shares: dict[Stage, float], own: float, habits: Habits, cores: float) -> str:
    dearest = max(works, key=lambda work: shares[work.stage], default=None)
    if dearest is None or shares[dearest.stage] < own:
        return f"the sessions themselves: {habits.own_cores:g} of {cores:g} cores each"
    return _in_words(dearest, habits, cores)


def _in_words(work: StageWork, habits: Habits, cores: float) -> str:
    busy = f"{work.cores:.2g} of {cores:g} cores" if work.cores < 0.95 * cores else f"{cores:g} cores"
    names: dict[Device, str] = {"cpu": busy, "gpu": "the GPU", "own": "its own time"}
    if work.stage == "vad":
        return f"vad: {work.seconds_when_full * 1000:.2g} ms of {names[work.device]} a frame"
    seconds = work.seconds_when_full * habits.calls_a_turn(work.stage)
    return f"{work.stage}: {seconds:.2g} s of {names[work.device]} a turn"


def _waits(
    works: Sequence[StageWork], habits: Habits, sessions: int, load: float, shares: dict[Stage, float]
) -> Iterator[str]:
    on_gpu = {work.stage: sessions * _load(work, habits) for work in works if work.device == "gpu"}
    for work in works:
        others = load - shares[work.stage] if work.device == "cpu" else 0.0
        if work.device == "gpu":
            others = sum(on_gpu.values()) - on_gpu[work.stage]
        slowed = 1 / (1 - others) if others < 1 else math.inf
        wait = p95_wait_seconds(work, sessions * habits.calls_a_second(work.stage), slowed)
        if wait > _LONGEST_WAIT_SECONDS.get(work.stage, _USUAL_LONGEST_WAIT_SECONDS):
            yield f"{work.stage}: one call in twenty would wait {wait:.2g} s for it"
