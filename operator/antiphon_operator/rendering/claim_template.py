"""The claim of a partition, where the pool gives its partitions out by dynamic resource allocation."""

from __future__ import annotations

from antiphon_operator import names
from antiphon_operator.kube.resources import CLAIM_TEMPLATES
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.digest import bounded_name, digest
from antiphon_operator.rendering.owned import child
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan

_DIGITS = 8


def claim_template_name(agent: str, group_plan: GroupPlan) -> str | None:
    """The name that the plan gives it. Without one it has its content's digest: a template can't be changed, only replaced.

    None where the choice has no claim.
    """
    if group_plan.choice.claim is None:
        return None
    if group_plan.claim is not None:
        return group_plan.claim
    return bounded_name(f"{names.child_name(agent, group_plan.group.name)}-{digest(group_plan.choice.claim)[:_DIGITS]}")


def claim_template(plan: AgentPlan, group_plan: GroupPlan) -> Obj | None:
    name = claim_template_name(plan.name, group_plan)
    if name is None:
        return None
    group = group_plan.group.name
    labels = names.group_labels(plan.name, group)
    spec = {"metadata": {"labels": labels}, "spec": group_plan.choice.claim}
    return child(plan, CLAIM_TEMPLATES, name, {"spec": spec}, group=group)
