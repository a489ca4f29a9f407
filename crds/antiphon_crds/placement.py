"""Which stages of an agent run together, on what, and how many of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import (
    CpuQuantity,
    GroupName,
    ItemName,
    Labels,
    MemoryQuantity,
    Milliseconds,
    ObjectName,
    ProfileOrAuto,
    Ratio,
)
from antiphon_crds.stages import Stage

_Replicas = Annotated[int, Field(ge=0, le=1000)]


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
