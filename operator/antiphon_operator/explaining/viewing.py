"""Makes the explanation of an agent from its status, its policy, and what the operator tells of its loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.agent_status import Decision, ObjectiveStatus, VoiceAgentStatus
from antiphon_crds.policy import SLAPolicy
from antiphon_operator.explaining.operator_reach import Asked
from antiphon_operator.explaining.sentences import decision_words, promise_words, subject
from antiphon_operator.explaining.thoughts import HeldBack, Thoughts, Weighed
from antiphon_operator.explaining.view import DoneView, ExplanationView, HeldView, PromiseView, SeenView, WeighedView
from antiphon_operator.operate import reasons
from antiphon_operator.telling import promises
from antiphon_policies.objectives import effective_objectives, target_of
from antiphon_policies.resolution import stages_of


@dataclass(frozen=True)
class Known:
    """All that an explanation is made from."""

    agent: VoiceAgent
    policy: SLAPolicy | None
    asked: Asked
    now: datetime

    @property
    def status(self) -> VoiceAgentStatus:
        return self.agent.status or VoiceAgentStatus()


def explanation_of(known: Known, last: int | None = None) -> ExplanationView:
    """`last`: only so many decisions."""
    thoughts, decisions = known.asked.thoughts, known.status.decisions
    return ExplanationView(
        name=known.agent.metadata.name,
        namespace=known.agent.metadata.namespace or "",
        policy=known.agent.spec.sla_policy,
        mode=known.policy.spec.guardrails.mode if known.policy else "",
        runs=list(_runs(known.status)),
        promises=list(_promises(known)),
        seen=_with_ignored(_seen(known, thoughts), known.status),
        asked_operator=thoughts is not None,
        not_asked=known.asked.why_not,
        plan=thoughts.plan.message if thoughts and thoughts.plan else "",
        considered=list(_considered(thoughts)) if thoughts else [],
        held=list(_held(thoughts, decisions, known.now)),
        done=[DoneView(decision=each, words=decision_words(each)) for each in decisions[:last]],
    )


def _runs(status: VoiceAgentStatus) -> Iterator[str]:
    for group in status.groups:
        where = f" on {group.partition}" if group.partition else ""
        yield (
            f"{group.ready_replicas} of {group.replicas} replicas of {group.name}{where} are ready;"
            f" {group.sessions} sessions of {group.capacity} that they hold."
        )
    for stage in status.stages:
        yield f"{stage.stage} runs {stage.variant}, with at most {stage.batch} in a batch."
    tuning = status.tuning
    if tuning and tuning.pods_applied < tuning.pods_total:
        yield f"{tuning.pods_applied} of {tuning.pods_total} ready pods have applied the last tuning, {tuning.generation}."


def _promises(known: Known) -> Iterator[PromiseView]:
    seen = {each.name: each for each in known.status.objectives}
    stages = [stage for stage, _ in stages_of(known.agent)]
    for effective in effective_objectives(known.policy, known.agent.spec.objectives, stages):
        objective = effective.objective
        now = seen.pop(objective.name, ObjectiveStatus(name=objective.name, target=target_of(objective)))
        yield PromiseView(
            **_figures(now),
            promise=promises.in_words(objective),
            unit=promises.unit_of(objective),
            window=objective.window,
            words=promise_words(objective, now),
        )
    for now in seen.values():
        yield PromiseView(**_figures(now), words=promise_words(None, now))


def _figures(now: ObjectiveStatus) -> dict[str, Any]:
    return {name: getattr(now, name) for name in ObjectiveStatus.model_fields}


def _seen(known: Known, thoughts: Thoughts | None) -> SeenView:
    status, seen = known.status, thoughts.observation if thoughts else None
    if thoughts is None or seen is None:
        words = (
            []
            if status.sessions is None
            else [f"{status.sessions} live sessions; ready replicas hold {status.capacity}."]
        )
        return SeenView(source="status", sessions=status.sessions, capacity=status.capacity, words=words)
    age = max(0.0, known.now.timestamp() - thoughts.at) + (seen.age_seconds or 0.0)
    expected = thoughts.forecast.sessions if thoughts.forecast else None
    return SeenView(
        age_seconds=round(age, 1),
        source=seen.source,
        sessions=seen.sessions,
        capacity=status.capacity,
        expected_sessions=expected,
        words=list(_seen_words(thoughts, status.capacity)),
    )


def _with_ignored(seen: SeenView, status: VoiceAgentStatus) -> SeenView:
    """With the traffic that the spec foretells and nothing is made ready for, as the operator says."""
    ignored = [
        f"Not followed: {condition.message}."
        for condition in status.conditions
        if (condition.type, condition.reason) == (reasons.ACCEPTED, reasons.TRAFFIC_NOT_FOLLOWED.name)
    ]
    return seen.model_copy(update={"words": [*seen.words, *ignored]})


def _seen_words(thoughts: Thoughts, capacity: int | None) -> Iterator[str]:
    seen = thoughts.observation
    assert seen is not None  # noqa: S101 (asked by the caller)
    hold = "" if capacity is None else f"; ready replicas hold {capacity}"
    yield (
        f"{seen.sessions:.0f} live sessions{hold}."
        if seen.sessions is not None
        else "How many sessions live is unknown."
    )
    rates = (
        ("sessions begin", seen.arrivals_per_second),
        ("are refused", seen.rejected_per_second),
        ("turns are taken", seen.turns_per_second),
    )
    told = [f"{rate * 60:.3g} {what}" for what, rate in rates if rate is not None]
    if told:
        yield f"In a minute, {', '.join(told)}."
    forecast = thoughts.forecast
    if forecast and forecast.sessions is not None:
        ahead = f"in {forecast.ahead_seconds:.0f} s" if forecast.ahead_seconds else "soon"
        yield f"{forecast.sessions:.0f} sessions are expected {ahead}, when a replica that is asked for now would serve."
    for error in seen.errors:
        yield f"Not seen: {error}."


def _considered(thoughts: Thoughts) -> Iterator[WeighedView]:
    plan = thoughts.plan
    if plan is not None:
        chosen = Weighed(what="what was planned", **plan.model_dump(include=set(Weighed.model_fields) - {"what"}))
        yield WeighedView(**chosen.model_dump())
    yield from (WeighedView(**each.model_dump()) for each in thoughts.alternatives)


def _held(thoughts: Thoughts | None, decisions: Sequence[Decision], now: datetime) -> Iterator[HeldView]:
    if thoughts is not None:
        yield from (_held_back(each, now) for each in thoughts.held)
        return
    for decision in decisions:
        if decision.outcome == "Held":
            change = f"{subject(decision.actuator, decision.target)}: {decision.before} -> {decision.after}"
            words = f"{decision.message or decision.reason} ({decision.reason}), at {decision.time}."
            yield HeldView(change=change, rule=decision.reason, words=words)


def _held_back(held: HeldBack, now: datetime) -> HeldView:
    until = datetime.fromtimestamp(held.until, UTC) if held.until is not None else None
    ends = "" if until is None else f" It may pass in {max(0.0, (until - now).total_seconds()):.0f} s."
    return HeldView(
        change=held.change,
        rule=held.rule,
        until=until.strftime("%Y-%m-%dT%H:%M:%SZ") if until else None,
        words=f"{(held.message or held.rule).rstrip('.')} ({held.rule}).{ends}",
    )
