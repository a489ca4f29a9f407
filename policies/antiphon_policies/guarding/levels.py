"""Puts what may be chosen in order: more capacity, or quicker and less good, is higher."""

from __future__ import annotations

from antiphon_crds.stages import Actuator
from antiphon_policies.facts import AgentFacts, Setting, StageFacts
from antiphon_policies.guarding.changes import Change, Direction

QUICKEST_FIRST: tuple[Actuator, ...] = ("batch", "features", "variant", "replicas", "partition")
"""How soon what is changed shows: a cap with the next batch, a replica after its start."""
AGENT = "agent"
"""Target of a change that is about the agent as a whole."""
NOT_ALLOWED = -1
"""Level of what runs and is not among what may be chosen any more: anything allowed is above it."""


def level(actuator: Actuator, target: str, value: str | int, facts: AgentFacts) -> int:
    if isinstance(value, int):
        return value
    names = choices(actuator, target, facts)
    return names.index(value) if value in names else NOT_ALLOWED


def choices(actuator: Actuator, target: str, facts: AgentFacts) -> tuple[str, ...]:
    """Names that may be chosen, the best quality first; of equally good variants, the slowest first."""
    if actuator == "features":
        return tuple(mode.name for mode in facts.modes)
    stage = stage_named(target, facts)
    if actuator != "variant" or stage is None:
        return ()
    ordered = sorted(stage.variants, key=lambda variant: (-variant.quality, -variant.service.mean_ms(1)))
    return tuple(variant.name for variant in ordered)


def at_level(change: Change, wanted: int, facts: AgentFacts) -> str | int:
    """The value of the change's target that has the level."""
    return wanted if isinstance(change.after, int) else choices(change.actuator, change.target, facts)[wanted]


def direction(actuator: Actuator, target: str, before: str | int, after: str | int, facts: AgentFacts) -> Direction:
    lower = level(actuator, target, after, facts) < level(actuator, target, before, facts)
    return "down" if lower else "up"


def value_of(setting: Setting, actuator: Actuator, target: str) -> str | int | None:
    """None: the setting has no such target."""
    if actuator == "features":
        return setting.mode
    if actuator == "replicas":
        return setting.replicas.get(target)
    found = next((each for name, each in setting.stages.items() if name == target), None)
    if found is None or actuator == "partition":
        return None
    return found.cap if actuator == "batch" else found.variant


def stage_named(target: str, facts: AgentFacts) -> StageFacts | None:
    return next((stage for stage in facts.stages if stage.stage == target), None)
