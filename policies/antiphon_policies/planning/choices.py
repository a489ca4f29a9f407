"""What may be chosen for an agent: what its facts offer, less what its policy does not permit to change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from antiphon_crds.stages import Actuator
from antiphon_policies.facts import GroupFacts, ModeFacts, Setting, StageFacts, StageSetting
from antiphon_policies.planning.asking import Ask
from antiphon_policies.predicting.prediction import Load

NO_LIMITS: Mapping[str, int] = {}
REACH = 4
"""Times an agent's sessions: it is answered for up to so many of them on one replica, ahead of its being asked."""
Count = TypeVar("Count", int, float)


@dataclass(frozen=True, slots=True)
class StageChoices:
    facts: StageFacts
    variants: tuple[int, ...]
    """Places of those that may be chosen, in the facts."""
    cap: int | None
    """The only one. None: any."""


@dataclass(frozen=True, slots=True)
class GroupChoices:
    facts: GroupFacts
    least: int
    most: int
    """Within cost and limits, as long as the other groups have their least."""
    ours: bool
    """Whether the number is ours to choose. One that is not is predicted as if at least one replica served."""


@dataclass(frozen=True, slots=True)
class Choices:
    """All that may be chosen, and what the choice must keep besides the objectives."""

    ask: Ask
    stages: tuple[StageChoices, ...]
    groups: tuple[GroupChoices, ...]
    modes: tuple[ModeFacts, ...]
    load: Load
    """What is planned for: the load asked for, raised so that the policy's headroom stays free."""
    limits: Mapping[str, int]
    """Most replicas of all groups on one kind of partition. Kinds that are not named have none."""

    def affordable(self, replicas: Sequence[int]) -> bool:
        """Whether cost and partitions are within the limits."""
        most = self.ask.facts.guardrails.max_cost_per_hour
        if most is not None and self.cost(replicas) > most + 1e-9:
            return False
        return all(self.taken(kind, replicas) <= most for kind, most in self.limits.items())

    def cost(self, replicas: Sequence[int]) -> float:
        """An hour."""
        return math.fsum(group.facts.price_per_hour * count for group, count in zip(self.groups, replicas, strict=True))

    def quality(self, variants: Sequence[int]) -> float:
        """Of variants as places in the facts, by stage."""
        return math.prod(
            stage.facts.variants[place].quality for stage, place in zip(self.stages, variants, strict=True)
        )

    def cost_rank(self, replicas: Sequence[int]) -> int:
        """Orders by cost; at no price at all, fewer replicas come first."""
        return math.floor(self.cost(replicas) * 1e6 + 0.5) + sum(replicas)

    def taken(self, kind: str, replicas: Sequence[int]) -> int:
        return sum(
            count for group, count in zip(self.groups, replicas, strict=True) if kind and group.facts.partition == kind
        )

    def serving(self, replicas: Sequence[int]) -> dict[str, int]:
        """By group, as it is predicted."""
        names = (group.facts.name for group in self.groups)
        return dict(zip(names, self.predicted(replicas), strict=True))

    def predicted(self, replicas: Sequence[Count]) -> tuple[Count, ...]:
        """Replicas with which it is predicted."""
        return tuple(
            [count if group.ours else max(1, count) for group, count in zip(self.groups, replicas, strict=True)]
        )


def choices_of(ask: Ask, limits: Mapping[str, int] = NO_LIMITS) -> Choices:
    stages = tuple(_stage(ask, facts) for facts in ask.facts.stages)
    loose = Choices(ask, stages, _groups(ask, limits), _modes(ask), planned_load(ask), limits)
    least = [group.least for group in loose.groups]
    most = tuple(
        GroupChoices(group.facts, group.least, _most(loose, least, index), group.ours)
        for index, group in enumerate(loose.groups)
    )
    return Choices(ask, stages, most, loose.modes, loose.load, limits)


def setting_of(
    choices: Choices, mode: int, variants: Sequence[int], caps: Sequence[int], replicas: Sequence[int]
) -> Setting:
    chosen = zip(choices.stages, variants, caps, strict=True)
    return Setting(
        {stage.facts.stage: StageSetting(stage.facts.variants[variant].name, cap) for stage, variant, cap in chosen},
        {group.facts.name: count for group, count in zip(choices.groups, replicas, strict=True)},
        choices.modes[mode].name,
    )


def planned_load(ask: Ask) -> Load:
    """The load at which the promises must hold, so that the share `min_headroom` of what the setting can carry is free.

    Not a bound on the utilisation: turns may break their promise long before a stage is busy all the time.
    """
    return Load(ask.load.sessions / (1.0 - ask.facts.guardrails.min_headroom), ask.load.turns_per_second)


@lru_cache(maxsize=1024)
def caps_up_to(largest: int) -> tuple[int, ...]:
    """Powers of two, and the largest."""
    powers = [1 << exponent for exponent in range(largest.bit_length()) if 1 << exponent < largest]
    return (*powers, max(1, largest))


def largest_cap(stage: StageFacts, variant: int) -> int:
    return max(1, min(stage.variants[variant].max_batch, stage.most))


def caps_of(stage: StageChoices, variant: int) -> tuple[int, ...]:
    """That the variant may run with, ascending.

    A stage in lockstep computes all its sessions at once, however many there are: it keeps its largest.
    """
    largest = largest_cap(stage.facts, variant)
    if stage.cap is not None:
        return (min(stage.cap, largest),)
    return (largest,) if stage.facts.discipline == "lockstep" else caps_up_to(largest)


def ours(ask: Ask) -> bool:
    """Whether the number of replicas is ours to choose."""
    return ask.serving is None and ask.facts.scales and _permits(ask, "replicas")


def _permits(ask: Ask, actuator: Actuator) -> bool:
    return actuator in ask.facts.actuators


def _stage(ask: Ask, facts: StageFacts) -> StageChoices:
    """What may not be changed keeps its value, as long as there is one that may still run."""
    now = ask.current.stages.get(facts.stage)
    variants = tuple(range(len(facts.variants)))
    if now is not None and not _permits(ask, "variant"):
        variants = tuple(index for index in variants if facts.variants[index].name == now.variant) or variants
    keeps = max(1, now.cap) if now is not None and not _permits(ask, "batch") else None
    return StageChoices(facts, variants, keeps)


def _modes(ask: Ask) -> tuple[ModeFacts, ...]:
    if _permits(ask, "features"):
        return ask.facts.modes
    return tuple(mode for mode in ask.facts.modes if mode.name == ask.current.mode) or ask.facts.modes


def _groups(ask: Ask, limits: Mapping[str, int]) -> tuple[GroupChoices, ...]:
    """Where a limit does not even leave the least, the least is none."""
    groups = tuple(_replicas(ask, facts) for facts in ask.facts.groups)
    if not limits:
        return groups
    wanted: dict[str, int] = {}
    for group in groups:
        wanted[group.facts.partition] = wanted.get(group.facts.partition, 0) + group.least
    short = {kind for kind, count in wanted.items() if kind and count > limits.get(kind, count)}
    return tuple(
        GroupChoices(group.facts, 0, group.most, True) if group.ours and group.facts.partition in short else group
        for group in groups
    )


def _replicas(ask: Ask, facts: GroupFacts) -> GroupChoices:
    """At least one, as nobody would hear a caller who knocks at an agent without replicas."""
    now = ask.current.replicas.get(facts.name)
    if ask.serving is not None:
        now = ask.serving.get(facts.name, 0)
    elif ours(ask):
        now = None
    if now is not None:
        return GroupChoices(facts, max(0, now), max(0, now), False)
    if facts.max_replicas <= 0:
        return GroupChoices(facts, 0, 0, False)
    least = max(1, facts.min_replicas)
    return GroupChoices(facts, least, max(least, facts.max_replicas), True)


def _most(choices: Choices, least: list[int], index: int) -> int:
    """Of one group. Its least where even that is too much."""
    low, high = least[index], choices.groups[index].most
    while low < high:
        middle = (low + high + 1) // 2
        if choices.affordable([*least[:index], middle, *least[index + 1 :]]):
            low = middle
        else:
            high = middle - 1
    return low
