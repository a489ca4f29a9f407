"""The status of an agent: what was judged, what its children say, what its pods were heard to say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from antiphon_crds.agent_status import ControlStatus, Decision, GroupStatus, ObjectiveStatus, StageStatus
from antiphon_operator.kube.resources import DEPLOYMENTS, Resource
from antiphon_operator.names import CONTROL_PORT, VOICE_PORT, child_name, group_selector
from antiphon_operator.objects import Obj, is_going, name_of, namespace_of
from antiphon_operator.operate import reasons
from antiphon_operator.operate.conditions import Verdict, condition_of, conditions, verdict
from antiphon_operator.operate.judging import Judgement
from antiphon_operator.operate.pod_troubles import Trouble, troubles
from antiphon_operator.rendering.group_stages import takes_sessions
from antiphon_operator.rendering.plan import GroupPlan


@dataclass(frozen=True)
class Heard:
    """What the pods of one group say."""

    sessions: int = 0
    capacity: int = 0
    stages: tuple[StageStatus, ...] = ()
    tuning_generation: int = 0
    pods_applied: int = 0
    pods_total: int = 0
    refusals: tuple[str, ...] = ()
    """Why pods refuse the tuning that is wanted."""
    unreached: int = 0
    """Ready pods that do not answer."""
    starting: str = ""
    """What a pod that is not ready yet says of itself."""


@dataclass(frozen=True)
class Looped:
    """What the control loop says of an agent."""

    sla: Literal["Met", "AtRisk", "Breached", "Unknown"] = "Unknown"
    told: str = ""
    """Why, in words; empty where the reason's own meaning says it."""
    p95_ms: float | None = None
    """Of a turn. None: unknown."""
    objectives: tuple[ObjectiveStatus, ...] = ()
    decisions: tuple[Decision, ...] = ()
    """The newest first."""
    control: ControlStatus | None = None


@dataclass(frozen=True)
class Seen:
    """All that a status is made of."""

    agent: Obj
    judgement: Judgement
    children: Sequence[tuple[Resource, Obj]] = ()
    pods: Sequence[Obj] = ()
    heard: Mapping[str, Heard] = field(default_factory=dict)
    """By group."""
    cluster_domain: str | None = None
    looped: Looped | None = None
    """None: the control loop has not looked yet; what it said before stays."""


def agent_status(seen: Seen, now: str) -> Obj:
    """The whole of what the operator says; `now` is RFC 3339."""
    before = seen.agent.get("status") or {}
    generation = int(seen.agent["metadata"].get("generation") or 0)
    groups = _groups(seen)
    found = troubles(seen.pods)
    verdicts = [
        seen.judgement.accepted,
        seen.judgement.placed,
        _ready(seen, groups, found),
        _sla_met(seen),
        _steady(seen, groups, found),
    ]
    status: Obj = {
        "observedGeneration": generation,
        "phase": _phase(seen, groups, verdicts[2], found),
        "conditions": conditions(verdicts, before.get("conditions") or (), generation, now),
        "ready": f"{sum(group.ready_replicas for group in groups)}/{sum(group.replicas for group in groups)}",
        "sessions": sum(group.sessions for group in _entries(seen, groups)),
        "capacity": sum(group.capacity for group in _entries(seen, groups)),
        "endpoint": endpoint(seen.agent, seen.cluster_domain),
        "groups": [group.to_manifest() for group in groups],
    }
    status |= _of_first_group(seen, groups)
    status |= _heard(seen)
    status |= _of_the_loop(seen)
    return {name: value for name, value in status.items() if value not in (None, [], {})}


def endpoint(agent: Obj, cluster_domain: str | None) -> str:
    """Where callers inside the cluster reach it."""
    domain = f"svc.{cluster_domain}" if cluster_domain else "svc"
    return f"http://{name_of(agent)}.{namespace_of(agent)}.{domain}:{VOICE_PORT}"


def _groups(seen: Seen) -> list[GroupStatus]:
    """As planned, where there is a plan; else as they run."""
    plan = seen.judgement.plan
    if plan is not None:
        return [_planned(seen, group) for group in plan.groups]
    names = [group.name for group in seen.judgement.resolution.groups] if seen.judgement.resolution else []
    return [_running(seen, name) for name in names if _deployment(seen, name)]


def _planned(seen: Seen, plan: GroupPlan) -> GroupStatus:
    return _group(seen, plan.group.name, plan.replicas, plan.choice.partition)


def _running(seen: Seen, name: str) -> GroupStatus:
    deployment = _deployment(seen, name) or {}
    before = {group["name"]: group for group in (seen.agent.get("status") or {}).get("groups") or ()}
    wanted = int((deployment.get("spec") or {}).get("replicas", 1))
    return _group(seen, name, wanted, str(before.get(name, {}).get("partition", "")))


def _group(seen: Seen, name: str, wanted: int, partition: str) -> GroupStatus:
    heard = seen.heard.get(name, Heard())
    return GroupStatus(
        name=name,
        replicas=wanted,
        ready_replicas=_count(_deployment(seen, name), "readyReplicas"),
        partition=partition,
        sessions=heard.sessions,
        capacity=heard.capacity,
    )


def _deployment(seen: Seen, group: str) -> Obj | None:
    wanted = child_name(name_of(seen.agent), group)
    return next((child for kind, child in seen.children if kind is DEPLOYMENTS and name_of(child) == wanted), None)


def _count(deployment: Obj | None, name: str) -> int:
    return int(((deployment or {}).get("status") or {}).get(name) or 0)


def _of_first_group(seen: Seen, groups: Sequence[GroupStatus]) -> Obj:
    """The scale subresource and the printed columns speak of the group that callers reach."""
    if not groups:
        return {"replicas": 0}
    first = groups[0]
    selector = group_selector(name_of(seen.agent), first.name)
    return {
        "replicas": _count(_deployment(seen, first.name), "replicas"),
        "selector": ",".join(f"{label}={value}" for label, value in selector.items()),
        "partition": ", ".join(dict.fromkeys(group.partition for group in groups if group.partition)),
    }


def _heard(seen: Seen) -> Obj:
    stages = {stage.stage: stage for heard in seen.heard.values() for stage in heard.stages}
    found: Obj = {"stages": [stage.to_manifest() for stage in stages.values()]}
    generation = max((heard.tuning_generation for heard in seen.heard.values()), default=0)
    before = (seen.agent.get("status") or {}).get("tuning")
    if seen.judgement.plan is None and not generation and before:
        found["tuning"] = before  # who leads anew knows of none while there is no plan
    elif seen.heard:
        found["tuning"] = {
            "generation": generation,
            "podsApplied": sum(heard.pods_applied for heard in seen.heard.values()),
            "podsTotal": sum(heard.pods_total for heard in seen.heard.values()),
        }
    return found


def _of_the_loop(seen: Seen) -> Obj:
    before = seen.agent.get("status") or {}
    if not _has_policy(seen):
        return {"sla": "Unknown", "p95Ms": seen.looped.p95_ms if seen.looped else before.get("p95Ms")}
    if seen.looped is None:
        return {"sla": "Unknown"} | {name: before[name] for name in _LOOPED if name in before}
    said = seen.looped
    return {
        "sla": said.sla,
        "p95Ms": said.p95_ms,
        "objectives": [objective.to_manifest() for objective in said.objectives],
        "decisions": [decision.to_manifest() for decision in said.decisions],
        "control": said.control.to_manifest() if said.control else None,
    }


_LOOPED = ("sla", "p95Ms", "objectives", "decisions", "control")


def _has_policy(seen: Seen) -> bool:
    return bool((seen.agent.get("spec") or {}).get("slaPolicy"))


# --- conditions ----------------------------------------------------------------------------------------------------


def _ready(seen: Seen, groups: Sequence[GroupStatus], found: Sequence[Trouble]) -> Verdict:
    if is_going(seen.agent):
        return verdict(reasons.GOING)
    if not groups:
        return verdict(reasons.NOTHING_RUNS)
    if all(group.replicas == 0 for group in groups):
        return verdict(reasons.STOPPED)
    needed = _needed(seen, groups)
    missing = [group for group in needed if group.ready_replicas == 0]
    if not missing:
        told = ", ".join(f"{group.name} {group.ready_replicas}/{group.replicas}" for group in groups)
        return verdict(reasons.SERVING, [f"ready pods: {told}"])
    if found:
        return verdict(found[0].reason, [found[0].message])
    names = ", ".join(group.name for group in missing)
    said = [heard.starting for group in missing if (heard := seen.heard.get(group.name)) and heard.starting]
    return verdict(reasons.STARTING, [f"no pod of {names} is ready yet", *said[:1]])


def _held_back(seen: Seen) -> bool:
    """It is not becoming what it is wanted to be."""
    return seen.judgement.plan is None or not seen.judgement.is_accepted


def _needed(seen: Seen, groups: Sequence[GroupStatus]) -> list[GroupStatus]:
    """Groups without which a call fails: all but those that only take another's overflow."""
    resolution = seen.judgement.resolution
    overflow = {group.name for group in resolution.groups if group.overflow} if resolution else set()
    return [group for group in groups if group.name not in overflow]


def _sla_met(seen: Seen) -> Verdict:
    if not _has_policy(seen):
        return verdict(reasons.NO_POLICY)
    if seen.looped is not None:
        return verdict(_SLA_REASONS[seen.looped.sla], [seen.looped.told] if seen.looped.told else ())
    before = condition_of(seen.agent.get("status"), reasons.SLA_MET)
    known = reasons.BY_NAME.get((reasons.SLA_MET, str(before.get("reason"))))
    if known is None or known is reasons.NO_POLICY:
        return verdict(reasons.NOT_MEASURED)
    return verdict(known, [str(before.get("message"))])


_SLA_REASONS = {
    "Met": reasons.ALL_MET,
    "AtRisk": reasons.AT_RISK,
    "Breached": reasons.BREACHED,
    "Unknown": reasons.NOT_MEASURED,
}


def _steady(seen: Seen, groups: Sequence[GroupStatus], found: Sequence[Trouble]) -> Verdict:
    """With what is in the way of a change, where something is."""
    if _held_back(seen):
        return verdict(reasons.HELD_BACK)
    for group in groups:
        if (unsteady := _unsteady(group, _deployment(seen, group.name))) is not None:
            return verdict(unsteady.reason, [unsteady.message, *(trouble.message for trouble in found[:1])])
    return _tuned(seen)


def _unsteady(group: GroupStatus, deployment: Obj | None) -> Verdict | None:
    made, new = _count(deployment, "replicas"), _count(deployment, "updatedReplicas")
    if made > new and group.replicas > 0:
        return verdict(reasons.ROLLING_OUT, [f"group {group.name}: {new} of {group.replicas} pods are new"])
    if made != group.replicas or group.ready_replicas != group.replicas:
        told = f"group {group.name}: {group.ready_replicas} ready, {group.replicas} wanted"
        return verdict(reasons.SCALING, [told])
    if _count(deployment, "observedGeneration") < int(
        (deployment or {"metadata": {}})["metadata"].get("generation") or 0
    ):
        return verdict(reasons.ROLLING_OUT, [f"group {group.name}: its Deployment has just changed"])
    return None


def _tuned(seen: Seen) -> Verdict:
    refusals = [refusal for heard in seen.heard.values() for refusal in heard.refusals]
    if refusals:
        return verdict(reasons.TUNING_REFUSED, refusals[:3])
    unreached = sum(heard.unreached for heard in seen.heard.values())
    if unreached:
        return verdict(reasons.PODS_UNREACHABLE, [f"{unreached} ready pods do not answer on port {CONTROL_PORT}"])
    behind = [heard for heard in seen.heard.values() if heard.pods_applied < heard.pods_total]
    if behind:
        applied, total = sum(heard.pods_applied for heard in behind), sum(heard.pods_total for heard in behind)
        return verdict(reasons.TUNING, [f"{applied} of {total} pods have applied it"])
    return verdict(reasons.SETTLED)


def _entries(seen: Seen, groups: Sequence[GroupStatus]) -> list[GroupStatus]:
    """Groups in whose pods sessions live; the others work for these sessions, and hold none beside them."""
    resolution = seen.judgement.resolution
    if resolution is None:
        return list(groups)
    entries = {group.name for group in resolution.groups if takes_sessions(group, resolution)}
    return [group for group in groups if group.name in entries]


def _phase(seen: Seen, groups: Sequence[GroupStatus], ready: Verdict, found: Sequence[Trouble]) -> str:
    if ready.reason is reasons.GOING:
        return "Draining"
    if ready.reason is reasons.STOPPED and not _held_back(seen):
        return "Stopped"
    if ready.reason is reasons.SERVING:
        failing = bool(found) and any(group.ready_replicas < group.replicas for group in groups)
        return "Degraded" if _held_back(seen) or failing else "Ready"
    if not seen.judgement.is_accepted:
        return "Invalid"
    if seen.judgement.plan is None or ready.reason is reasons.UNSCHEDULABLE:
        return "Pending"
    return "Starting"
