"""All that `antiphon capacity` tells of one agent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from antiphon_crds.policy import Budget
from antiphon_operator.rehearsing.subject import Subject
from antiphon_operator.sizing.budget import budget_of
from antiphon_operator.sizing.sizes import headroom_of, sizes_of
from antiphon_operator.sizing.targets import targets_of
from antiphon_operator.sizing.view import BasisView, CapacityView
from antiphon_policies.deciding.agent_facts import Ground
from antiphon_policies.deciding.services import profile_for
from antiphon_policies.facts import AgentFacts
from antiphon_policies.resolution import ResolvedStage


def capacity_of(subject: Subject, duty_cycles: Sequence[float]) -> CapacityView:
    """`duty_cycles`: as shares. Budget, targets and headroom are at the agent's own."""
    facts, policy = subject.facts(), subject.resolution.policy
    budget = policy.spec.budget if policy else Budget()
    return CapacityView(
        name=subject.name,
        namespace=subject.namespace,
        policy=subject.resolution.agent.spec.sla_policy,
        min_headroom=facts.guardrails.min_headroom,
        basis=list(basis_of(subject, facts)),
        sizes=list(sizes_of(subject, duty_cycles)),
        headroom=list(headroom_of(facts, subject.now)) if subject.now else [],
        budget=budget_of(facts, budget),
        targets=list(targets_of(facts, budget)),
    )


def basis_of(subject: Subject, facts: AgentFacts) -> Iterator[BasisView]:
    """Of the variants that are planned with."""
    planned = {(stage.stage, variant.name) for stage in facts.stages for variant in stage.variants}
    for resolved in subject.resolution.stages:
        for variant in resolved.variants:
            if (resolved.stage, variant.name) in planned:
                yield _basis_of(subject, resolved, variant.name)


def _basis_of(subject: Subject, resolved: ResolvedStage, name: str) -> BasisView:
    variant = next(each for each in resolved.variants if each.name == name)
    group = next(group.name for group in subject.resolution.groups if resolved.stage in group.stages)
    profile = profile_for(variant, subject.grounds.get(group, Ground()).hardware)
    if subject.was_learned(resolved.stage, name):
        return BasisView(stage=resolved.stage, variant=name, basis="Learned", origin="by the operator, from live work")
    if profile is None:
        return BasisView(stage=resolved.stage, variant=name, basis="Assumed", origin="it has no profile")
    return BasisView(
        stage=resolved.stage, variant=name, hardware=profile.hardware, basis=profile.basis, origin=profile.origin
    )
