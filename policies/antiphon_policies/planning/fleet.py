"""The choices of many agents as arrays, so that they are weighed all at once.

Variants of one stage that are equally good form a level; levels are ordered, the best first. Axes: agents, modes, stages,
variants, levels, ways (variants of a level), groups. What an agent does not have is padded, and takes no time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.facts import Discipline, ModeFacts, VariantFacts
from antiphon_policies.planning.choices import REACH, Choices, StageChoices, largest_cap
from antiphon_policies.planning.judging import target_of

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

Pattern = tuple[tuple[int, bool], ...]
"""Stages that a turn waits for, in order, and whether each is one of batches."""

DISCIPLINES: tuple[Discipline, ...] = ("batches", "streams", "lockstep")
TURN_INDICATORS = ("turn", "mouthToEar", "response", "result")
MEAN = -1.0
"""In place of a percentile."""
_NONE = math.nan


def quality_rank(quality: float) -> int:
    """Quality as it is compared: to nine digits."""
    return math.floor(quality * 1e9 + 0.5)


@dataclass(frozen=True, slots=True)
class Levels:
    """Of one stage: its variants by quality, as places in the facts."""

    variants: tuple[tuple[int, ...], ...]
    qualities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Promises:
    """Objectives, padded. The value of one is `max(floor, begins + stages) + tail`, and the ratio that over its target."""

    percentile: Floats
    """agents x objectives; `MEAN`, or nan where there is none."""
    target: Floats
    floor: Floats
    """agents x modes x objectives."""
    begins: Floats
    tail: Floats
    common: tuple[float | None, ...]
    """By objective, the percentile that all agents have; None where they differ, or some have none."""

    def only(self, rows: Whole) -> Promises:
        """Some of the agents, in this order."""
        percentile, target = self.percentile[rows], self.target[rows]
        return Promises(percentile, target, self.floor[rows], self.begins[rows], self.tail[rows], self.common)


@dataclass(frozen=True, slots=True)
class Fleet:
    choices: tuple[Choices, ...]
    levels: tuple[tuple[Levels, ...], ...]
    service: Floats
    """agents x stages x variants x (alpha, beta, noise, rest alpha, rest beta)."""
    largest: Whole
    """Cap; agents x stages x variants."""
    kept_cap: Whole
    """agents x stages; 0 where any cap may be chosen."""
    current: Whole
    """agents x stages x (variant, cap); -1 where not known."""
    ways: Whole
    """agents x stages x levels x ways: variants, -1 where there is none."""
    quality: Floats
    """agents x stages x levels; nan where there is none."""
    discipline: Whole
    """agents x stages; -1 where there is none."""
    device: Whole
    """That the stage shares with others, numbered by agent; -1 where it shares none; agents x stages."""
    device_turns: Whole
    """Stages of a turn at the device, at least 1; agents x devices."""
    device_stages: Whole
    """Stages at the device; 0 where there is none."""
    waited: Flags
    """Whether a turn waits for it; agents x stages."""
    spaced: Flags
    """Whether it is a stage of batches after another of batches: what comes to it is spaced out; agents x stages."""
    apart_ms: Floats
    """Longest time from batch to batch that comes to such a stage, whatever the one before runs with."""
    pattern: Whole
    """By agent, the place in `patterns`."""
    patterns: tuple[Pattern, ...]
    group: Whole
    period: Floats
    calls: Floats
    """For each turn; agents x modes x stages."""
    load: Floats
    """agents x (sessions, turns a second of one session, duty cycle)."""
    admits: Floats
    """Sessions of a replica, infinite where not known; agents x groups."""
    shape: Floats
    """agents x modes x (begins, decided, overhead)."""
    turns: Promises
    stages: Floats
    """Objectives of stages: agents x stages x objectives x (percentile, target)."""

    def only(self, places: Sequence[int]) -> Fleet:
        """Some of the agents, in this order."""
        if list(places) == list(range(len(self.choices))):
            return self
        rows = np.array(places, dtype=np.int64)
        arrays = {name: getattr(self, name)[rows] for name in _BY_AGENT}
        choices = tuple(self.choices[place] for place in places)
        levels = tuple(self.levels[place] for place in places)
        return replace(self, choices=choices, levels=levels, turns=self.turns.only(rows), **arrays)

    @property
    def shares(self) -> bool:
        """Whether any stage shares a device."""
        return bool((self.device >= 0).any())

    @property
    def caps(self) -> int:
        """Most candidates that a variant has."""
        free = self.largest.max(axis=2, initial=1)[self.kept_cap == 0]
        return int(free.max(initial=1) - 1).bit_length() + 1


_BY_AGENT = tuple(each.name for each in fields(Fleet) if each.name not in ("choices", "levels", "turns", "patterns"))


def fleet_of(choices: Sequence[Choices], known: Sequence[tuple[Levels, ...]] | None = None) -> Fleet:
    """`known`: their levels, where these were found before."""
    levels = tuple(levels_of(each) for each in choices) if known is None else tuple(known)
    own = [_pattern(each) for each in choices]
    patterns = tuple(dict.fromkeys(own))
    return Fleet(
        choices=tuple(choices),
        levels=levels,
        service=_padded([[[_service(v) for v in s.facts.variants] for s in c.stages] for c in choices], 0.0, 4, 5),
        largest=_padded(
            [[[largest_cap(s.facts, v) for v in range(len(s.facts.variants))] for s in c.stages] for c in choices], 1, 3
        ).astype(np.int64),
        kept_cap=_padded([[_kept_cap(stage) for stage in c.stages] for c in choices], 0, 2).astype(np.int64),
        current=_padded([[_current(c, stage) for stage in c.stages] for c in choices], -1, 3, 2).astype(np.int64),
        ways=_padded([[level.variants for level in each] for each in levels], -1, 4).astype(np.int64),
        quality=_padded([[level.qualities for level in each] for each in levels], _NONE, 3),
        discipline=_padded([[DISCIPLINES.index(s.facts.discipline) for s in c.stages] for c in choices], -1, 2).astype(
            np.int64
        ),
        device=_padded([_device_places(c) for c in choices], -1, 2).astype(np.int64),
        device_turns=_padded([[max(1, n) for n, _ in _devices(c)] for c in choices], 1, 2).astype(np.int64),
        device_stages=_padded([[n for _, n in _devices(c)] for c in choices], 0, 2).astype(np.int64),
        waited=_padded([[s.facts.in_turn for s in c.stages] for c in choices], 0, 2) > 0,
        spaced=_padded([_spaced(c, pattern) for c, pattern in zip(choices, own, strict=True)], 0, 2) > 0,
        apart_ms=_padded([_apart(c, pattern) for c, pattern in zip(choices, own, strict=True)], math.inf, 2),
        pattern=np.array([patterns.index(pattern) for pattern in own]),
        patterns=patterns,
        group=_padded([_group_places(c) for c in choices], 0, 2).astype(np.int64),
        period=_padded([[s.facts.period_ms or 1.0 for s in c.stages] for c in choices], 1.0, 2),
        calls=_padded([[_calls(c, mode) for mode in c.modes] for c in choices], 0.0, 3),
        load=np.array([(c.load.sessions, c.load.turns_per_second, c.ask.facts.duty_cycle) for c in choices]),
        admits=_padded([[group.facts.max_sessions or math.inf for group in c.groups] for c in choices], math.inf, 2),
        shape=_padded([[_begins(mode) for mode in c.modes] for c in choices], 0.0, 3),
        turns=_promises(choices),
        stages=_padded([[_stage_promises(c, stage) for stage in c.stages] for c in choices], _NONE, 4, 2),
    )


def levels_of(choices: Choices) -> tuple[Levels, ...]:
    return tuple(_levels(stage.variants, [one.quality for one in stage.facts.variants]) for stage in choices.stages)


def _levels(variants: tuple[int, ...], qualities: Sequence[float]) -> Levels:
    found = tuple(qualities[index] for index in variants)
    if all(one - other > 2e-9 for one, other in pairwise(found)):
        return Levels(tuple((index,) for index in variants), found)
    by_rank: dict[int, list[int]] = {}
    for index in variants:
        by_rank.setdefault(quality_rank(qualities[index]), []).append(index)
    places = tuple(tuple(by_rank[rank]) for rank in sorted(by_rank, reverse=True))
    return Levels(places, tuple(qualities[level[0]] for level in places))


def _shares(choices: Choices, stage: StageChoices) -> bool:
    return any(group.facts.shares_device for group in choices.groups if group.facts.name == stage.facts.group)


def _device_places(choices: Choices) -> list[int]:
    names = [group.facts.name for group in choices.groups if group.facts.shares_device]
    return [names.index(stage.facts.group) if stage.facts.group in names else -1 for stage in choices.stages]


def _devices(choices: Choices) -> list[tuple[int, int]]:
    """By device, its stages that a turn waits for, and all of them."""
    places = _device_places(choices)
    return [
        (
            sum(stage.facts.in_turn for stage, own in zip(choices.stages, places, strict=True) if own == number),
            places.count(number),
        )
        for number in range(sum(group.facts.shares_device for group in choices.groups))
    ]


def _pattern(choices: Choices) -> Pattern:
    """What leaves a stage that shares its device does not leave in batches: others come between."""
    return tuple(
        (place, stage.facts.discipline == "batches" and not _shares(choices, stage))
        for place, stage in enumerate(choices.stages)
        if stage.facts.in_turn
    )


def _spaced(choices: Choices, pattern: Pattern) -> list[bool]:
    after = {place for (_, one), (place, other) in pairwise(pattern) if one and other}
    return [place in after for place in range(len(choices.stages))]


def _apart(choices: Choices, pattern: Pattern) -> list[float]:
    """Not known where batches have come through more than one stage."""
    spaced = _spaced(choices, pattern)
    found = [math.inf] * len(choices.stages)
    for (before, _), (place, _) in pairwise(pattern):
        if spaced[place] and not spaced[before]:
            found[place] = max(
                _longest(choices, choices.stages[before], variant) for variant in choices.stages[before].variants
            )
    return found


def _longest(choices: Choices, stage: StageChoices, variant: int) -> float:
    """Of a batch."""
    calls = max(mode.calls.get(stage.facts.stage, stage.facts.calls_per_turn) for mode in choices.modes)
    most = min(largest_cap(stage.facts, variant), (1 + REACH * choices.load.sessions) * (1 + 5 * calls))
    return stage.facts.variants[variant].service.mean_ms(most)


def _service(variant: VariantFacts) -> tuple[float, ...]:
    service = variant.service
    return service.alpha_ms, service.beta_ms, service.noise, service.rest_alpha_ms, service.rest_beta_ms


def _kept_cap(stage: StageChoices) -> int:
    if stage.cap is not None:
        return stage.cap
    return max(1, stage.facts.most) if stage.facts.discipline == "lockstep" else 0


def _current(choices: Choices, stage: StageChoices) -> tuple[int, int]:
    now = choices.ask.current.stages.get(stage.facts.stage)
    if now is None:
        return -1, -1
    names = [variant.name for variant in stage.facts.variants]
    return (names.index(now.variant) if now.variant in names else -1), now.cap


def _group_places(choices: Choices) -> list[int]:
    names = [group.facts.name for group in choices.groups]
    return [names.index(stage.facts.group) for stage in choices.stages]


def _calls(choices: Choices, mode: ModeFacts) -> list[float]:
    return [mode.calls.get(stage.facts.stage, stage.facts.calls_per_turn) for stage in choices.stages]


def _promises(choices: Sequence[Choices]) -> Promises:
    found = [list(_turn_promises(each)) for each in choices]
    shapes = [
        [[_shape(kind, mode) for kind, _, _ in own] for mode in c.modes] for c, own in zip(choices, found, strict=True)
    ]
    shape = _padded(shapes, 0.0, 4, 3)
    percentile = _padded([[percentile for _, percentile, _ in own] for own in found], _NONE, 2)
    return Promises(
        percentile=percentile,
        target=_padded([[target for _, _, target in own] for own in found], 1.0, 2),
        floor=shape[..., 0],
        begins=shape[..., 1],
        tail=shape[..., 2],
        common=tuple(float(one[0]) if (one == one[0]).all() else None for one in percentile.T),
    )


def _turn_promises(choices: Choices) -> Iterable[tuple[str, float, float]]:
    """Kind, percentile and target."""
    for effective in choices.ask.facts.objectives:
        objective, target = effective.objective, target_of(effective, choices.ask.slack)
        if target is not None and objective.indicator in TURN_INDICATORS:
            yield objective.indicator, MEAN if objective.percentile is None else objective.percentile, target


def _begins(mode: ModeFacts) -> tuple[float, float, float]:
    return mode.shape.begins_ms, mode.shape.decided_ms, mode.shape.overhead_ms


def _shape(kind: str, mode: ModeFacts) -> tuple[float, float, float]:
    shape = mode.shape
    if kind == "result":
        return -math.inf, 0.0, shape.overhead_ms
    return shape.decided_ms, shape.begins_ms, shape.overhead_ms - (shape.decided_ms if kind == "response" else 0.0)


def _stage_promises(choices: Choices, stage: StageChoices) -> list[tuple[float, float]]:
    found = []
    for effective in choices.ask.facts.objectives:
        objective, target = effective.objective, target_of(effective, choices.ask.slack)
        if target is not None and objective.indicator == "stage" and objective.stage == stage.facts.stage:
            found.append((MEAN if objective.percentile is None else float(objective.percentile), target))
    return found


def _padded(nested: Sequence[object], fill: float, depth: int, width: int = 1) -> Floats:
    """A ragged nest of numbers as an array of `depth` axes, none of them empty and the last at least so wide."""
    even = _even(nested)
    if even is not None and even.ndim == depth and even.size and even.shape[-1] >= width:
        return even
    flat: list[object] = list(nested)
    sizes, counts = [max(1, len(flat))], list[Whole]()
    for _ in range(1, depth):
        lengths = np.array([len(each) for each in flat], dtype=np.int64)  # type: ignore[arg-type]
        counts.append(lengths)
        sizes.append(int(lengths.max(initial=1)))
        flat = [one for each in flat for one in each]  # type: ignore[attr-defined]
    sizes[-1] = max(sizes[-1], width)
    result = np.full(sizes, fill)
    if flat:
        result[_places(len(nested), counts)] = np.array(flat, dtype=float)
    return result


def _even(nested: Sequence[object]) -> Floats | None:
    """None: the nest is ragged."""
    try:
        return np.array(nested, dtype=float)
    except ValueError:
        return None


def _places(first: int, counts: list[Whole]) -> tuple[Whole, ...]:
    places: list[Whole] = [np.arange(first)]
    for lengths in counts:
        ends = np.cumsum(lengths)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        places = [*(np.repeat(each, lengths) for each in places), within]
    return tuple(places)
