"""CPU, memory and partition that one replica asks for."""

from __future__ import annotations

from decimal import Decimal

from antiphon_crds.durations import parse_quantity_bytes
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.voicemodel import Variant
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.group_stages import local_stages, variants_in
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan
from antiphon_operator.rendering.quantities import cpu_cores, cpu_quantity, memory_quantity, stored_memory
from antiphon_policies.resolution import Resolution, ResolvedStage

CLAIM = "partition"
"""Name in the pod of the claim for its partition."""
SHARED_MEMORY_BYTES = 1 << 30
"""Shared memory of a pod with GPUs: the processes of a tensor-parallel engine speak through it."""

_OWN_CORES = Decimal("0.25")
_OWN_BYTES = 256 << 20
"""The runtime itself: interpreter, libraries, event loop."""
_HEADROOM_PERCENT = 20
_STEP_BYTES = 64 << 20
_UNKNOWN_SESSIONS = 16
"""Sessions to provide memory for where nobody bounds them: the pod measures what it holds only when it runs."""


def container_resources(plan: AgentPlan, group_plan: GroupPlan) -> Obj:
    """Memory's limit is its request, so that no pod lives on memory that its node has not got.

    CPU is bounded by its request where it is whole cores: the pod then has them for itself under the kubelet's static CPU
    manager, and what it measures at its start, when its neighbours may be idle, is what it has later. A share of a core is
    not bounded: with a quota that small the voice would stand still for most of each period.
    """
    group, resolution = group_plan.group, plan.resolution
    cpu = cpu_cores(group.resources.cpu) if group.resources.cpu else needed_cores(group_plan, resolution)
    given = group.resources.memory
    memory = stored_memory(given) if given else memory_quantity(needed_bytes(group_plan, resolution))
    partitions = {name: str(count) for name, count in group_plan.choice.resources.items()}
    limits = {"memory": memory, **({"cpu": cpu_quantity(cpu)} if cpu == cpu.to_integral_value() else {})}
    resources: Obj = {
        "requests": {"cpu": cpu_quantity(cpu), "memory": memory, **partitions},
        "limits": {**limits, **partitions},
    }
    return resources if group_plan.choice.claim is None else {**resources, "claims": [{"name": CLAIM}]}


def needed_cores(group_plan: GroupPlan, resolution: Resolution) -> Decimal:
    """All workers of all stages at once, and the runtime itself; whole cores where it is more than one."""
    stages = local_stages(group_plan.group, resolution)
    busy = sum((_stage_cores(group_plan, resolved) for resolved in stages), _OWN_CORES)
    return max(Decimal(1), busy.to_integral_value("ROUND_CEILING")) if busy > 1 else busy


def needed_bytes(group_plan: GroupPlan, resolution: Resolution) -> int:
    """All stages warm, one of them twice while its variant is switched, every session's share, and headroom."""
    group = group_plan.group
    stages = [_copies(group_plan, resolved) for resolved in local_stages(group, resolution)]
    warm = sum(max(map(_host_bytes, each), default=0) for copies in stages for each in copies)
    switched = max((max(map(_host_bytes, copies[0])) for copies in stages if len(copies[0]) > 1), default=0)
    sessions = group.max_sessions or resolution.agent.spec.sessions.max_per_replica or _UNKNOWN_SESSIONS
    of_sessions = sessions * sum(max(map(_session_bytes, copies[0]), default=0) for copies in stages)
    shared = SHARED_MEMORY_BYTES if has_partition(group_plan) else 0
    needed = _OWN_BYTES + warm + switched + of_sessions + shared + _cache_bytes(group, resolution)
    with_headroom = needed * (100 + _HEADROOM_PERCENT) // 100
    return -(-with_headroom // _STEP_BYTES) * _STEP_BYTES


def has_partition(group_plan: GroupPlan) -> bool:
    """Whether its pods have a GPU, or a part of one."""
    return bool(group_plan.choice.resources) or group_plan.choice.claim is not None


def _stage_cores(group_plan: GroupPlan, resolved: ResolvedStage) -> Decimal:
    variants = variants_in(group_plan.group, resolved, group_plan.choice)
    largest = max((cpu_cores(variant.cpu) for variant in variants), default=Decimal(0))
    return largest * (resolved.spec.concurrency.workers or 1)


def _copies(group_plan: GroupPlan, resolved: ResolvedStage) -> list[list[Variant]]:
    """The variants of each model that is loaded for the stage, its own first."""
    beside = [choice for choice in (resolved.trial, resolved.turn_end) if choice is not None]
    return [variants_in(group_plan.group, resolved, group_plan.choice), *(list(choice.variants) for choice in beside)]


def _host_bytes(variant: Variant) -> int:
    return parse_quantity_bytes(variant.memory.host)


def _session_bytes(variant: Variant) -> int:
    """Of main memory: a session takes more of the memory that its model is in."""
    memory = variant.memory
    return parse_quantity_bytes(memory.per_session) if memory.per_session and not memory.gpu else 0


def _cache_bytes(group: PlacementGroup, resolution: Resolution) -> int:
    """Frames that lip-sync keeps."""
    lipsync = resolution.agent.spec.pipeline.lipsync
    if lipsync is None or "lipsync" not in group.stages:
        return 0
    return parse_quantity_bytes(lipsync.options.cache.memory)
