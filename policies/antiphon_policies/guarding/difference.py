"""From two settings to what has to be changed, and from what was let through back to a setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from antiphon_crds.stages import Actuator, Stage
from antiphon_policies.facts import AgentFacts, Setting, StageSetting
from antiphon_policies.guarding.changes import Change, Direction
from antiphon_policies.guarding.levels import AGENT, QUICKEST_FIRST, direction, value_of


def changes(current: Setting, wanted: Setting, facts: AgentFacts) -> tuple[Change, ...]:
    """What takes `current` to `wanted`, the quickest first. Of stages and groups that both settings and the facts have."""
    return tuple(
        Change(actuator, target, before, after, direction(actuator, target, before, after, facts))
        for actuator, target in targets(facts)
        for before, after in [(value_of(current, actuator, target), value_of(wanted, actuator, target))]
        if before is not None and after is not None and before != after
    )


def targets(facts: AgentFacts) -> Iterator[tuple[Actuator, str]]:
    """All that can be changed, the quickest first."""
    stages = [stage.stage for stage in facts.stages]
    where: Mapping[Actuator, Iterable[str]] = {
        "batch": stages,
        "features": [AGENT],
        "variant": stages,
        "replicas": [group.name for group in facts.groups],
    }
    for actuator in QUICKEST_FIRST:
        for target in where.get(actuator, ()):
            yield actuator, target


def with_changes(current: Setting, passed: Iterable[Change]) -> Setting:
    """The setting once the changes are made. A change of a target that it does not have changes nothing."""
    for change in passed:
        current = _with_change(current, change)
    return current


def inverse(change: Change, undoes: str) -> Change:
    """What takes it back."""
    back: Direction = "down" if change.direction == "up" else "up"
    return Change(change.actuator, change.target, change.after, change.before, back, undoes)


def _with_change(current: Setting, change: Change) -> Setting:
    if change.actuator == "features":
        return replace(current, mode=str(change.after))
    if change.actuator == "replicas" and change.target in current.replicas:
        return replace(current, replicas={**current.replicas, change.target: int(change.after)})
    stages: dict[Stage, StageSetting] = {
        stage: _with_stage_change(setting, change) if stage == change.target else setting
        for stage, setting in current.stages.items()
    }
    return replace(current, stages=stages)


def _with_stage_change(setting: StageSetting, change: Change) -> StageSetting:
    if change.actuator == "batch":
        return replace(setting, cap=int(change.after))
    return replace(setting, variant=str(change.after)) if change.actuator == "variant" else setting
