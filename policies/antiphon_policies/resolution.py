"""Resolves what an agent names - policy, models, variants, pools - and finds what does not fit together.

What one object can say about itself is judged in `antiphon_crds`; here is only what takes several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.durations import parse_quantity_bytes
from antiphon_crds.pipeline import StageBase, VadStage
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.policy import QualityFloor, SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.stages import STAGES, Stage
from antiphon_crds.voicemodel import Quality, Variant, VoiceModel
from antiphon_policies.objectives import EffectiveObjective, effective_objectives, loosens, same_promise, target_of


@dataclass(frozen=True)
class Catalog:
    """The cluster-scoped objects that agents name, by name."""

    policies: Mapping[str, SLAPolicy] = field(default_factory=dict)
    models: Mapping[str, VoiceModel] = field(default_factory=dict)
    pools: Mapping[str, GPUPool] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """Something that does not fit. `missing`: the object named is not there, and everything may fit once it is."""

    field: tuple[str | int, ...]
    message: str
    missing: bool = False


@dataclass(frozen=True)
class ChosenModel:
    """A model that is named beside a stage's own, with the variants that may run."""

    model: VoiceModel
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class ResolvedStage:
    """A stage with the variants that may run, those below a quality floor left out."""

    stage: Stage
    spec: StageBase
    model: VoiceModel
    variants: tuple[Variant, ...]
    trial: ChosenModel | None = None
    """The model on trial. None too where it was not found."""
    turn_end: ChosenModel | None = None
    """The model that judges whether a turn is over. None too where it was not found."""


@dataclass(frozen=True)
class Resolution:
    """An agent with everything that it names."""

    agent: VoiceAgent
    policy: SLAPolicy | None
    objectives: tuple[EffectiveObjective, ...]
    stages: tuple[ResolvedStage, ...]
    groups: tuple[PlacementGroup, ...]
    findings: tuple[Finding, ...]


def resolve(agent: VoiceAgent, catalog: Catalog) -> Resolution:
    spec = agent.spec
    policy = catalog.policies.get(spec.sla_policy) if spec.sla_policy else None
    floors = policy.spec.quality if policy else []
    findings: list[Finding] = [*_policy_findings(agent, policy), *_pool_findings(agent, catalog)]
    stages: list[ResolvedStage] = []
    for stage, stage_spec in stages_of(agent):
        allowed, found = _allowed_variants(stage, stage_spec, catalog)
        good = tuple(variant for variant in allowed if not below_floor(stage, variant, floors))
        findings += found
        if allowed and not good:
            findings.append(_no_variant_good_enough(stage, stage_spec, floors))
        if allowed:
            stages.append(_resolved(stage, stage_spec, good, catalog))
    groups = groups_of(agent)
    findings += _hearing_findings(agent, stages)
    findings += (finding for index, group in enumerate(groups) for finding in _group_findings(index, group, stages))
    objectives = tuple(effective_objectives(policy, spec.objectives, [stage for stage, _ in stages_of(agent)]))
    findings += _playback_findings(agent, policy, objectives)
    return Resolution(agent, policy, objectives, tuple(stages), groups, tuple(findings))


def stages_of(agent: VoiceAgent) -> Iterator[tuple[Stage, StageBase]]:
    """The stages that the agent's pipeline has, in the order of the pipeline."""
    for stage in STAGES:
        spec: StageBase | None = getattr(agent.spec.pipeline, stage)
        if spec is not None:
            yield stage, spec


def groups_of(agent: VoiceAgent) -> tuple[PlacementGroup, ...]:
    """The placement groups; one named `main` with every stage where none is given."""
    if agent.spec.placement.groups:
        return tuple(agent.spec.placement.groups)
    return (PlacementGroup(name="main", stages=[stage for stage, _ in stages_of(agent)]),)


def _policy_findings(agent: VoiceAgent, policy: SLAPolicy | None) -> Iterator[Finding]:
    name = agent.spec.sla_policy
    if name is None:
        return
    if policy is None:
        yield Finding(("spec", "slaPolicy"), f"there is no SLAPolicy {name}", missing=True)
        return
    for index, own in enumerate(agent.spec.objectives):
        where = ("spec", "objectives", index)
        for policys in policy.spec.objectives:
            if own.name == policys.name and not same_promise(own, policys):
                yield Finding(where, f"{own.name} is another promise than {policys.name} of policy {name}; rename it")
            elif same_promise(own, policys) and loosens(own, policys):
                yield Finding(
                    where,
                    f"{own.name} with {target_of(own):g} loosens {policys.name} of policy {name};"
                    f" an agent may only tighten it: use {target_of(policys):g} or stricter",
                )


def _pool_findings(agent: VoiceAgent, catalog: Catalog) -> Iterator[Finding]:
    for index, group in enumerate(agent.spec.placement.groups):
        where = ("spec", "placement", "groups", index, "pool")
        if group.pool is None:
            continue
        pool = catalog.pools.get(group.pool)
        if pool is None:
            yield Finding(where, f"there is no GPUPool {group.pool}", missing=True)
        elif pool.spec.only_agents_of and (agent.metadata.namespace or "default") not in pool.spec.only_agents_of:
            yield Finding(where, f"pool {group.pool} is only for agents of {', '.join(pool.spec.only_agents_of)}")


def _allowed_variants(stage: Stage, spec: StageBase, catalog: Catalog) -> tuple[tuple[Variant, ...], list[Finding]]:
    where: tuple[str | int, ...] = ("spec", "pipeline", stage)
    allowed, findings = _variants_of(stage, spec.model, spec.variants, catalog, where)
    if spec.trial:
        findings += _variants_of(stage, spec.trial.model, spec.trial.variants, catalog, (*where, "trial"))[1]
    if isinstance(spec, VadStage) and spec.turn_end_model:
        findings += _variants_of(stage, spec.turn_end_model, [], catalog, where, "turnEndModel")[1]
    return allowed, findings


def _resolved(stage: Stage, spec: StageBase, good: tuple[Variant, ...], catalog: Catalog) -> ResolvedStage:
    trial = _chosen(stage, spec.trial.model, spec.trial.variants, catalog) if spec.trial else None
    judge = spec.turn_end_model if isinstance(spec, VadStage) else None
    turn_end = _chosen(stage, judge, [], catalog) if judge else None
    return ResolvedStage(stage, spec, catalog.models[spec.model], good, trial, turn_end)


def _chosen(stage: Stage, name: str, wanted: list[str], catalog: Catalog) -> ChosenModel | None:
    variants, _ = _variants_of(stage, name, wanted, catalog, ())
    return ChosenModel(catalog.models[name], variants) if variants else None


def _variants_of(
    stage: Stage,
    name: str,
    wanted: list[str],
    catalog: Catalog,
    where: tuple[str | int, ...],
    field_name: str = "model",
) -> tuple[tuple[Variant, ...], list[Finding]]:
    model = catalog.models.get(name)
    if model is None:
        return (), [Finding((*where, field_name), f"there is no VoiceModel {name}", missing=True)]
    if model.spec.stage != stage:
        return (), [Finding((*where, field_name), f"VoiceModel {name} serves stage {model.spec.stage}, not {stage}")]
    known = {variant.name: variant for variant in model.spec.variants}
    unknown = [variant for variant in wanted if variant not in known]
    if unknown:
        message = f"VoiceModel {name} has no variant {', '.join(unknown)}; it has {', '.join(known)}"
        return (), [Finding((*where, "variants"), message)]
    return tuple(known[variant] for variant in wanted or known), []


def below_floor(stage: Stage, variant: Variant, floors: list[QualityFloor]) -> bool:
    """Whether the variant is known to break a floor of its stage. What was never measured is not known to."""
    return any(_breaks(floor, quality) for floor in floors if floor.stage == stage for quality in variant.quality)


def _breaks(floor: QualityFloor, quality: Quality) -> bool:
    if quality.metric != floor.metric or floor.dataset not in (None, quality.dataset):
        return False
    too_much = floor.max is not None and quality.value > floor.max
    return too_much or (floor.min is not None and quality.value < floor.min)


def _no_variant_good_enough(stage: Stage, spec: StageBase, floors: list[QualityFloor]) -> Finding:
    wanted = ", ".join(
        f"{floor.metric} {'<=' if floor.max is not None else '>='} {floor.max if floor.max is not None else floor.min:g}"
        for floor in floors
        if floor.stage == stage
    )
    message = f"no allowed variant of {spec.model} meets the policy's floor ({wanted}); allow a better one"
    return Finding(("spec", "pipeline", stage, "variants"), message)


def _hearing_findings(agent: VoiceAgent, stages: list[ResolvedStage]) -> Iterator[Finding]:
    if agent.spec.pipeline.asr is not None:
        return
    for resolved in stages:
        deaf = [variant.name for variant in resolved.variants if not variant.capabilities.audio_input]
        if resolved.stage == "llm" and deaf:
            message = (
                f"there is no asr, and variants {', '.join(deaf)} of {resolved.spec.model} can't hear audio; add asr"
            )
            yield Finding(("spec", "pipeline", "llm", "model"), message)


def _playback_findings(
    agent: VoiceAgent, policy: SLAPolicy | None, objectives: tuple[EffectiveObjective, ...]
) -> Iterator[Finding]:
    held_back = agent.spec.audio.playback_delay_ms
    if policy is None or held_back <= policy.spec.budget.playback_ms:
        return
    if any(effective.objective.indicator == "mouthToEar" for effective in objectives):
        message = (
            f"{held_back} ms are held back before they are played, and the budget of policy {policy.metadata.name} has"
            f" {policy.spec.budget.playback_ms} ms for playback; hold back less, or raise budget.playbackMs"
        )
        yield Finding(("spec", "audio", "playbackDelayMs"), message)


def _group_findings(index: int, group: PlacementGroup, stages: list[ResolvedStage]) -> Iterator[Finding]:
    where = ("spec", "placement", "groups", index, "partition")
    for resolved in stages:
        if resolved.stage not in group.stages or not resolved.variants:
            continue
        names = {narrowed.stage: narrowed.names for narrowed in group.variants}.get(resolved.stage)
        chosen = [variant for variant in resolved.variants if names is None or variant.name in names]
        reasons = [_misfit(group, variant) for variant in chosen]
        if not chosen:
            message = f"group {group.name} narrows {resolved.stage} to {', '.join(names or [])}, none of which may run"
            yield Finding((*where[:-1], "variants"), message)
        elif all(reasons):
            told = "; ".join(sorted({reason for reason in reasons if reason}))
            yield Finding(where, f"no allowed variant of {resolved.spec.model} fits into group {group.name}: {told}")


def _misfit(group: PlacementGroup, variant: Variant) -> str | None:
    """Why the variant can't run in the group's partition, or None where nothing is known against it."""
    partition, needed = group.partition, variant.memory.gpu
    if needed is None:
        return None
    if partition.profile == "none":
        return f"{variant.name} needs {needed} of GPU memory and the group has no GPU"
    if partition.memory and parse_quantity_bytes(partition.memory) < parse_quantity_bytes(needed):
        return f"{variant.name} needs {needed} of GPU memory and the partition has {partition.memory}"
    if variant.gpus > (partition.gpus or 1) and partition.profile != "auto":
        return f"{variant.name} needs {variant.gpus} GPUs and the group has {partition.gpus or 'a part of one'}"
    return None
