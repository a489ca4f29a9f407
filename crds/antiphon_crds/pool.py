"""GPUPool: the nodes that carry agents, and how their GPUs are partitioned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import Duration, Hardware, ItemName, MigProfile, ShortText, SomeLabels, within
from antiphon_crds.status import Resource, StatusBase

_Price = Annotated[float, Field(ge=0, le=100_000)]
_Count = Annotated[int, Field(ge=0, le=100_000)]


class ProfileCount(Contract):
    """A number of partitions of one profile."""

    profile: MigProfile
    """MIG profile, such as 1g.18gb."""
    count: Annotated[int, Field(ge=1, le=64)]
    """How many."""


class Layout(Contract):
    """One way to cut a GPU, as mig-manager's configuration names it."""

    name: ItemName
    """Name in mig-manager's configuration, such as all-1g.18gb."""
    partitions: Annotated[list[ProfileCount], Field(min_length=1, max_length=8), ListMap("profile")]
    """Partitions that it gives of each GPU."""


class Partitioning(Contract):
    """How the pool's GPUs are cut."""

    mode: Literal["None", "Static", "Dynamic"] = "Static"
    """None: whole GPUs, or no GPU at all. Static: as somebody cut them. Dynamic: the control loop may cut them anew."""
    through: Literal["MigManager", "DynamicMIG"] | None = None
    """Who cuts, in mode Dynamic: mig-manager by its node label, or the DRA driver's DynamicMIG."""
    layouts: Annotated[list[Layout], Field(max_length=32), ListMap("name")] = []
    """Layouts that may be chosen, in mode Dynamic through MigManager."""
    max_concurrent: Annotated[int, Field(ge=1, le=100)] = 1
    """Most nodes that are cut at once."""
    timeout: Annotated[Duration, within("10s", "2h")] = "10m"
    """Time after which a repartition that is not done is undone."""
    cooldown: Annotated[Duration, within("0s", "24h")] = "30m"
    """Least time between two repartitions of one node."""

    rules = (
        Rule(
            "(self.mode == 'Dynamic') == has(self.through)",
            "mode is {self.mode} and through is '{has(self.through) ? self.through : ''}';"
            " through is given in mode Dynamic, and only then",
            "through",
        ),
        Rule(
            "(has(self.through) && self.through == 'MigManager') == (size(self.layouts) > 0)",
            "mode {self.mode} through '{has(self.through) ? self.through : ''}' has {size(self.layouts)} layouts;"
            " layouts are listed for MigManager, at least one, and only there",
            "layouts",
        ),
    )


class Prices(Contract):
    """What the pool costs, in any one currency; the same for all pools."""

    node_hour: _Price = 0.0
    """An hour of a node, without its GPUs."""
    gpu_hour: _Price = 0.0
    """An hour of a GPU; a partition costs its share of compute slices."""


class GPUPoolSpec(Contract):
    """Which nodes, how they are cut, what they cost."""

    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the pool is for."""
    node_selector: SomeLabels
    """Labels of the pool's nodes; at least one."""
    hardware: Hardware | None = None
    """Name under which profiles of VoiceModels know these GPUs or CPUs, such as h200-141gb. Default: from the nodes' labels."""
    backend: Literal["DevicePlugin", "DRA"] = "DevicePlugin"
    """How pods ask for partitions: extended resources, or claims of resource.k8s.io/v1."""
    partitioning: Partitioning = Partitioning()
    """How the GPUs are cut."""
    reserve: Annotated[list[ProfileCount], Field(max_length=8), ListMap("profile")] = []
    """Partitions kept free for spikes."""
    prices: Prices = Prices()
    """What it costs."""
    interconnect: Literal["NVLink", "PCIe"] = "PCIe"
    """What joins the GPUs of a node."""
    only_agents_of: Annotated[list[ItemName], Field(max_length=64), ListSet()] = []
    """Namespaces whose agents may use the pool. Empty: all."""

    rules = (
        Rule(
            "!has(self.partitioning.through) || self.partitioning.through != 'DynamicMIG' || self.backend == 'DRA'",
            "backend is {self.backend} and partitioning.through is DynamicMIG, which destroys foreign partitions;"
            " use backend DRA, or through MigManager",
            "backend",
        ),
        Rule(
            "self.partitioning.mode != 'None' || size(self.reserve) == 0",
            "partitioning.mode is None and reserve keeps {size(self.reserve)} profiles free; leave reserve out,"
            " or use mode Static or Dynamic",
            "reserve",
        ),
        Rule(
            "size(self.partitioning.layouts) == 0 || self.reserve.all(r, self.partitioning.layouts.exists(l,"
            " l.partitions.exists(p, p.profile == r.profile)))",
            "reserve has a profile that no layout gives ({self.reserve.map(r, r.profile)});"
            " reserve only profiles of partitioning.layouts",
            "reserve",
        ),
    )


class Placed(Contract):
    """One partition or whole GPU that is in use."""

    gpu: Annotated[int, Field(ge=0)]
    """Index of the GPU in its node."""
    profile: ShortText
    """Profile of the partition, or `whole`."""
    agent: ShortText
    """Agent that uses it, as namespace/name."""
    group: ShortText
    """Placement group that uses it."""
    pod: Annotated[str, Field(max_length=253)]
    """Pod that uses it."""


class NodeStatus(Contract):
    """One node of the pool."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the node."""
    product: ShortText = ""
    """GPU product, from the node's labels."""
    gpus: _Count = 0
    """GPUs of the node."""
    layout: ShortText = ""
    """Layout in force."""
    free: Annotated[dict[str, Annotated[int, Field(ge=0)]], Field(max_length=16)] = {}
    """Free partitions by profile."""
    placed: Annotated[list[Placed], Field(max_length=128)] = []
    """What is placed where."""


class GPUPoolStatus(StatusBase):
    """What is placed where."""

    nodes: _Count | None = None
    """Nodes of the pool."""
    gpus: _Count | None = None
    """GPUs of the pool."""
    partitions: _Count | None = None
    """Partitions of the pool."""
    partitions_used: _Count | None = None
    """Partitions in use."""
    node_status: Annotated[list[NodeStatus], Field(max_length=500), ListMap("name")] = []
    """Each node."""


class GPUPool(Resource):
    """Nodes whose GPUs, or parts of them, carry agents."""

    kind: Literal["GPUPool"] = "GPUPool"
    """Kind of the object."""
    spec: GPUPoolSpec
    """What is wanted."""
    status: GPUPoolStatus | None = None
    """What is."""
