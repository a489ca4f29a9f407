"""What was found before: the same question, of any agent with the same facts, has the same answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

from antiphon_policies.facts import AgentFacts, ModeFacts, Setting, StageFacts
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
        if found is None and self._old:
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


@dataclass(frozen=True, slots=True)
class _Hashed:
    """A large key that is hashed once."""

    key: Key
    hashed: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hashed", hash(self.key))

    def __hash__(self) -> int:
        return self.hashed


class Tokens:
    """A number for each key, as it takes long to hash a large one again and again. No number is given twice."""

    def __init__(self, most: int) -> None:
        self._numbers = count(1)
        self._known: Memory[int] = Memory(most)

    def of(self, key: Key) -> int:
        hashed = (_Hashed(key),)
        found = self._known.get(hashed)
        if found is None:
            found = next(self._numbers)
            self._known.keep(hashed, found)
        return found


class TokensOfSame(Generic[Found]):
    """The same of objects that are given again and again: of the very same object no key is made anew."""

    def __init__(self, most: int, key: Callable[[Found], Key]) -> None:
        self._key = key
        self._known: Memory[tuple[Found, int]] = Memory(most)
        """By their address, as long as they are kept here."""

    def of(self, given: Found) -> int:
        known = self._known.get((id(given),))
        if known is None or known[0] is not given:
            known = (given, token_of(self._key(given)))
            self._known.keep((id(given),), known)
        return known[1]


_MOST = 1 << 12
_TOKENS = Tokens(_MOST)


def token_of(key: Key) -> int:
    return _TOKENS.of(key)


def stages_token(facts: AgentFacts) -> int:
    return _STAGES.of(facts.stages)


def modes_token(modes: tuple[ModeFacts, ...]) -> int:
    return _MODES.of(modes)


def objectives_token(facts: AgentFacts) -> int:
    return _OBJECTIVES.of(facts.objectives)


def key_of(ask: Ask, limits: Mapping[str, int]) -> Key:
    """All that the plan of an agent by itself follows from: not who it is, nor what goes first among agents."""
    facts, load = ask.facts, ask.load
    return (
        facts_token(facts),
        load.sessions,
        load.turns_per_second,
        ask.slack,
        runs_token(ask.current),
        tuple(ask.current.replicas.items()),
        None if ask.serving is None else tuple(ask.serving.items()),
        tuple(limits.items()),
    )


def facts_token(facts: AgentFacts) -> int:
    """The same for all agents that are planned alike."""
    return _FACTS.of(facts)


def _facts_key(facts: AgentFacts) -> Key:
    rails = facts.guardrails
    return (
        stages_token(facts),
        facts.groups,
        modes_token(facts.modes),
        objectives_token(facts),
        facts.actuators,
        rails.max_cost_per_hour,
        rails.min_headroom,
        facts.prefer,
        facts.duty_cycle,
        facts.scales,
    )


def runs_token(setting: Setting) -> int:
    """Of what every replica runs with, however many there are."""
    return _RUNS.of(setting)


def _runs_key(setting: Setting) -> Key:
    return setting.mode, tuple(setting.stages.items())


def _stages_key(stages: tuple[StageFacts, ...]) -> Key:
    return stages


def _modes_key(modes: tuple[ModeFacts, ...]) -> Key:
    return tuple((mode.name, mode.shape, tuple(mode.calls.items())) for mode in modes)


def _objectives_key(objectives: tuple[EffectiveObjective, ...]) -> Key:
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


_STAGES: TokensOfSame[tuple[StageFacts, ...]] = TokensOfSame(_MOST, _stages_key)
_MODES: TokensOfSame[tuple[ModeFacts, ...]] = TokensOfSame(_MOST, _modes_key)
_OBJECTIVES: TokensOfSame[tuple[EffectiveObjective, ...]] = TokensOfSame(_MOST, _objectives_key)
_RUNS: TokensOfSame[Setting] = TokensOfSame(_MOST, _runs_key)
_FACTS: TokensOfSame[AgentFacts] = TokensOfSame(_MOST, _facts_key)
