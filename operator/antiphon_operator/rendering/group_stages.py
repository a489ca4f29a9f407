"""Which stages a group's pods run, which they reach in other groups, and who is reached by callers."""

from __future__ import annotations

from antiphon_crds.placement import PlacementGroup
from antiphon_crds.stages import STAGES_OF_ENGINE, Stage
from antiphon_crds.voicemodel import Variant
from antiphon_operator.placing.choice import Choice
from antiphon_policies.resolution import Resolution, ResolvedStage

_REACHABLE: tuple[Stage, ...] = STAGES_OF_ENGINE["openai"]
"""Stages that may run in other pods: each needs one request a turn, and not one a frame."""


def entry_group(resolution: Resolution) -> PlacementGroup:
    """The group that callers reach: the first that is no overflow."""
    return next(group for group in resolution.groups if group.overflow is None)


def takes_sessions(group: PlacementGroup, resolution: Resolution) -> bool:
    """Whether sessions live in its pods: the entry, and what takes the entry's overflow."""
    entry = entry_group(resolution).name
    return group.name == entry or (group.overflow is not None and group.overflow.group == entry)


def local_stages(group: PlacementGroup, resolution: Resolution) -> list[ResolvedStage]:
    """In the order of the pipeline."""
    return [resolved for resolved in resolution.stages if resolved.stage in group.stages]


def remote_stages(group: PlacementGroup, resolution: Resolution) -> list[tuple[ResolvedStage, PlacementGroup]]:
    """Stages that the group's sessions need and other groups serve, with the group that serves them.

    A stage that needs a request a frame can't be reached in other pods; it is left out.
    """
    if not takes_sessions(group, resolution):
        return []
    others = [resolved for resolved in resolution.stages if resolved.stage not in group.stages]
    return [(resolved, _serving(resolved.stage, resolution)) for resolved in others if resolved.stage in _REACHABLE]


def variants_in(group: PlacementGroup, resolved: ResolvedStage, choice: Choice | None) -> list[Variant]:
    """Those of the stage's allowed variants that may run in the group and, where a choice is known, fit into its partition.

    In the agent's order, or the model's: the best quality first.
    """
    narrowed = next((narrowed.names for narrowed in group.variants if narrowed.stage == resolved.stage), None)
    fitting = choice.variants.get(resolved.stage) if choice is not None else None
    bounds = [names for names in (narrowed, fitting) if names is not None]
    return [variant for variant in resolved.variants if all(variant.name in names for names in bounds)]


def _serving(stage: Stage, resolution: Resolution) -> PlacementGroup:
    return next(group for group in resolution.groups if stage in group.stages and group.overflow is None)
