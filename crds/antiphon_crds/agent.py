"""VoiceAgent: what an application team asks for, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap, ListSet
from antiphon_crds.pipeline import Audio, Pipeline
from antiphon_crds.policy import Objectives
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import (
    CpuQuantity,
    Cron,
    Duration,
    GroupName,
    Image,
    ItemName,
    Labels,
    MemoryQuantity,
    Milliseconds,
    ObjectName,
    Origin,
    ProfileOrAuto,
    Ratio,
    SecretKeyName,
    ShortText,
    Timestamp,
    TimeZone,
    Url,
    within,
)
from antiphon_crds.stages import STAGES, Actuator, Stage
from antiphon_crds.status import API_VERSION, Metadata, StatusBase

_Replicas = Annotated[int, Field(ge=0, le=1000)]
_Text = Annotated[str, Field(max_length=1024)]


# --- scaling -------------------------------------------------------------------------------------------------------


class Scaling(Contract):
    """How many replicas each placement group runs."""

    mode: Literal["SLA", "External"] = "SLA"
    """SLA: the control loop chooses between minReplicas and maxReplicas. External: `replicas` rules, written through the
    scale subresource by people or by another autoscaler."""
    min_replicas: _Replicas = 1
    """Fewest replicas. 0 lets an agent without calls go to sleep; its next caller waits for a start."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = 8
    """Most replicas."""
    replicas: _Replicas = 1
    """Replicas in mode External; 0 stops the agent. In mode SLA only the number to start with."""

    rules = (
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "minReplicas is {self.minReplicas}; it must be at most maxReplicas, {self.maxReplicas}",
            "minReplicas",
        ),
        Rule(
            "self.replicas <= self.maxReplicas",
            "replicas is {self.replicas}; it must be at most maxReplicas, {self.maxReplicas}",
            "replicas",
        ),
        Rule(
            "self.mode != 'External' || self.replicas == 0 || self.replicas >= self.minReplicas",
            "replicas is {self.replicas} in mode External; it must be 0 or at least minReplicas, {self.minReplicas}",
            "replicas",
        ),
    )


# --- placement -----------------------------------------------------------------------------------------------------


class Partition(Contract):
    """The GPU share of one replica: exactly one of profile, memory and gpus."""

    profile: ProfileOrAuto | None = None
    """`auto`: the smallest that holds the models. `none`: CPU only. Else a MIG profile, such as 1g.18gb."""
    memory: MemoryQuantity | None = None
    """The smallest partition with at least this much GPU memory, such as 20Gi."""
    gpus: Annotated[int, Field(ge=1, le=64)] | None = None
    """Whole GPUs, unpartitioned."""

    rules = (
        Rule(
            "[has(self.profile), has(self.memory), has(self.gpus)].filter(given, given).size() == 1",
            "{[has(self.profile), has(self.memory), has(self.gpus)].filter(given, given).size()} ways to choose a partition"
            " are given; give exactly one of profile, memory and gpus",
        ),
    )


class Topology(Contract):
    """Where a replica's GPUs, cores and memory lie to one another."""

    numa: Literal["Pin", "Prefer", "Ignore"] = "Prefer"
    """Pin: every process keeps to the cores and memory of its own GPU's NUMA node, or the replica waits. Prefer: where it can
    be had. Ignore: anywhere."""
    gpus_within: Literal["NumaNode", "Node"] = "Node"
    """How near the GPUs of one replica lie to each other, where it has several."""
    interconnect: Literal["NVLink", "PCIeSwitch", "Any"] = "Any"
    """What must join the GPUs of one replica, where it has several."""
    gpu_indices: Annotated[list[Annotated[int, Field(ge=0, le=63)]], Field(max_length=64), ListSet()] = []
    """GPUs of the node, by index, that the group keeps to. Empty: any."""


class Toleration(Contract):
    """A taint that the pods tolerate, as in a pod's spec."""

    key: Annotated[str, Field(max_length=316)] | None = None
    """Key of the taint. Left out with operator Exists: every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """How key and value are compared."""
    value: Annotated[str, Field(max_length=63)] | None = None
    """Value of the taint, for operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Left out: every effect."""

    rules = (
        Rule(
            "self.operator != 'Exists' || !has(self.value)",
            "operator is Exists and value is '{self.value}'; leave value out, or use operator Equal",
            "value",
        ),
        Rule(
            "self.operator != 'Equal' || has(self.key)",
            "operator is Equal and there is no key; give the taint's key, or use operator Exists",
            "key",
        ),
    )


class Resources(Contract):
    """CPU and memory of one replica. What is left out follows from the models' needs."""

    cpu: CpuQuantity | None = None
    """Cores, such as 500m or 24."""
    memory: MemoryQuantity | None = None
    """Main memory, such as 20Gi."""


class Overflow(Contract):
    """Makes a group the overflow of another one: it serves only what that one can't within its limits."""

    group: GroupName
    """Name of the group that goes first."""
    when_p99_ms: Milliseconds | None = None
    """Send sessions here while the first group's p99 is above this, in milliseconds."""
    when_utilization: Annotated[float, Field(ge=0.1, le=1)] | None = None
    """Send sessions here while the first group's share of used capacity is above this, 0.1 to 1."""
    max_share: Ratio = 0.2
    """Most of the load that goes here, 0 to 1, as long as the first group keeps its limits."""

    rules = (
        Rule(
            "has(self.whenP99Ms) || has(self.whenUtilization)",
            "overflow of group '{self.group}' never begins; give whenP99Ms, whenUtilization or both",
            "whenP99Ms",
        ),
    )


class GroupVariants(Contract):
    """The variants of one stage that may run in a group."""

    stage: Stage
    """The stage."""
    names: Annotated[list[ItemName], Field(min_length=1, max_length=16), ListSet()]
    """Names of the variants."""


class PlacementGroup(Contract):
    """Stages that run together in one pod."""

    name: GroupName
    """Name of the group, unique in the agent; a part of its objects' names."""
    stages: Annotated[list[Stage], Field(min_length=1, max_length=7), ListSet()]
    """Stages of the pipeline that run in the group's pods."""
    partition: Partition = Partition(profile="auto")
    """GPU share of one replica: exactly one of profile, memory and gpus."""
    min_replicas: _Replicas | None = None
    """Fewest replicas of this group. Default: the agent's."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Most replicas of this group. Default: the agent's."""
    max_sessions: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most sessions of one replica of this group. Default: sessions.maxPerReplica."""
    variants: Annotated[list[GroupVariants], Field(max_length=7), ListMap("stage")] = []
    """Narrows, for single stages, the variants that may run in this group. Default: the stage's."""
    overflow: Overflow | None = None
    """Set where the group only takes another group's overflow."""
    topology: Topology = Topology()
    """Where GPUs, cores and memory lie to one another."""
    resources: Resources = Resources()
    """CPU and memory of one replica."""
    pool: ObjectName | None = None
    """Name of the GPUPool whose nodes it runs on. Default: any that fits."""
    node_selector: Labels = {}
    """Labels that a node must have."""
    tolerations: Annotated[list[Toleration], Field(max_length=16)] = []
    """Taints that the pods tolerate."""

    rules = (
        Rule(
            "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
            "minReplicas of group '{self.name}' is {self.minReplicas}; it must be at most its maxReplicas, {self.maxReplicas}",
            "minReplicas",
        ),
        Rule(
            "size(self.topology.gpuIndices) == 0 || !has(self.partition.gpus)"
            " || self.partition.gpus <= size(self.topology.gpuIndices)",
            "group '{self.name}' asks for {self.partition.gpus} GPUs and keeps to {size(self.topology.gpuIndices)} by"
            " topology.gpuIndices; name at least as many",
            "topology",
        ),
        Rule(
            "self.variants.all(v, v.stage in self.stages)",
            "variants of group '{self.name}' are for {self.variants.map(v, v.stage)}, and its stages are {self.stages};"
            " narrow only the group's own stages",
            "variants",
        ),
        Rule(
            "!has(self.overflow) || self.overflow.group != self.name",
            "group '{self.name}' is the overflow of itself; name the group that goes first",
            "overflow",
        ),
    )


class Placement(Contract):
    """Which stages run together, and on what."""

    groups: Annotated[list[PlacementGroup], Field(max_length=8), ListMap("name")] = []
    """Groups of stages. Empty: one group named `main` with every stage and partition auto."""
    colocate: Literal["Node", "Zone", "Anywhere"] = "Anywhere"
    """How near the groups of one agent are kept to each other."""

    rules = (
        Rule(
            "self.groups.all(g, !has(g.overflow)"
            " || self.groups.exists(f, f.name == g.overflow.group && !has(f.overflow)))",
            "overflow.group must name a group that is not itself an overflow, one of"
            " {self.groups.filter(f, !has(f.overflow)).map(f, f.name)}; given:"
            " {self.groups.filter(g, has(g.overflow)).map(g, g.overflow.group)}",
            "groups",
        ),
        Rule(
            "self.groups.all(g, !has(g.overflow) || self.groups.all(f, f.name != g.overflow.group"
            " || (f.stages.all(s, s in g.stages) && g.stages.all(s, s in f.stages))))",
            "an overflow group ({self.groups.filter(g, has(g.overflow)).map(g, g.name)}) has other stages than the"
            " group it relieves; give it the same ones",
            "groups",
        ),
    )


# --- sessions, traffic, access, pods -------------------------------------------------------------------------------


class Sessions(Contract):
    """What a session is like, and how it ends."""

    duty_cycle: Annotated[float, Field(ge=0.01, le=1)] = 0.3
    """Share of a session in which the agent works (speaks, or draws)."""
    drain: Annotated[Duration, within("0s", "24h")] = "900s"
    """Time that a pod gets to finish its sessions before it goes; no call is cut within it."""
    max_per_replica: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most sessions of one replica. Default: what it measures at start-up."""
    idle_timeout: Annotated[Duration, within("1s", "24h")] = "5m"
    """Silence on both sides after which a session is ended."""
    max_duration: Annotated[Duration, within("10s", "24h")] = "2h"
    """Longest session."""
    resume_grace: Annotated[Duration, within("0s", "10m")] = "30s"
    """Time in which a client that lost its connection may take its session up again."""
    routing: Literal["LeastLoaded", "RoundRobin"] = "LeastLoaded"
    """How new sessions are spread over replicas."""

    rules = (
        Rule(
            "duration(self.idleTimeout) <= duration(self.maxDuration)",
            "idleTimeout is {self.idleTimeout}, longer than maxDuration, {self.maxDuration}; make it shorter",
            "idleTimeout",
        ),
    )


class ExpectedTraffic(Contract):
    """Traffic known beforehand; capacity for it is ready `lead` earlier."""

    name: ItemName
    """Name of the entry, unique in its list."""
    cron: Cron | None = None
    """When it begins, again and again: minute hour day month weekday. Exactly one of cron and at."""
    at: Timestamp | None = None
    """When it begins, once. Exactly one of cron and at."""
    duration: Annotated[Duration, within("1m", "168h")] = "1h"
    """How long it lasts."""
    sessions: Annotated[int, Field(ge=1, le=1_000_000)]
    """Concurrent sessions expected."""
    lead: Annotated[Duration, within("0s", "24h")] = "15m"
    """How long before it the capacity is made ready."""
    time_zone: TimeZone = "UTC"
    """Time zone of the cron line, such as Europe/Vienna."""

    rules = (
        Rule(
            "has(self.cron) != has(self.at)",
            "traffic '{self.name}' needs exactly one of cron (again and again) and at (once)",
            "cron",
        ),
    )


class SecretKey(Contract):
    """A key of a Secret in the agent's namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: SecretKeyName = "keys"
    """Key in it."""


class Access(Contract):
    """Who may talk to the agent."""

    api_keys: SecretKey | None = None
    """Secret with the accepted bearer keys, one a line. Left out: no key is asked for."""
    allowed_origins: Annotated[list[Origin], Field(max_length=32), ListSet()] = []
    """Web origins whose pages may connect, such as https://shop.example. Empty: only the agent's own page."""


class ModelCache(Contract):
    """Where models are kept: at most one of size, claim and image."""

    size: MemoryQuantity | None = None
    """Size of a scratch volume that goes with the pod. Default: as much as the models need."""
    claim: ObjectName | None = None
    """Name of a PersistentVolumeClaim that the pods share."""
    image: Image | None = None
    """OCI image that holds the models, mounted as a volume."""

    rules = (
        Rule(
            "[has(self.size), has(self.claim), has(self.image)].filter(given, given).size() <= 1",
            "{[has(self.size), has(self.claim), has(self.image)].filter(given, given).size()} model caches are given;"
            " give at most one of size, claim and image",
        ),
    )


class Runtime(Contract):
    """The pods themselves."""

    image: Image | None = None
    """Image of the runtime. Default: the operator's."""
    image_pull_secrets: Annotated[list[ObjectName], Field(max_length=8), ListSet()] = []
    """Secrets with which the image is pulled."""
    model_cache: ModelCache = ModelCache()
    """Where models are kept."""
    traces_endpoint: Url | None = None
    """OpenTelemetry endpoint that gets a trace of every turn."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""


# --- the kind ------------------------------------------------------------------------------------------------------


def _placed_once(stage: str) -> Rule:
    placed = f"self.placement.groups.filter(g, !has(g.overflow) && '{stage}' in g.stages)"
    return Rule(
        f"!has(self.pipeline.{stage}) || size(self.placement.groups) == 0 || {placed}.size() == 1",
        f"stage {stage} of the pipeline is in {{{placed}.size()}} placement groups (overflow apart);"
        " put it into exactly one's stages",
        "placement",
    )


def _placed_only_if_used(stage: str) -> Rule:
    return Rule(
        f"has(self.pipeline.{stage}) || !self.placement.groups.exists(g, '{stage}' in g.stages)",
        f"placement group {{self.placement.groups.filter(g, '{stage}' in g.stages).map(g, g.name)}} has stage"
        f" {stage}, which is not in the pipeline; take it out of the group's stages, or add pipeline.{stage}",
        "placement",
    )


def _objective_stage_used(stage: str) -> Rule:
    return Rule(
        f"has(self.pipeline.{stage}) || !self.objectives.exists(o, has(o.stage) && o.stage == '{stage}')",
        f"objective {{self.objectives.filter(o, has(o.stage) && o.stage == '{stage}').map(o, o.name)}} is about"
        f" stage {stage}, which is not in the pipeline; leave it out, or add pipeline.{stage}",
        "objectives",
    )


class VoiceAgentSpec(Contract):
    """A voice agent: its pipeline, its promises, its bounds."""

    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the agent is for."""
    pipeline: Pipeline
    """The stages and their models."""
    audio: Audio = Audio()
    """The audio path between client and pipeline."""
    sla_policy: ObjectName | None = None
    """Name of the SLAPolicy. Needed in scaling mode SLA."""
    objectives: Objectives = []
    """Objectives that tighten the policy's; a looser one is refused in condition Accepted."""
    scaling: Scaling = Scaling()
    """How many replicas run."""
    placement: Placement = Placement()
    """Which stages run together, and on what."""
    sessions: Sessions = Sessions()
    """What a session is like, and how it ends."""
    traffic: Annotated[list[ExpectedTraffic], Field(max_length=32), ListMap("name")] = []
    """Traffic known beforehand."""
    access: Access = Access()
    """Who may talk to the agent."""
    runtime: Runtime = Runtime()
    """The pods themselves."""

    rules = (
        Rule(
            "self.scaling.mode != 'SLA' || has(self.slaPolicy)",
            "scaling.mode is {self.scaling.mode} and there is no slaPolicy; name an SLAPolicy, or use mode External",
            "slaPolicy",
        ),
        Rule(
            "size(self.objectives) == 0 || has(self.slaPolicy)",
            "objectives tighten a policy's ({self.objectives.map(o, o.name)}) and there is no slaPolicy; name one",
            "objectives",
        ),
        Rule(
            "!has(self.pipeline.lipsync) || self.pipeline.lipsync.options.idleFrames || self.sessions.dutyCycle >= 0.99",
            "sessions.dutyCycle is {self.sessions.dutyCycle} and lipsync draws all the time, as options.idleFrames is false;"
            " set dutyCycle to 1, or idleFrames to true",
            "sessions",
        ),
        *(_placed_once(stage) for stage in STAGES),
        *(_placed_only_if_used(stage) for stage in STAGES),
        *(_objective_stage_used(stage) for stage in STAGES),
    )


# --- status --------------------------------------------------------------------------------------------------------


class StageStatus(Contract):
    """What one stage runs with now."""

    stage: Stage
    """The stage."""
    variant: Annotated[str, Field(max_length=63)]
    """Variant in force."""
    batch: Annotated[int, Field(ge=1)]
    """Cap of the batch in force."""


class ObjectiveStatus(Contract):
    """How one objective is kept."""

    name: ItemName
    """Name of the objective."""
    target: float
    """Target, in milliseconds, as a share, or a second."""
    observed: float | None = None
    """What was measured last, in the target's unit. Left out: unknown."""
    samples: Annotated[int, Field(ge=0)] = 0
    """Observations behind it."""
    attainment: Ratio | None = None
    """Share of the observations that kept the target."""
    error_budget_left: Annotated[float, Field(le=1)] | None = None
    """Share of the permitted misses that is left; negative when overspent."""
    state: Literal["Met", "AtRisk", "Breached", "Unknown"] = "Unknown"
    """Verdict."""


class Decision(Contract):
    """One decision of the control loop, and what came of it."""

    id: Annotated[str, Field(min_length=1, max_length=63)]
    """Identity of the decision."""
    time: Annotated[str, Field(max_length=35)]
    """When it was made."""
    actuator: Actuator
    """What was changed."""
    target: ShortText
    """Where: a stage or a placement group."""
    before: ShortText
    """Value before."""
    after: ShortText
    """Value after."""
    reason: Annotated[str, Field(max_length=128)]
    """Why, as one word for programs."""
    message: _Text = ""
    """Why, as a sentence, with the evidence."""
    expected: ShortText = ""
    """Effect that was expected."""
    observed: ShortText = ""
    """Effect that was observed; empty while it is awaited."""
    outcome: Literal["Pending", "Kept", "RolledBack", "Held", "Failed"] = "Pending"
    """What became of it."""


class TuningStatus(Contract):
    """How far the last tuning has come."""

    generation: Annotated[int, Field(ge=0)] = 0
    """Generation that is wanted."""
    pods_applied: Annotated[int, Field(ge=0)] = 0
    """Ready pods that have applied it."""
    pods_total: Annotated[int, Field(ge=0)] = 0
    """Ready pods."""


class GroupStatus(Contract):
    """One placement group."""

    name: GroupName
    """Name of the group."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """Replicas wanted."""
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    """Replicas ready."""
    partition: ShortText = ""
    """What one replica runs on."""
    sessions: Annotated[int, Field(ge=0)] = 0
    """Live sessions."""
    capacity: Annotated[int, Field(ge=0)] = 0
    """Sessions that its ready replicas hold."""


class VoiceAgentStatus(StatusBase):
    """What the agent is doing now."""

    phase: Literal["Pending", "Starting", "Ready", "Degraded", "Stopped", "Draining", "Invalid"] | None = None
    """The agent in one word."""
    replicas: Annotated[int, Field(ge=0)] | None = None
    """Replicas of its first group."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of its first group's pods, for the scale subresource."""
    ready: Annotated[str, Field(max_length=32)] | None = None
    """Ready and wanted replicas of all groups, such as 2/3."""
    sessions: Annotated[int, Field(ge=0)] | None = None
    """Live sessions."""
    capacity: Annotated[int, Field(ge=0)] | None = None
    """Sessions that ready replicas hold."""
    p95_ms: Annotated[float, Field(ge=0)] | None = None
    """p95 of a turn, in milliseconds. Left out: unknown."""
    sla: Literal["Met", "AtRisk", "Breached", "Unknown"] | None = None
    """Worst state of the objectives."""
    partition: ShortText | None = None
    """What its replicas run on."""
    endpoint: Annotated[str, Field(max_length=512)] | None = None
    """Address at which callers reach it."""
    stages: Annotated[list[StageStatus], Field(max_length=7), ListMap("stage")] = []
    """What each stage runs with."""
    objectives: Annotated[list[ObjectiveStatus], Field(max_length=32), ListMap("name")] = []
    """How each objective is kept."""
    groups: Annotated[list[GroupStatus], Field(max_length=8), ListMap("name")] = []
    """Each placement group."""
    tuning: TuningStatus | None = None
    """How far the last tuning has come."""
    decisions: Annotated[list[Decision], Field(max_length=20), ListMap("id")] = []
    """The last decisions, newest first."""


class VoiceAgent(Contract):
    """A voice agent that the operator runs and keeps inside its promises."""

    api_version: Literal["antiphon.dev/v1alpha1"] = API_VERSION
    """Version of the API."""
    kind: Literal["VoiceAgent"] = "VoiceAgent"
    """Kind of the object."""
    metadata: Metadata
    """Name, namespace, labels, annotations."""
    spec: VoiceAgentSpec
    """What is wanted."""
    status: VoiceAgentStatus | None = None
    """What is."""

    rules = (
        Rule(
            "size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name '{self.metadata.name}' can't begin the names of its Services; use at most 40 of a-z, 0-9 and -,"
            " with a letter first and no - last",
            "metadata",
        ),
    )
