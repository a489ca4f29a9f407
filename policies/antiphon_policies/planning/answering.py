"""Runs many searches side by side: the queries of all of them are answered at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from antiphon_policies.planning.bounding import Member, bounds_of
from antiphon_policies.planning.choices import Choices
from antiphon_policies.planning.combining import Found, Narrowed, best, fitting, narrowed, nearest
from antiphon_policies.planning.fleet import Fleet, Floats
from antiphon_policies.planning.judging import KEPT
from antiphon_policies.planning.knowing import Fleets, Known, remember, remembered
from antiphon_policies.planning.memory import Key
from antiphon_policies.planning.options import Rows
from antiphon_policies.planning.searching import Choice, Combination, Pace, Query, Search, Searching

_Asked = list[tuple[int, Query]]
"""Agent and query."""


_AT_LEISURE = 48
"""Queries of all searches together for which it takes hardly longer than for one."""
_BESIDE = 96
"""The same, of queries that are answered before they are asked."""


def searched(fleets: Fleets) -> list[Choice]:
    """Each agent's choice."""
    pace = Pace()
    return _run(fleets, pace, [each.run() for each in _searches(fleets, pace)])


def least_costs(fleets: Fleets) -> list[float | None]:
    """Of an hour, of each agent's choice; None where nothing keeps its promises."""
    pace = Pace()
    return _run(fleets, pace, [each.cost(KEPT) for each in _searches(fleets, pace)])


def possible(choices: Sequence[Choices]) -> list[bool]:
    """Whether each may keep its promises at all."""
    pace, fleets = Pace(), Fleets(choices)
    return _run(fleets, pace, [each.possible(KEPT) for each in _searches(fleets, pace)])


def _searches(fleets: Fleets, pace: Pace) -> list[Searching]:
    return [Searching(each, levels, pace) for each, levels in zip(fleets.choices, fleets.levels, strict=True)]


def _run(fleets: Fleets, pace: Pace, searches: Sequence[Search]) -> list[Any]:
    """What each search returns."""
    found: dict[int, Any] = {}
    known = [Known(each, token) for each, token in zip(fleets.choices, fleets.tokens, strict=True)]
    pace.width = max(1, _AT_LEISURE // max(1, len(searches)))
    waiting = {agent: next(search) for agent, search in enumerate(searches)}
    while waiting:
        pace.width = max(1, _AT_LEISURE // len(waiting))
        asked = [(agent, query) for agent, queries in waiting.items() for query in queries]
        answers = _looked_up(fleets, known, asked)
        begin, still = 0, {}
        for agent, queries in waiting.items():
            try:
                still[agent] = searches[agent].send(answers[begin : begin + len(queries)])
            except StopIteration as ended:
                found[agent] = ended.value
            begin += len(queries)
        waiting = still
    return [found[agent] for agent in range(len(searches))]


def _looked_up(fleets: Fleets, known: Sequence[Known], asked: _Asked) -> list[Any]:
    """What is not known yet is computed; once, if several ask the same."""
    keys = [known[agent].key(query) or (place,) for place, (agent, query) in enumerate(asked)]
    found = [remembered(query, key) for (_, query), key in zip(asked, keys, strict=True)]
    new = {key: each for key, each, answer in zip(keys, asked, found, strict=True) if answer is None}
    if new:
        told = _computed(fleets, {**_beside(known, new), **new})
        found = [told[key] if answer is None else answer for key, answer in zip(keys, found, strict=True)]
    return [answer[0] for answer in found if answer is not None]


def _beside(known: Sequence[Known], new: Mapping[Key, tuple[int, Query]]) -> dict[Key, tuple[int, Query]]:
    """What is likely to be asked next: while few ask, it takes hardly longer to answer that too."""
    room = _BESIDE // len(new) - 1
    return {key: (agent, other) for agent, query in new.values() for key, other in known[agent].beside(query, room)}


def _computed(fleets: Fleets, new: Mapping[Key, tuple[int, Query]]) -> dict[Key, tuple[Any]]:
    fleet, places = fleets.with_all({agent for agent, _ in new.values()})
    with np.errstate(all="ignore"):
        answers = _answered(fleet, [(places[agent], query) for agent, query in new.values()])
    told = {key: (answer,) for key, answer in zip(new, answers, strict=True)}
    for key, (_, query) in new.items():
        remember(query, key, told[key])
    return told


def _answered(fleet: Fleet, asked: _Asked) -> list[Any]:
    answers: list[Any] = [None] * len(asked)
    for kind, answer in _ANSWERS.items():
        places = [place for place, (_, query) in enumerate(asked) if query.kind == kind]
        if places:
            for place, found in zip(places, answer(fleet, [asked[place] for place in places]), strict=True):
                answers[place] = found
    return answers


def _bounds(fleet: Fleet, asked: _Asked) -> list[Any]:
    agent = np.array([agent for agent, _ in asked])
    return bounds_of(fleet, agent, _replicas(fleet, asked), np.array([query.limit for _, query in asked]))


def _fits(fleet: Fleet, asked: _Asked) -> list[Any]:
    return [bool(fits) for fits in fitting(_narrowed(fleet, asked))]


def _best(fleet: Fleet, asked: _Asked) -> list[Any]:
    narrow = _narrowed(fleet, asked)
    return _combinations(narrow, best(narrow))


def _nearest(fleet: Fleet, asked: _Asked) -> list[Any]:
    narrow = _narrowed(fleet, asked)
    return _combinations(narrow, nearest(narrow))


_ANSWERS: dict[str, Callable[[Fleet, _Asked], list[Any]]] = {
    "bounds": _bounds,
    "fits": _fits,
    "best": _best,
    "nearest": _nearest,
}


def _narrowed(fleet: Fleet, asked: _Asked) -> Narrowed:
    stages = fleet.discipline.shape[1]
    members = [query.member or Member(0, ()) for _, query in asked]
    rows = Rows(
        np.array([agent for agent, _ in asked]),
        np.array([member.mode for member in members]),
        np.array([(*member.level, *(0,) * (stages - len(member.level)))[:stages] for member in members]),
        _replicas(fleet, asked),
    )
    return narrowed(fleet, rows, np.array([query.limit for _, query in asked]))


def _replicas(fleet: Fleet, asked: _Asked) -> Floats:
    """As they are predicted, padded."""
    groups = fleet.admits.shape[1]
    rows = []
    for agent, query in asked:
        counts = fleet.choices[agent].predicted(query.replicas)
        rows.append([*counts, *[1] * (groups - len(counts))])
    return np.array(rows, dtype=float).reshape(len(asked), groups)


def _combinations(narrow: Narrowed, found: Found) -> list[Any]:
    places = (np.arange(len(found.score))[:, None], np.arange(found.pick.shape[1]), found.pick)
    variants, caps = narrow.options.variant[places].tolist(), narrow.options.cap[places].tolist()
    answers: list[Any] = []
    for row, score in enumerate(found.score.tolist()):
        count = len(narrow.fleet.choices[narrow.rows.agent[row]].stages)
        known = score < float("inf")
        answers.append(Combination(score, tuple(variants[row][:count]), tuple(caps[row][:count])) if known else None)
    return answers
