"""An agent in words: its stages and variants, its promises, its placement."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from antiphon_crds.placement import Partition, PlacementGroup
from antiphon_crds.policy import Objective
from antiphon_crds.voicemodel import Variant
from antiphon_operator.telling.promises import in_words
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.resolution import Resolution


def explain_agent(resolution: Resolution) -> RenderableType:
    agent = resolution.agent
    policy = f"  (SLAPolicy {agent.spec.sla_policy})" if agent.spec.sla_policy else ""
    head = Text.assemble(
        (f"VoiceAgent {agent.metadata.name}", "bold"), policy, f"\n  {agent.spec.description or 'No description.'}"
    )
    parts: list[RenderableType] = [head, _stages(resolution), _promises(resolution), _groups(resolution)]
    return Group(*parts, "")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index == 0, overflow="fold")
    return table


def _stages(resolution: Resolution) -> Table:
    table = _table("stage", "model", "variants, best first", "quality of the best")
    for resolved in resolution.stages:
        names = ", ".join(_variant(variant) for variant in resolved.variants)
        table.add_row(resolved.stage, resolved.spec.model, names, _quality(resolved.variants))
    return table


def _variant(variant: Variant) -> str:
    emulated = ", emulated" if variant.engine == "emulated" else ""
    return f"{variant.name} ({variant.memory.gpu or 'CPU'}{emulated})"


def _quality(variants: tuple[Variant, ...]) -> str:
    best = variants[0].quality if variants else []
    return ", ".join(f"{quality.metric} {quality.value:g} ({quality.dataset})" for quality in best) or "not measured"


def _promises(resolution: Resolution) -> Table:
    table = _table("promise", "what must hold", "window", "from")
    for effective in resolution.objectives:
        origin = "agent" if effective.from_agent else "policy"
        table.add_row(effective.objective.name, _promise(effective), effective.objective.window, origin)
    return table


def _promise(effective: EffectiveObjective) -> str:
    objective = effective.objective
    text = f"{in_words(objective)} {_target(objective)}"
    if effective.planning_target_ms != objective.target_ms:
        text += f", {effective.planning_target_ms} ms of it for the pods"
    return text


def _target(objective: Objective) -> str:
    if objective.target_ms is not None:
        return f"<= {objective.target_ms} ms"
    if objective.max_ratio is not None:
        return f"<= {objective.max_ratio * 100:g} %"
    return f">= {objective.min_per_second:g} a second"


def _groups(resolution: Resolution) -> Table:
    table = _table("group", "stages", "partition", "replicas", "note")
    for group in resolution.groups:
        table.add_row(group.name, ", ".join(group.stages), _partition(group.partition), *_replicas(resolution, group))
    return table


def _partition(partition: Partition) -> str:
    if partition.gpus is not None:
        return "a whole GPU" if partition.gpus == 1 else f"{partition.gpus} whole GPUs"
    if partition.memory is not None:
        return f"at least {partition.memory}"
    return {"auto": "smallest that fits", "none": "CPU only"}.get(partition.profile or "", partition.profile or "")


def _replicas(resolution: Resolution, group: PlacementGroup) -> tuple[str, str]:
    scaling = resolution.agent.spec.scaling
    least = scaling.min_replicas if group.min_replicas is None else group.min_replicas
    most = scaling.max_replicas if group.max_replicas is None else group.max_replicas
    note = f"overflow of {group.overflow.group}" if group.overflow else ""
    return f"{least}" if least == most else f"{least} to {most}", note
