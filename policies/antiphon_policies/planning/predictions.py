"""What many plans are predicted to do, at once: the same as `predicting.turn.predict` says of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.planning.choices import Choices, setting_of
from antiphon_policies.planning.demand import (
    as_times,
    asked_of,
    sessions_of_fullest,
    times_of,
)
from antiphon_policies.planning.devices import TURN_ROWS, on_device, turns_of
from antiphon_policies.planning.fleet import MEAN, TURN_INDICATORS, Fleet, Floats, Whole
from antiphon_policies.planning.judging import target_of
from antiphon_policies.planning.knowing import Fleets, crowds
from antiphon_policies.planning.memory import Key, Memory
from antiphon_policies.planning.searching import Choice
from antiphon_policies.planning.weighing import heard_of, promised, totals
from antiphon_policies.predicting.prediction import Load, Prediction, StagePrediction
from antiphon_policies.predicting.times import quantile_ms
from antiphon_policies.predicting.turn import predict

_KNOWN: Memory[Prediction] = Memory(1 << 13)


@dataclass(frozen=True, slots=True)
class _Figures:
    """By agent, and by stage or objective."""

    stages: Floats
    """agents x stages x (utilisation, mean, 95th percentile)."""
    stage_values: Floats
    """Of stages' own objectives; agents x stages x objectives."""
    turn_values: Floats
    turn_p95: Floats


def predictions(fleets: Fleets, found: Sequence[Choice], loads: Sequence[Load]) -> list[Prediction]:
    """Of each agent under its load."""
    keys = [_key(*each) for each in zip(fleets.tokens, fleets.choices, found, loads, strict=True)]
    known = [_KNOWN.get(key) for key in keys]
    new = {keys[place]: place for place, each in enumerate(known) if each is None}
    if new:
        places = sorted(new.values())
        told = _predictions(fleets.of(places), [found[place] for place in places], [loads[place] for place in places])
        for place, each in zip(places, told, strict=True):
            _KNOWN.keep(keys[place], each)
        of_new = {keys[place]: each for place, each in zip(places, told, strict=True)}
        return [of_new[key] if each is None else each for key, each in zip(keys, known, strict=True)]
    return [each for each in known if each is not None]


def forget() -> None:
    _KNOWN.forget()


def _key(token: int, choices: Choices, choice: Choice, load: Load) -> Key:
    return (
        token,
        choice.mode,
        choice.combination.variants,
        choice.combination.caps,
        crowds(choices, load.sessions, choice.replicas),
        load.turns_per_second,
    )


def _predictions(fleet: Fleet, found: Sequence[Choice], loads: Sequence[Load]) -> list[Prediction]:
    load = fleet.load.copy()
    load[:, :2] = [(each.sessions, each.turns_per_second) for each in loads]
    with np.errstate(all="ignore"):
        figures = _figures(replace(fleet, load=load), found)
    lists = (figures.stages.tolist(), figures.stage_values.tolist(), figures.turn_values.tolist())
    return [
        _prediction(choices, lists[0][row], lists[1][row], lists[2][row], float(figures.turn_p95[row]))
        if all(choices.predicted(choice.replicas))
        else _of_one(choices, choice, loads[row])
        for row, (choices, choice) in enumerate(zip(fleet.choices, found, strict=True))
    ]


def _of_one(choices: Choices, choice: Choice, load: Load) -> Prediction:
    setting = setting_of(choices, choice.mode, choice.combination.variants, choice.combination.caps, choice.replicas)
    return predict(choices.ask.facts, setting, load, choices.serving(choice.replicas))


def _prediction(
    choices: Choices, stages: list[list[float]], own: list[list[float]], turn: list[float], turn_p95: float
) -> Prediction:
    values: dict[str, float] = {}
    of_turn = iter(turn)
    of_stage = {stage.facts.stage: iter(row) for stage, row in zip(choices.stages, own, strict=False)}
    for effective in choices.ask.facts.objectives:
        source = _source(effective, choices)
        if source == "turn":
            values[effective.objective.name] = next(of_turn)
        elif source == "stage" and effective.objective.stage in of_stage:
            values[effective.objective.name] = next(of_stage[effective.objective.stage])
    told = {stage.facts.stage: StagePrediction(*row) for stage, row in zip(choices.stages, stages, strict=False)}
    return Prediction(values, told, turn_p95)


def _source(effective: EffectiveObjective, choices: Choices) -> str | None:
    if target_of(effective, choices.ask.slack) is None:
        return None
    indicator = effective.objective.indicator
    return "turn" if indicator in TURN_INDICATORS else indicator


def _figures(fleet: Fleet, found: Sequence[Choice]) -> _Figures:
    parts = _parts(fleet, found)
    count, stages = parts.shape[1:]
    agent, mode = np.arange(count), np.array([choice.mode for choice in found])
    flat = as_times(parts.reshape(len(parts), -1), False)
    own = np.stack([flat.utilisation, flat.mean_ms, quantile_ms(flat, 95.0)], axis=1).reshape(count, stages, 3)
    turn_values, turn_p95 = np.full((count, fleet.turns.percentile.shape[1]), np.inf), np.zeros(count)
    for chosen, total in totals(fleet, agent, parts.swapaxes(1, 2)):
        who, how, heard = agent[chosen], mode[chosen], heard_of(total)
        for rows, number, value, _ in promised(fleet, who, how, heard, who.shape):
            turn_values[who[rows], number] = value
        begins, decided, overhead = fleet.shape[who, how].T
        turn_p95[who] = heard(95.0, slice(None), decided, begins) + overhead
    return _Figures(own, _stage_values(fleet, agent, parts), turn_values, turn_p95)


def _stage_values(fleet: Fleet, agent: Whole, parts: Floats) -> Floats:
    values = np.zeros(fleet.stages.shape[:3])
    if not fleet.stages.size:
        return values
    percentiles = fleet.stages[agent, :, :, 0]
    for percentile in np.unique(percentiles[~np.isnan(percentiles)]):
        row, stage, number = np.nonzero(percentiles == percentile)
        times = as_times(parts[:, row, stage], False)
        values[row, stage, number] = times.mean_ms if percentile == MEAN else quantile_ms(times, float(percentile))
    return values


def _parts(fleet: Fleet, found: Sequence[Choice]) -> Floats:
    """Times, figures x agents x stages."""
    there = fleet.discipline >= 0
    row, stage = np.nonzero(there)
    mode = np.array([choice.mode for choice in found])
    variant = np.array([each for choice in found for each in choice.combination.variants], dtype=np.int64)
    cap = np.array([each for choice in found for each in choice.combination.caps], dtype=np.int64)
    sessions = sessions_of_fullest(fleet.load[row, 0], _serving(fleet, found)[row, fleet.group[row, stage]])
    asked = asked_of(fleet, row, mode[row], stage, variant, cap, sessions)
    times = times_of(asked)
    parts = np.zeros((len(times), *there.shape))
    parts[:, row, stage] = times
    if fleet.shares:
        turns = np.zeros((TURN_ROWS, *there.shape))
        turns[:, row, stage] = turns_of(asked, times)
        parts = np.where(fleet.device >= 0, on_device(fleet, np.arange(len(found)), turns), parts)
    return parts


def _serving(fleet: Fleet, found: Sequence[Choice]) -> Floats:
    serving = np.ones(fleet.admits.shape)
    for agent, (choices, choice) in enumerate(zip(fleet.choices, found, strict=True)):
        counts = choices.predicted(choice.replicas)
        serving[agent, : len(counts)] = counts
    return serving
