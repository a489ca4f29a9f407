"""Where the groups of an agent run, in the words of planning. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from antiphon_crds.pool import GPUPool
from antiphon_operator.names import GROUP_LABEL
from antiphon_operator.objects import Obj, labels_of
from antiphon_operator.placing.choice import Choice
from antiphon_operator.placing.partition_table import compute_slices, share_of_gpu
from antiphon_operator.placing.place import CPU_ONLY
from antiphon_operator.rendering.group_stages import local_stages
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan
from antiphon_policies.deciding.agent_facts import DEFAULT_START_SECONDS, Ground
from antiphon_policies.planning.asking import Stock

_LEAST_START_SECONDS, _MOST_START_SECONDS = 2.0, 1800.0
_MARGIN = 1.25
"""Of the slowest start that was seen: the next one may be slower."""


def grounds(
    plan: AgentPlan, pods: Sequence[Obj], pools: Mapping[str, GPUPool], capacities: Mapping[str, int]
) -> dict[str, Ground]:
    """`capacities`: sessions of one replica, by group, where pods have told."""
    return {group.group.name: _ground(group, plan, pods, pools, capacities) for group in plan.groups}


def stock(plans: Iterable[AgentPlan], pools: Mapping[str, GPUPool]) -> Stock:
    """Partitions that replicas of these agents may hold, less what pools keep in reserve."""
    held: dict[str, int] = {}
    for plan in plans:
        for group in plan.groups:
            choice = group.choice
            if choice.slots is not None and choice.partition != CPU_ONLY:
                kept = _reserved(choice, pools)
                held[choice.partition] = max(held.get(choice.partition, 0), choice.slots - kept)
    return Stock(held)


def start_seconds(pods: Iterable[Obj]) -> float:
    """From a pod's creation to its being ready, of the slowest that is there; a default where none was ever ready."""
    seen = [seconds for pod in pods if (seconds := _start_seconds(pod)) is not None]
    if not seen:
        return DEFAULT_START_SECONDS
    return min(max(max(seen) * _MARGIN, _LEAST_START_SECONDS), _MOST_START_SECONDS)


def _ground(
    group: GroupPlan,
    plan: AgentPlan,
    pods: Sequence[Obj],
    pools: Mapping[str, GPUPool],
    capacities: Mapping[str, int],
) -> Ground:
    choice, name = group.choice, group.group.name
    own = [pod for pod in pods if labels_of(pod).get(GROUP_LABEL) == name]
    return Ground(
        hardware=choice.hardware,
        partition="" if choice.partition == CPU_ONLY else choice.partition,
        price_per_hour=_price(choice, pools),
        start_seconds=start_seconds(own),
        sessions_per_replica=capacities.get(name),
        variants=choice.variants,
        shares_device=_shares_device(group, plan),
    )


def _shares_device(group: GroupPlan, plan: AgentPlan) -> bool:
    """Stages on one GPU take turns on it. Those that are emulated only wait, each for itself."""
    if group.choice.partition == CPU_ONLY:
        return False
    real = [
        resolved
        for resolved in local_stages(group.group, plan.resolution)
        if any(variant.engine != "emulated" for variant in resolved.variants)
    ]
    return len(real) > 1


def _price(choice: Choice, pools: Mapping[str, GPUPool]) -> float:
    """Of one replica; 1.0 where the pool has no price, so that fewer replicas are cheaper all the same."""
    pool = pools.get(choice.pool or "")
    if pool is None or not (pool.spec.prices.gpu_hour or pool.spec.prices.node_hour):
        return 1.0
    prices = pool.spec.prices
    if choice.partition == CPU_ONLY:
        return prices.node_hour or 1.0
    if compute_slices(choice.partition):
        return prices.gpu_hour * share_of_gpu(pool.spec.hardware or "", choice.partition)
    return prices.gpu_hour * max(choice.resources.values(), default=1)


def _reserved(choice: Choice, pools: Mapping[str, GPUPool]) -> int:
    pool = pools.get(choice.pool or "")
    return sum(kept.count for kept in pool.spec.reserve if kept.profile == choice.partition) if pool else 0


def _start_seconds(pod: Obj) -> float | None:
    created = pod["metadata"].get("creationTimestamp")
    conditions = (pod.get("status") or {}).get("conditions") or ()
    ready = next((one for one in conditions if one.get("type") == "Ready" and one.get("status") == "True"), None)
    if ready is None or not created or not ready.get("lastTransitionTime"):
        return None
    return (datetime.fromisoformat(ready["lastTransitionTime"]) - datetime.fromisoformat(created)).total_seconds()
