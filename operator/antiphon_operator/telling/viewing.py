"""Makes the decision view of an agent from what the API server has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.agent_status import GroupStatus, ObjectiveStatus, VoiceAgentStatus
from antiphon_crds.control import State
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.status import Condition
from antiphon_operator.names import GROUP_LABEL
from antiphon_operator.objects import Obj, labels_of, name_of
from antiphon_operator.operate import reasons
from antiphon_operator.telling import happenings, pod_state, promises
from antiphon_operator.telling.view import (
    AgentView,
    ConditionView,
    EventView,
    GroupView,
    ObjectiveView,
    PodView,
    StageView,
)
from antiphon_policies.objectives import effective_objectives, target_of
from antiphon_policies.resolution import groups_of, stages_of

_MOST_EVENTS = 15


@dataclass(frozen=True)
class Found:
    """All that the view of one agent is made from."""

    agent: VoiceAgent
    policy: SLAPolicy | None = None
    """Its policy; None where it names none or there is none of that name."""
    pods: Sequence[Obj] = field(default=())
    """The pods that carry its label."""
    events: Sequence[Obj] = field(default=())
    """Events of its namespace, of both APIs."""
    states: Mapping[str, State] = field(default_factory=dict)
    """What its pods say of themselves, by name of the pod; without those that could not be asked."""


def view_of(found: Found) -> AgentView:
    agent, spec = found.agent, found.agent.spec
    status = agent.status or VoiceAgentStatus()
    conditions = [_condition(condition) for condition in status.conditions]
    return AgentView(
        name=agent.metadata.name,
        namespace=agent.metadata.namespace or "",
        description=spec.description or "",
        created=agent.metadata.creation_timestamp or "",
        policy=spec.sla_policy,
        scaling=_scaling(agent),
        phase=status.phase or "Unknown",
        up_to_date=status.observed_generation == agent.metadata.generation,
        ready=status.ready or "",
        sessions=status.sessions,
        capacity=status.capacity,
        p95_ms=status.p95_ms,
        sla=status.sla or "Unknown",
        endpoint=status.endpoint,
        conditions=conditions,
        groups=[_group(group, status, found) for group in groups_of(agent)],
        stages=list(_stages(agent, status)),
        objectives=list(_objectives(found, status)),
        tuning=status.tuning,
        decisions=status.decisions,
        events=_events(found),
        advice=list(_advice(agent, conditions)),
    )


def _scaling(agent: VoiceAgent) -> str:
    scaling = agent.spec.scaling
    if scaling.mode == "External":
        return f"External: {scaling.replicas} replicas, set through the scale subresource"
    least, most = scaling.min_replicas, scaling.max_replicas
    return f"SLA: the control loop chooses between {least} and {most} replicas"


def _condition(condition: Condition) -> ConditionView:
    known = reasons.BY_NAME.get((condition.type, condition.reason))
    return ConditionView(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        since=condition.last_transition_time,
        meaning=known.meaning if known else "",
        advice=known.advice if known else "",
    )


def _group(group: PlacementGroup, status: VoiceAgentStatus, found: Found) -> GroupView:
    known = next((each for each in status.groups if each.name == group.name), GroupStatus(name=group.name))
    own = sorted((pod for pod in found.pods if labels_of(pod).get(GROUP_LABEL) == group.name), key=name_of)
    return GroupView(
        name=group.name,
        stages=list(group.stages),
        partition=known.partition,
        replicas=known.replicas,
        ready_replicas=known.ready_replicas,
        sessions=known.sessions,
        capacity=known.capacity,
        pods=[pod_view(pod, found.states.get(name_of(pod))) for pod in own],
    )


def pod_view(pod: Obj, state: State | None) -> PodView:
    ready = pod_state.is_ready(pod)
    said = state.message if state and not ready else ""
    return PodView(
        name=name_of(pod),
        node=(pod.get("spec") or {}).get("nodeName") or "",
        state=pod_state.state_of(pod),
        ready=ready,
        why=said or pod_state.why(pod),
        restarts=pod_state.restarts_of(pod),
        sessions=_sessions(state),
        capacity=state.capacity if state else None,
        tuning_generation=state.generation if state else None,
        created=str(pod["metadata"].get("creationTimestamp") or ""),
    )


def _sessions(state: State | None) -> int | None:
    if state is None:
        return None
    counts = state.sessions
    return counts.idle + counts.listening + counts.speaking + counts.resumable


def _stages(agent: VoiceAgent, status: VoiceAgentStatus) -> Iterator[StageView]:
    running = {each.stage: each for each in status.stages}
    for stage, spec in stages_of(agent):
        now = running.get(stage)
        yield StageView(
            stage=stage, model=spec.model, variant=now.variant if now else None, batch=now.batch if now else None
        )


def _objectives(found: Found, status: VoiceAgentStatus) -> Iterator[ObjectiveView]:
    stages = [stage for stage, _ in stages_of(found.agent)]
    promised = effective_objectives(found.policy, found.agent.spec.objectives, stages)
    known = {each.name: each for each in status.objectives}
    for effective in promised:
        objective = effective.objective
        target = target_of(objective)
        now = known.pop(objective.name, ObjectiveStatus(name=objective.name, target=target))
        yield _objective(now, promises.in_words(objective), promises.unit_of(objective))
    for now in known.values():
        yield _objective(now, "", "")


def _objective(now: ObjectiveStatus, promise: str, unit: str) -> ObjectiveView:
    return ObjectiveView(
        name=now.name,
        promise=promise,
        unit=unit,
        target=now.target,
        observed=now.observed,
        samples=now.samples,
        attainment=now.attainment,
        error_budget_left=now.error_budget_left,
        state=now.state,
    )


def _events(found: Found) -> list[EventView]:
    groups = [group.name for group in groups_of(found.agent)]
    own = happenings.events_of(found.agent.metadata.name, groups, found.events)
    return [event_view(event) for event in own[-_MOST_EVENTS:]]


def event_view(event: Obj) -> EventView:
    return EventView(
        time=happenings.time_of(event),
        type=str(event.get("type") or "Normal"),
        reason=str(event.get("reason") or ""),
        message=happenings.text_of(event),
        object=happenings.object_of(event),
        count=happenings.count_of(event),
    )


def _advice(agent: VoiceAgent, conditions: Iterable[ConditionView]) -> Iterator[str]:
    if agent.status is None or not agent.status.conditions:
        yield (
            "No operator has looked at it yet: `antiphon install` brings one into the cluster,"
            " `antiphon logs --operator` says what it does."
        )
    name = agent.metadata.name
    for condition in conditions:
        if condition.advice:
            yield f"{condition.type} is {condition.status} ({condition.reason}): " + condition.advice.replace(
                "AGENT", name
            )
