"""The memory of the guards from one tick to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from typing import TypeVar

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
from antiphon_policies.guarding.wishes import NO_WISHES, Levels, Wishes

_Target = tuple[Actuator, str]
_Kept = TypeVar("_Kept", bound=Sized)


def remember(scene: GuardScene, proposed: Sequence[Change], guarded: Guarded) -> GuardMemory:
    """After a tick. To be written to the agent's status before what has passed is carried out."""
    scene = _unbroken(scene)
    before, now = scene.memory, scene.now
    levels = _levels(scene)
    memory = replace(
        before,
        wishes=_wishes(scene, levels, proposed),
        levels=levels,
        ticked=now,
        seeing=_looked(scene),
        sightings=sighted(before.sightings, scene.seen.measured, now),
        actions=_still(before.actions, tuple(at for at in before.actions if now - at < HOUR_SECONDS)),
        settling=_still(before.settling, {key: until for key, until in before.settling.items() if until > now}),
        locks=_still(before.locks, tuple(lock for lock in before.locks if lock.remembered_until() > now)),
    )
    for change in guarded.passed:
        memory = _acted(memory, change, scene)
    return memory


def _unbroken(scene: GuardScene) -> GuardScene:
    """After a break, the agent is watched anew."""
    memory = scene.memory
    if memory.ticked is None or scene.now - memory.ticked <= BREAK_SECONDS:
        return scene
    return replace(scene, memory=replace(memory, since=scene.now, wishes={}, sightings={}))


def _levels(scene: GuardScene) -> Levels:
    """Of what runs."""
    facts, current, before = scene.facts, scene.current, scene.memory.levels
    if before is not None and before.of(facts, current):
        return before
    values = ((each, value_of(current, *each)) for each in targets(facts))
    return Levels(facts, current, {each: level(*each, value, facts) for each, value in values if value is not None})


def _wishes(scene: GuardScene, levels: Levels, proposed: Sequence[Change]) -> Mapping[_Target, Wishes]:
    """With what is wished for now; of what is not to be changed, that is what it is."""
    wished = dict(levels.by_target)
    for change in proposed:
        if not change.undoes and (change.actuator, change.target) in wished:
            wished[change.actuator, change.target] = level(change.actuator, change.target, change.after, scene.facts)
    stabilization, before = scene.rails.stabilization, scene.memory.wishes
    keep = max(WATCH_SECONDS, seconds(stabilization.up), seconds(stabilization.down))
    return {
        each: before.get(each, NO_WISHES).wished(scene.now, found, keep_seconds=keep) for each, found in wished.items()
    }


def _still(before: _Kept, now: _Kept) -> _Kept:
    """The very same where nothing has gone."""
    return before if len(now) == len(before) else now


def _looked(scene: GuardScene) -> Breaker:
    """A look that shows nothing is an error, where there is a pod to be seen; any other ends the errors in a row."""
    if scene.seen.source != "none":
        return Breaker()
    return scene.memory.seeing.failed(scene.now) if any(map(counts, scene.seen.pods)) else scene.memory.seeing


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
