"""Runs many searches side by side: the queries of all of them are answered at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from antiphon_policies.planning.bounding import Member, bounds_of
from antiphon_policies.planning.choices import Choices
from antiphon_policies.planning.combining import Found, Narrowed, best, fitting, narrowed, nearest
from antiphon_policies.planning.fleet import Fleet, Floats, fleet_of
from antiphon_policies.planning.judging import KEPT
from antiphon_policies.planning.options import Rows
from antiphon_policies.planning.searching import Choice, Combination, Query, Search, Searching

_Asked = list[tuple[int, Query]]
"""Agent and query."""


def searched(fleet: Fleet) -> list[Choice]:
    """Each agent's choice."""
    return _run(fleet, [each.run() for each in _searches(fleet)])


def possible(choices: Sequence[Choices]) -> list[bool]:
    """Whether each may keep its promises at all."""
    if not choices:
        return []
    fleet = fleet_of(choices)
    return _run(fleet, [each.possible(KEPT) for each in _searches(fleet)])


def _searches(fleet: Fleet) -> list[Searching]:
    return [Searching(each, levels) for each, levels in zip(fleet.choices, fleet.levels, strict=True)]


def _run(fleet: Fleet, searches: Sequence[Search]) -> list[Any]:
    """What each search returns."""
    found: dict[int, Any] = {}
    waiting = {agent: next(search) for agent, search in enumerate(searches)}
    while waiting:
        asked = [(agent, query) for agent, queries in waiting.items() for query in queries]
        with np.errstate(all="ignore"):
            answers = _answered(fleet, asked)
        begin, still = 0, {}
        for agent, queries in waiting.items():
            try:
                still[agent] = searches[agent].send(answers[begin : begin + len(queries)])
            except StopIteration as ended:
                found[agent] = ended.value
            begin += len(queries)
        waiting = still
    return [found[agent] for agent in range(len(searches))]


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
        counts = [
            count if group.ours else max(1, count)
            for group, count in zip(fleet.choices[agent].groups, query.replicas, strict=True)
        ]
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
