"""From what is known of an agent to what it is to become, or why it stays as it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.control import StageTuning, Tuning
from antiphon_crds.placement import Partition, PlacementGroup
from antiphon_crds.problems import Problem, field_path
from antiphon_operator.kube.resources import DEPLOYMENTS, Resource
from antiphon_operator.names import ROTATE_ANNOTATION, child_name
from antiphon_operator.objects import Obj, name_of
from antiphon_operator.operate import reasons
from antiphon_operator.operate.conditions import Verdict, verdict
from antiphon_operator.operate.left_behind import control_token, tuning_of
from antiphon_operator.placing.choice import Choice, Misfit
from antiphon_operator.placing.place import ClusterView, place
from antiphon_operator.placing.usage import surge
from antiphon_operator.rendering.live_part import fitting, live_tuning
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan
from antiphon_policies.forecasting.expected import not_followed
from antiphon_policies.resolution import Catalog, Resolution, resolve


@dataclass(frozen=True)
class Wish:
    """What the control loop wants of a group; what it leaves out stays as the spec says."""

    replicas: int | None = None
    tuning: Tuning | None = None
    """Its generation does not count: generations are counted here."""


@dataclass(frozen=True)
class Situation:
    """All that judging an agent takes."""

    agent: VoiceAgent
    catalog: Catalog
    view: ClusterView
    children: Sequence[tuple[Resource, Obj]] = ()
    status: Mapping[str, object] = field(default_factory=dict)
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    """By group."""
    fresh_token: str = ""
    """A control token that nobody has, for the case that a new one is needed."""
    wanted_elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Replicas that all other groups want, by partition."""
    newer_tunings: Mapping[str, int] = field(default_factory=dict)
    """Generations, by group, that pods say they have beyond what we know of: ours must be above."""


@dataclass(frozen=True)
class Judgement:
    """What became of judging: with a plan, the agent is to become it; without, it stays as it is."""

    accepted: Verdict
    placed: Verdict
    resolution: Resolution | None = None
    plan: AgentPlan | None = None

    @property
    def is_accepted(self) -> bool:
        return self.accepted.reason.status == "True"


def unreadable(problems: Iterable[Problem]) -> Judgement:
    """An agent whose spec can't be read by this version."""
    return Judgement(verdict(reasons.INVALID, map(str, problems)), verdict(reasons.NOT_JUDGED))


def judge(situation: Situation) -> Judgement:
    resolution = resolve(situation.agent, situation.catalog)
    accepted = _accepted(resolution)
    against = Judgement(accepted, verdict(reasons.NOT_JUDGED), resolution)
    if not against.is_accepted:
        return against
    choices = {group.name: _choose(group, resolution, situation) for group in resolution.groups}
    misfits = {name: choice for name, choice in choices.items() if isinstance(choice, Misfit)}
    if misfits:
        return Judgement(accepted, _misplaced(misfits), resolution)
    fitting = {name: choice for name, choice in choices.items() if isinstance(choice, Choice)}
    where = ", ".join(f"{name}: {choice.partition}" for name, choice in fitting.items())
    placed = verdict(reasons.ALL_PLACED, [where])
    return Judgement(accepted, placed, resolution, _plan(resolution, fitting, situation))


def _accepted(resolution: Resolution) -> Verdict:
    findings = resolution.findings
    wrong = [finding for finding in findings if not finding.missing]
    told = [f"{field_path(finding.field)}: {finding.message}" for finding in findings]
    if wrong:
        return verdict(reasons.INVALID, told)
    if findings:
        return verdict(reasons.REFERENCE_MISSING, told)
    ignored = not_followed(resolution.agent.spec.traffic)
    return verdict(reasons.TRAFFIC_NOT_FOLLOWED, ignored) if ignored else verdict(reasons.VALID)


def _misplaced(misfits: Mapping[str, Misfit]) -> Verdict:
    first = next(iter(misfits.values()))
    reason = reasons.BY_NAME[reasons.PLACED, first.reason]
    return verdict(reason, (f"group {name}: {misfit.message}" for name, misfit in misfits.items()))


def _choose(group: PlacementGroup, resolution: Resolution, situation: Situation) -> Choice | Misfit:
    """Partition `auto` stays what it was while that still holds the models: a smaller one that appears moves nobody."""
    best = place(group, resolution, situation.view)
    before = _partition_before(group, situation.status)
    if group.partition.profile != "auto" or before is None or isinstance(best, Misfit) or best.partition == before:
        return best
    if best.memory_bytes is None or (own := _as_partition(before)) is None:
        return best
    kept = place(group.model_copy(update={"partition": own}), resolution, situation.view)
    return kept if isinstance(kept, Choice) and _holds_as_much(kept, best) else best


def _holds_as_much(one: Choice, other: Choice) -> bool:
    if one.memory_bytes is None or other.memory_bytes is None:
        return False
    return one.memory_bytes >= other.memory_bytes and one.variants == other.variants


def _partition_before(group: PlacementGroup, status: Mapping[str, object]) -> str | None:
    groups = status.get("groups")
    for known in groups if isinstance(groups, list) else ():
        if known.get("name") == group.name:
            return known.get("partition") or None
    return None


def _as_partition(text: str) -> Partition | None:
    """What `Choice.partition` says, as a user would ask for it. None for the CPU: `auto` leaves it when it must."""
    head, _, tail = text.partition(" ")
    if tail in ("GPU", "GPUs") and head.isdigit():
        return Partition(gpus=int(head))
    return Partition(profile=text) if not tail else None


def _plan(resolution: Resolution, choices: Mapping[str, Choice], situation: Situation) -> AgentPlan:
    agent = situation.agent
    rotation = agent.metadata.annotations.get(ROTATE_ANNOTATION, "")
    token = control_token(situation.children, agent.metadata.name, rotation) or situation.fresh_token
    groups = tuple(_group_plan(group, resolution, choices[group.name], situation) for group in resolution.groups)
    return AgentPlan(resolution, agent.metadata.uid or "", token, rotation, groups)


def _group_plan(group: PlacementGroup, resolution: Resolution, choice: Choice, situation: Situation) -> GroupPlan:
    agent = situation.agent.metadata.name
    wish = situation.wishes.get(group.name, Wish())
    replicas = wanted_replicas(group, situation.agent, _live_replicas(agent, group, situation.children), wish)
    free = surge(choice, replicas, situation.wanted_elsewhere.get(choice.partition, 0))
    return GroupPlan(group, choice, replicas, _tuning(group, resolution, choice, situation), free)


def wanted_replicas(group: PlacementGroup, agent: VoiceAgent, live: int | None, wish: Wish) -> int:
    """In mode External the spec's; in mode SLA the loop's, until it speaks what runs already, and at first the spec's."""
    scaling = agent.spec.scaling
    fewest = scaling.min_replicas if group.min_replicas is None else group.min_replicas
    most = scaling.max_replicas if group.max_replicas is None else group.max_replicas
    if scaling.mode == "External":
        return 0 if scaling.replicas == 0 else _within(scaling.replicas, fewest, most)
    chosen = wish.replicas if wish.replicas is not None else live
    return _within(scaling.replicas if chosen is None else chosen, fewest, most)


def _within(number: int, least: int, most: int) -> int:
    return max(min(least, most), min(number, most))


def _live_replicas(agent: str, group: PlacementGroup, children: Iterable[tuple[Resource, Obj]]) -> int | None:
    for resource, child in children:
        if resource is DEPLOYMENTS and name_of(child) == child_name(agent, group.name):
            return int(child["spec"].get("replicas", 1))
    return None


def _tuning(group: PlacementGroup, resolution: Resolution, choice: Choice, situation: Situation) -> Tuning:
    """The spec's, with the loop's over it; its generation counts up when its content changes."""
    wish = situation.wishes.get(group.name, Wish())
    content = fitting(merged(live_tuning(group, resolution, choice), wish.tuning), group, resolution, choice)
    before = tuning_of(situation.children, child_name(situation.agent.metadata.name, group.name))
    floor = situation.newer_tunings.get(group.name, 0)
    if before is not None and floor <= before.generation and _same(before, content):
        return before
    known = before.generation if before is not None else _generation_told(situation.status)
    return content.model_copy(update={"generation": max(known, floor) + 1})


def _same(one: Tuning, other: Tuning) -> bool:
    return one.model_copy(update={"generation": other.generation}) == other


def _generation_told(status: Mapping[str, object]) -> int:
    """Where the ConfigMap is gone, the status still tells how far generations had come."""
    told = status.get("tuning")
    return int(told.get("generation", 0)) if isinstance(told, Mapping) else 0


def merged(spec: Tuning, wish: Tuning | None) -> Tuning:
    """What the wish says of a stage, feature or limit goes first; the rest is the spec's."""
    if wish is None:
        return spec
    stages = {stage.stage: stage for stage in spec.stages}
    for stage in wish.stages:
        stages[stage.stage] = _merged_stage(stages[stage.stage], stage) if stage.stage in stages else stage
    features = spec.features.model_copy(update=wish.features.model_dump(exclude_none=True))
    most = spec.max_sessions if wish.max_sessions is None else wish.max_sessions
    return Tuning(generation=spec.generation, stages=list(stages.values()), features=features, max_sessions=most)


def _merged_stage(spec: StageTuning, wish: StageTuning) -> StageTuning:
    """No batch goes beyond the spec's, which may have been lowered since the wish was made."""
    said = wish.model_dump(exclude_none=True)
    if wish.max_batch is not None and spec.max_batch is not None:
        said["max_batch"] = min(wish.max_batch, spec.max_batch)
    return spec.model_copy(update=said)


def in_force(
    agent: VoiceAgent,
    wishes: Mapping[str, Wish] | None,
    children: Iterable[tuple[Resource, Obj]],
    groups: Iterable[str],
) -> Mapping[str, Wish]:
    """What the control loop wants; None: it has not spoken since this operator began to lead, and what it wanted before, as
    pods still run with it, holds until it speaks. The rest of a tuning is the spec's, and is taken from there.

    Without a policy there is no loop: what it once wanted holds no longer.
    """
    if agent.spec.sla_policy is None:
        return {}
    if wishes is not None:
        return wishes
    known = list(children)
    found = {group: tuning_of(known, child_name(agent.metadata.name, group)) for group in groups}
    return {group: Wish(tuning=_of_the_loop(tuning)) for group, tuning in found.items() if tuning is not None}


def _of_the_loop(tuning: Tuning) -> Tuning:
    stages = [
        StageTuning(stage=stage.stage, variant=stage.variant, max_batch=stage.max_batch) for stage in tuning.stages
    ]
    return Tuning(generation=0, stages=stages, features=tuning.features)


def at_rest(judgement: Judgement, against: Verdict) -> Judgement:
    """The same, with something that the API server had to say against it."""
    return replace(judgement, accepted=against)
