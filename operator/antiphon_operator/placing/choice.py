"""What comes out of placing: a choice, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon_crds.stages import Stage


@dataclass(frozen=True)
class Choice:
    """What one replica of a group runs on."""

    partition: str
    """In the user's words: `1g.18gb`, `2 GPUs`, `CPU only`."""
    resources: Mapping[str, int] = field(default_factory=dict)
    """Extended resources that the container asks for, such as `nvidia.com/mig-1g.18gb: 1`. Empty for CPU and for a claim."""
    claim: Mapping[str, Any] | None = None
    """Spec of the ResourceClaim (resource.k8s.io/v1) that the pod asks for instead, where the pool says DRA."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels that a node must have, on top of the group's own."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """Taints that the pods tolerate, on top of the group's own."""
    hardware: str | None = None
    """Name under which the variants' profiles know it. None: the pod finds out."""
    slots: int | None = None
    """Replicas that all matching nodes hold in total, whoever uses them. None: not bounded by partitions (CPU)."""
    pool: str | None = None
    """GPUPool that it comes from."""
    memory_bytes: int | None = None
    """GPU memory of the partition, or of each GPU, that models can use. None: the CPU, or not known."""
    variants: Mapping[Stage, tuple[str, ...]] = field(default_factory=dict)
    """Variants that fit, by stage, where the partition does not hold all that are allowed. A stage left out: all of them."""


@dataclass(frozen=True)
class Misfit:
    """Why a group can't be placed."""

    reason: str
    """One of the reasons of condition Placed: `NoPartitionFits`, `NoNodeMatches`, `PoolMissing`, `PoolNotAllowed`."""
    message: str
    """What was needed, what the nodes have, and what to do."""
