"""Plans of agents as the operator would make them, from the examples and the presets of this repository."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from manifest_files import EXAMPLES, PRESETS, documents

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.base import Contract
from antiphon_crds.manifests import is_foreign, load
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.placing.choice import Choice
from antiphon_operator.rendering.live_part import live_tuning
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_policies.resolution import Catalog, Resolution, resolve

UID = "7f0c1f0e-3f5c-4a57-9a34-0d1a5f1c2b3d"
SETTINGS = RenderSettings(runtime_image="ghcr.io/antiphon-dev/antiphon-runtime:0.1.0")


@cache
def example_agents() -> dict[str, VoiceAgent]:
    """Every agent of the examples, by name."""
    return {found.metadata.name: found for found in _objects(*EXAMPLES) if isinstance(found, VoiceAgent)}


@cache
def example_catalog() -> Catalog:
    """All policies, models and pools of presets and examples."""
    found = _objects(*PRESETS, *EXAMPLES)
    return Catalog(
        {each.metadata.name: each for each in found if isinstance(each, SLAPolicy)},
        {each.metadata.name: each for each in found if isinstance(each, VoiceModel)},
        {each.metadata.name: each for each in found if isinstance(each, GPUPool)},
    )


def agent_with(agent: VoiceAgent, name: str | None = None, namespace: str = "default", **spec: Any) -> VoiceAgent:
    """The agent under another name, with `spec` (as in a manifest) on top of its own."""
    manifest = agent.to_manifest()
    manifest["metadata"] |= {"namespace": namespace, **({"name": name} if name else {})}
    manifest["spec"] |= spec
    return VoiceAgent.from_manifest(manifest)


def plan_of(agent: VoiceAgent, catalog: Catalog | None = None, **more: Any) -> AgentPlan:
    """Each group on the partition that it asks for by name, `auto` on 1g.18gb; `more` are fields of every GroupPlan."""
    resolution = resolve(agent, catalog or example_catalog())
    assert not resolution.findings, resolution.findings
    groups = tuple(group_plan_of(group, resolution, **more) for group in resolution.groups)
    return AgentPlan(resolution, UID, "a-token-for-tests", groups=groups)


def group_plan_of(group: PlacementGroup, resolution: Resolution, **more: Any) -> GroupPlan:
    choice = choice_of(group)
    plan = GroupPlan(group, choice, replicas=1, tuning=live_tuning(group, resolution, choice))
    return replace(plan, **more)


def choice_of(group: PlacementGroup) -> Choice:
    partition = group.partition
    if partition.gpus:
        return Choice(f"{partition.gpus} GPUs", {"nvidia.com/gpu": partition.gpus}, pool=group.pool)
    if partition.profile == "none":
        return Choice("CPU only", pool=group.pool)
    profile = "1g.18gb" if partition.profile in (None, "auto") else partition.profile
    return Choice(profile, {f"nvidia.com/mig-{profile}": 1}, pool=group.pool)


def example_plan(name: str = "hello-world") -> AgentPlan:
    return plan_of(example_agents()[name])


def _objects(*files: Path) -> list[Contract]:
    loaded = [load(document) for file in files for document in documents(file) if not is_foreign(document)]
    return [found.object for found in loaded if found.object is not None]
