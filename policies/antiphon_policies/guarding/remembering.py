"""The memory of the guards from one tick to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from antiphon_crds.stages import Actuator
from antiphon_policies.guarding.changes import Change, Guarded
from antiphon_policies.guarding.difference import targets
from antiphon_policies.guarding.indicating import reading
from antiphon_policies.guarding.levels import level, value_of
from antiphon_policies.guarding.memory import (
    BREAK_SECONDS,
    MOST_LOCKS,
    MOST_PENDING,
    GuardMemory,
    settling_key,
)
from antiphon_policies.guarding.records import HOUR_SECONDS, Breaker, Lock, Pending, lock_seconds
from antiphon_policies.guarding.rules.settling import effect_seconds
from antiphon_policies.guarding.rules.steadying import WATCH_SECONDS
from antiphon_policies.guarding.sanity import sighted
from antiphon_policies.guarding.scene import GuardScene, counts
from antiphon_policies.guarding.spans import seconds
from antiphon_policies.guarding.wishes import Wishes


def remember(scene: GuardScene, proposed: Sequence[Change], guarded: Guarded) -> GuardMemory:
    """After a tick. To be written to the agent's status before what has passed is carried out."""
    memory = with_wishes(_unbroken(scene), proposed)
    memory = replace(
        memory,
        ticked=scene.now,
        seeing=_looked(scene),
        sightings=sighted(memory.sightings, scene.seen.measured, scene.now),
    )
    memory = _forgotten(memory, scene.now)
    for change in guarded.passed:
        memory = _acted(memory, change, scene)
    return memory


def _unbroken(scene: GuardScene) -> GuardScene:
    """After a break, the agent is watched anew."""
    memory = scene.memory
    if memory.ticked is None or scene.now - memory.ticked <= BREAK_SECONDS:
        return scene
    return replace(scene, memory=replace(memory, since=scene.now, wishes={}, sightings={}))


def with_wishes(scene: GuardScene, proposed: Sequence[Change]) -> GuardMemory:
    """With what is wished for now; of what is not to be changed, that is what it is."""
    wanted = {(change.actuator, change.target): change.after for change in proposed if not change.undoes}
    stabilization = scene.rails.stabilization
    keep = max(WATCH_SECONDS, *(seconds(window) for window in (stabilization.up, stabilization.down)))
    wishes: dict[tuple[Actuator, str], Wishes] = {}
    for actuator, target in targets(scene.facts):
        value = wanted.get((actuator, target), value_of(scene.current, actuator, target))
        if value is not None:
            before = scene.memory.wishes.get((actuator, target), Wishes())
            wishes[actuator, target] = before.wished(
                scene.now, level(actuator, target, value, scene.facts), keep_seconds=keep
            )
    return replace(scene.memory, wishes=wishes)


def _looked(scene: GuardScene) -> Breaker:
    """A look that shows nothing is an error, where there is a pod to be seen; any other ends the errors in a row."""
    if scene.seen.source != "none":
        return Breaker()
    return scene.memory.seeing.failed(scene.now) if any(map(counts, scene.seen.pods)) else scene.memory.seeing


def _forgotten(memory: GuardMemory, now: float) -> GuardMemory:
    """Without what can't matter any more."""
    return replace(
        memory,
        actions=tuple(at for at in memory.actions if now - at < HOUR_SECONDS),
        settling={key: until for key, until in memory.settling.items() if until > now},
        locks=tuple(lock for lock in memory.locks if lock.remembered_until() > now),
    )


def _acted(memory: GuardMemory, change: Change, scene: GuardScene) -> GuardMemory:
    key = settling_key(change.actuator, change.target)
    until = scene.now + effect_seconds(change, scene)
    memory = replace(
        memory,
        actions=(*memory.actions, scene.now),
        settling={**memory.settling, key: max(until, memory.settling.get(key, 0.0))},
        acting=memory.acting.trying(scene.now),
        seeing=memory.seeing.trying(scene.now),
    )
    return _undone(memory, change, scene.now) if change.undoes else _awaiting(memory, change, scene)


def _awaiting(memory: GuardMemory, change: Change, scene: GuardScene) -> GuardMemory:
    """An older decision about the same thing can't be judged any more."""
    told = reading(scene)
    pending = Pending(
        at=round(scene.now, 3),
        due=scene.now + effect_seconds(change, scene),
        change=change,
        load=scene.load,
        was_ms=told.value_ms if told else None,
        was_most_ms=told.most_ms if told else None,
    )
    others = [one for one in memory.pending if not _same(one.change, change)]
    return replace(memory, pending=(*others, pending)[-MOST_PENDING:])


def _undone(memory: GuardMemory, change: Change, now: float) -> GuardMemory:
    """The decision is settled, and locked."""
    undone = next((one for one in memory.pending if one.id == change.undoes), None)
    memory = memory.without_pending({change.undoes})
    return memory if undone is None else replace(memory, locks=_locked(memory.locks, undone.change, now))


def _locked(locks: Iterable[Lock], change: Change, now: float) -> tuple[Lock, ...]:
    same = [lock for lock in locks if (*_what(lock), lock.after) == (*_what(change), change.after)]
    others = [lock for lock in locks if lock not in same]
    times = max((lock.times for lock in same), default=0) + 1
    until = now + lock_seconds(times)
    lock = Lock(change.actuator, change.target, change.after, change.direction, until, times)
    return (*others, lock)[-MOST_LOCKS:]


def _what(one: Lock | Change) -> tuple[Actuator, str]:
    return one.actuator, one.target


def _same(one: Change, other: Change) -> bool:
    return _what(one) == _what(other)
