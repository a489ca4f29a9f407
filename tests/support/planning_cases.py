"""Agents to plan for, drawn from a seed, and the plain way to plan: try everything."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from antiphon_crds.policy import Objective
from antiphon_crds.stages import Stage
from antiphon_policies.facts import (
    AgentFacts,
    Discipline,
    GroupFacts,
    ModeFacts,
    Service,
    Setting,
    StageFacts,
    StageSetting,
    TurnShape,
    VariantFacts,
)
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.planning.asking import Ask
from antiphon_policies.planning.choices import NO_LIMITS, Choices, caps_of, choices_of
from antiphon_policies.planning.judging import KEPT, score
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.predicting.turn import predict

Rank = tuple[Any, ...]


def objective(name: str = "turn-p95", target_ms: int = 800, **more: Any) -> EffectiveObjective:
    """The 95th percentile of turns, unless `more` says otherwise."""
    kind = {"indicator": "turn", "percentile": 95} if "indicator" not in more else {}
    found = Objective.model_validate({"name": name, "targetMs": target_ms, **kind, **more})
    return EffectiveObjective(found, False, target_ms)


def stage(
    name: Stage, *variants: VariantFacts, group: str = "main", discipline: Discipline = "batches", **more: Any
) -> StageFacts:
    return StageFacts(name, group, variants, discipline, **more)


def variant(name: str, alpha_ms: float, beta_ms: float, quality: float = 1.0, max_batch: int = 16) -> VariantFacts:
    return VariantFacts(name, Service(alpha_ms, beta_ms), quality, max_batch)


def setting_of(facts: AgentFacts, replicas: int | None = None) -> Setting:
    """The first of everything."""
    return Setting(
        {each.stage: StageSetting(each.variants[0].name, 1) for each in facts.stages},
        {group.name: group.min_replicas if replicas is None else replicas for group in facts.groups},
        facts.modes[0].name,
    )


_DISCIPLINES: dict[Stage, Discipline] = {"vad": "batches", "asr": "batches", "llm": "streams", "tts": "batches"}
_ALPHAS: dict[Stage, float] = {"vad": 2.0, "asr": 60.0, "llm": 90.0, "tts": 45.0}


class Drawn:
    """Draws whole agents. Of one seed always the same."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._random = generator

    def ask(
        self,
        name: str = "agent",
        *,
        stages: tuple[Stage, ...] = ("vad", "asr", "llm", "tts"),
        variants: int = 4,
        groups: int = 1,
        most_replicas: int = 8,
        largest_cap: int = 64,
        modes: int = 2,
    ) -> Ask:
        facts = AgentFacts(
            ("default", name),
            tuple(self._stage(each, index % groups, variants, largest_cap) for index, each in enumerate(stages)),
            tuple(self._group(index, most_replicas) for index in range(groups)),
            self._modes(modes),
            objectives=(objective(target_ms=int(self._random.uniform(350, 1000))),),
        )
        turns = float(self._random.uniform(0.04, 0.1))
        sessions = float(np.ceil(self._random.lognormal(np.log(8 * most_replicas), 0.9)))
        return Ask(facts, Load(sessions, turns), self.setting(facts))

    def setting(self, facts: AgentFacts) -> Setting:
        """Any."""
        stages = {}
        for each in facts.stages:
            chosen = each.variants[int(self._random.integers(len(each.variants)))]
            stages[each.stage] = StageSetting(chosen.name, 2 ** int(self._random.integers(0, 4)))
        replicas = {
            group.name: int(self._random.integers(group.min_replicas, group.max_replicas + 1)) for group in facts.groups
        }
        return Setting(stages, replicas, facts.modes[int(self._random.integers(len(facts.modes)))].name)

    def _stage(self, name: Stage, group: int, variants: int, largest_cap: int) -> StageFacts:
        alpha = _ALPHAS.get(name, 40.0) * float(self._random.uniform(0.6, 1.6))
        discipline = _DISCIPLINES.get(name, "batches")
        found, quality = [], 1.0
        for index in range(variants):
            share = float(self._random.uniform(0.04, 0.4))
            service = Service(alpha, alpha * share, float(self._random.uniform(0.05, 0.3)))
            if discipline == "streams":
                service = replace(service, rest_alpha_ms=4 * alpha, rest_beta_ms=alpha * share)
            found.append(
                VariantFacts(
                    f"v{index}", service, quality, int(self._random.integers(min(4, largest_cap // 2), largest_cap + 1))
                )
            )
            alpha *= float(self._random.uniform(0.55, 0.95))
            quality *= float(self._random.uniform(0.9, 0.995))
        return StageFacts(name, f"g{group}", tuple(found), discipline)

    def _group(self, index: int, most_replicas: int) -> GroupFacts:
        price = float(self._random.uniform(0.5, 3.0))
        return GroupFacts(f"g{index}", 1, most_replicas, "1g.18gb", price)

    def _modes(self, count: int) -> tuple[ModeFacts, ...]:
        pause, decided = float(self._random.uniform(100, 200)), float(self._random.uniform(200, 400))
        speculative = ModeFacts("speculative", TurnShape(pause, decided, 5.0), {"llm": 1.4, "tts": 1.2})
        return (speculative, ModeFacts("plain", TurnShape(decided, decided, 5.0)))[:count]


def every_setting(choices: Choices) -> Iterator[tuple[Rank, Setting]]:
    """All that may be chosen, with what orders those that keep the promises."""
    vectors = list(itertools.product(*(range(group.least, group.most + 1) for group in choices.groups)))
    vectors = [vector for vector in vectors if choices.affordable(vector)] or vectors[:1]
    options = [[(place, cap) for place in stage.variants for cap in caps_of(stage, place)] for stage in choices.stages]
    for (number, mode), picked, vector in itertools.product(
        enumerate(choices.modes), itertools.product(*options), vectors
    ):
        chosen = [stage.facts.variants[place] for stage, (place, _) in zip(choices.stages, picked, strict=True)]
        setting = Setting(
            {
                stage.facts.stage: StageSetting(variant.name, cap)
                for stage, variant, (_, cap) in zip(choices.stages, chosen, picked, strict=True)
            },
            {group.facts.name: count for group, count in zip(choices.groups, vector, strict=True)},
            mode.name,
        )
        quality = math.floor(math.prod(variant.quality for variant in chosen) * 1e9 + 0.5)
        caps, changed = sum(cap for _, cap in picked), changes(choices.ask.current, setting)
        yield (-quality, number, choices.cost_rank(vector), caps, changed, picked, vector), setting


def changes(before: Setting, after: Setting) -> int:
    count = int(before.mode != after.mode)
    count += sum(before.replicas.get(group) != replicas for group, replicas in after.replicas.items())
    for name, new in after.stages.items():
        old = before.stages.get(name)
        count += (old is None or old.variant != new.variant) + (old is None or old.cap != new.cap)
    return count


def score_of(ask: Ask, setting: Setting, limits: Mapping[str, int] = NO_LIMITS) -> float:
    """By `predict` alone."""
    choices = choices_of(ask, limits)
    serving = choices.serving(tuple(setting.replicas.values()))
    return score(choices, predict(ask.facts, setting, choices.load, serving), serving)


def by_trying_all(ask: Ask, limits: Mapping[str, int] = NO_LIMITS) -> tuple[float, Setting]:
    """Score and setting of the best plan."""
    tried = [
        (score_of(ask, setting, limits), rank, setting) for rank, setting in every_setting(choices_of(ask, limits))
    ]
    nearest = min(found for found, _, _ in tried)
    limit = KEPT if nearest <= KEPT else nearest * KEPT
    found, _, setting = min((each for each in tried if each[0] <= limit), key=lambda each: each[1])
    return found, setting


SMALL: tuple[Literal["vad", "asr", "llm", "tts"], ...] = ("asr", "llm")
