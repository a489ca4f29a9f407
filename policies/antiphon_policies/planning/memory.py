"""What was found before: the same question, of any agent with the same facts, has the same answer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import count
from typing import Generic, TypeVar

from antiphon_policies.facts import AgentFacts, ModeFacts
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.planning.asking import Ask

Found = TypeVar("Found")
Key = tuple[Hashable, ...]


class Memory(Generic[Found]):
    """Of twice so many answers at most. What was not asked for in the last so many new ones is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._new: dict[Key, Found] = {}
        self._old: dict[Key, Found] = {}

    def get(self, key: Key) -> Found | None:
        found = self._new.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.keep(key, found)
        return found

    def keep(self, key: Key, found: Found) -> None:
        if len(self._new) >= self._most:
            self._old, self._new = self._new, {}
        self._new[key] = found

    def forget(self) -> None:
        self._old, self._new = {}, {}


class Tokens:
    """A number for each key, as it takes long to hash a large one again and again. No number is given twice."""

    def __init__(self, most: int) -> None:
        self._numbers = count(1)
        self._known: Memory[int] = Memory(most)
        self._same: Memory[tuple[object, int]] = Memory(most)

    def of(self, key: Key) -> int:
        found = self._known.get(key)
        if found is None:
            found = next(self._numbers)
            self._known.keep(key, found)
        return found

    def of_same(self, key: Key) -> int:
        """The same; quicker where it is the very object that was asked for before."""
        known = self._same.get((id(key),))
        if known is None or known[0] is not key:
            known = (key, self.of(key))
            self._same.keep((id(key),), known)
        return known[1]


_TOKENS = Tokens(1 << 12)
_FACTS: Memory[tuple[AgentFacts, int]] = Memory(1 << 12)
"""By their address, as long as they are kept here."""


def token_of(key: Key) -> int:
    return _TOKENS.of(key)


def stages_token(facts: AgentFacts) -> int:
    return _TOKENS.of_same(facts.stages)


def key_of(ask: Ask, limits: Mapping[str, int]) -> Key:
    """All that the plan of an agent by itself follows from: not who it is, nor what goes first among agents."""
    facts, load, current = ask.facts, ask.load, ask.current
    return (
        facts_token(facts),
        load.sessions,
        load.turns_per_second,
        ask.slack,
        current.mode,
        tuple(current.stages.items()),
        tuple(current.replicas.items()),
        None if ask.serving is None else tuple(ask.serving.items()),
        tuple(limits.items()),
    )


def facts_token(facts: AgentFacts) -> int:
    """The same for all agents that are planned alike."""
    known = _FACTS.get((id(facts),))
    if known is None or known[0] is not facts:
        known = (facts, _token_of(facts))
        _FACTS.keep((id(facts),), known)
    return known[1]


def _token_of(facts: AgentFacts) -> int:
    rails = facts.guardrails
    return token_of(
        (
            stages_token(facts),
            facts.groups,
            modes_key(facts.modes),
            objectives_key(facts.objectives),
            facts.actuators,
            rails.max_cost_per_hour,
            rails.min_headroom,
            facts.prefer,
            facts.duty_cycle,
            facts.scales,
        )
    )


def modes_key(modes: tuple[ModeFacts, ...]) -> Key:
    return tuple((mode.name, mode.shape, tuple(mode.calls.items())) for mode in modes)


def objectives_key(objectives: tuple[EffectiveObjective, ...]) -> Key:
    return tuple(
        (
            one.objective.name,
            one.objective.indicator,
            one.objective.stage,
            one.objective.percentile,
            one.planning_target_ms,
        )
        for one in objectives
    )
