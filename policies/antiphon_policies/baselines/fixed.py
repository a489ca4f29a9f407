"""What a baseline runs its stages with: variants and caps are chosen once, and only replicas change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from antiphon_crds.stages import Stage
from antiphon_policies.facts import AgentFacts, Setting, StageFacts, StageSetting, VariantFacts


@dataclass(frozen=True, slots=True)
class Fixed:
    """What every replica runs with, all the time."""

    stages: Mapping[Stage, StageSetting]
    mode: str

    def with_replicas(self, replicas: Mapping[str, int]) -> Setting:
        return Setting(self.stages, replicas, self.mode)


def fixed(facts: AgentFacts, quick: Collection[Stage] = (), cap: int | None = None) -> Fixed:
    """The best variant of every stage, of those in `quick` the quickest, and the first mode.

    A cap is lowered to what the variant and the spec allow; None: the largest.
    """
    return Fixed(
        {stage.stage: _setting(stage, stage.stage in quick, cap) for stage in facts.stages}, facts.modes[0].name
    )


def _setting(stage: StageFacts, quick: bool, cap: int | None) -> StageSetting:
    variant = min(stage.variants, key=_first_call_ms) if quick else stage.variants[0]
    largest = max(1, min(variant.max_batch, stage.most))
    return StageSetting(variant.name, largest if cap is None else max(1, min(cap, largest)))


def _first_call_ms(variant: VariantFacts) -> float:
    return variant.service.mean_ms(1)
