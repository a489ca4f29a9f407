"""Answers to the queries of searches: those that were found before, and the others computed all at once.

What a query asks depends on the sessions of the fullest replicas, and not on how many replicas there are besides: so what was
found for one load is known for many others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from antiphon_policies.planning.choices import REACH, Choices
from antiphon_policies.planning.fleet import Fleet, Levels, fleet_of, levels_of
from antiphon_policies.planning.judging import KEPT
from antiphon_policies.planning.memory import Key, Memory, modes_token, objectives_token, stages_token, token_of
from antiphon_policies.planning.searching import Query
from antiphon_policies.predicting.turn import sessions_of_fullest

_ANSWERS: Memory[tuple[Any]] = Memory(1 << 15)
_BOUNDS: Memory[tuple[Any]] = Memory(1 << 9)
"""Apart, as they are large."""
_ASKED: Memory[bool] = Memory(1 << 12)
"""Agents, by their token, that were searched for before."""
_LEVELS: Memory[tuple[Levels, ...]] = Memory(1 << 12)
"""By the same token."""


class Fleets:
    """Agents as arrays, of those for which something must be computed."""

    def __init__(self, choices: Sequence[Choices]) -> None:
        self.choices = choices
        self.tokens = [facts_token(each) for each in choices]
        self.levels = [_levels_of(*each) for each in zip(choices, self.tokens, strict=True)]
        self._fleet: Fleet | None = None
        self._places: dict[int, int] = {}

    def with_all(self, agents: set[int]) -> tuple[Fleet, dict[int, int]]:
        """And the place of each in it. There may be more in it."""
        if self._fleet is None or not agents <= self._places.keys():
            return self._made(sorted(agents | self._places.keys()))
        return self._fleet, self._places

    def of(self, agents: list[int]) -> Fleet:
        """Of these agents alone, in their order."""
        fleet, places = self.with_all(set(agents))
        return fleet.only([places[agent] for agent in agents])

    def _made(self, agents: list[int]) -> tuple[Fleet, dict[int, int]]:
        self._fleet = fleet_of([self.choices[one] for one in agents], [self.levels[one] for one in agents])
        self._places = {agent: place for place, agent in enumerate(agents)}
        return self._fleet, self._places


def facts_token(choices: Choices) -> int:
    """Of all that times and promises follow from, but for the sessions of each replica."""
    ask = choices.ask
    return token_of(
        (
            stages_token(ask.facts),
            tuple((stage.variants, stage.cap) for stage in choices.stages),
            tuple((group.facts.name, group.facts.shares_device) for group in choices.groups),
            modes_token(choices.modes),
            objectives_token(ask.facts),
            ask.slack,
            choices.load.turns_per_second,
            ask.facts.duty_cycle,
        )
    )


def _levels_of(choices: Choices, token: int) -> tuple[Levels, ...]:
    found = _LEVELS.get((token,))
    if found is None:
        found = levels_of(choices)
        _LEVELS.keep((token,), found)
    return found


def crowds(choices: Choices, sessions: float, replicas: Sequence[int]) -> tuple[float, ...]:
    """Sessions of the fullest replica of each group, as it is predicted."""
    return tuple(sessions_of_fullest(sessions, count) for count in choices.predicted(replicas))


class Known:
    """What is known of one agent's queries."""

    def __init__(self, choices: Choices, token: int) -> None:
        self._choices, self._token = choices, token
        stages = choices.ask.current.stages
        self._now = tuple(stages.get(stage.facts.stage) for stage in choices.stages)
        self._most = [group.facts.max_sessions or math.inf for group in choices.groups]
        self._often = len(choices.groups) == 1 and _ASKED.get((token,)) is not None
        _ASKED.keep((token,), True)

    def key(self, query: Query) -> Key | None:
        """None: not worth remembering, as the limit is the agent's own."""
        if query.limit != KEPT:
            return None
        member, sessions = query.member, self._choices.load.sessions
        replicas = self._choices.predicted(query.replicas)
        admitted = all(
            sessions / (most * (count or 1)) <= KEPT for most, count in zip(self._most, replicas, strict=True)
        )
        mode, level = (0, None) if member is None else (member.mode, member.level)
        now = self._now if query.kind == "best" else None
        return (
            self._token,
            query.kind,
            mode,
            level,
            now,
            admitted,
            *(sessions_of_fullest(sessions, count) for count in replicas),
        )

    def beside(self, query: Query, count: int) -> Iterator[tuple[Key, Query]]:
        """The same asked for some sessions more and fewer on the fullest replica, so many times, of an agent that was asked
        for before under another load."""
        if count <= 0 or not self._often or query.limit != KEPT or query.kind not in ("fits", "best"):
            return
        sessions = self._choices.load.sessions
        here = sessions_of_fullest(sessions, self._choices.predicted(query.replicas)[0])
        for crowd in (here + sign * step for step in range(1, (count + 1) // 2 + 1) for sign in (1, -1)):
            if 1 <= crowd <= REACH * sessions:
                other = replace(query, replicas=(sessions / crowd,))
                key = self.key(other)
                if key is not None and remembered(other, key) is None:
                    yield key, other


def remembered(query: Query, key: Key) -> tuple[Any] | None:
    """The answer."""
    return (_BOUNDS if query.kind == "bounds" else _ANSWERS).get(key)


def remember(query: Query, key: Key, answer: tuple[Any]) -> None:
    if query.limit == KEPT:
        (_BOUNDS if query.kind == "bounds" else _ANSWERS).keep(key, answer)


def forget() -> None:
    _ANSWERS.forget()
    _BOUNDS.forget()
    _ASKED.forget()
    _LEVELS.forget()
