"""How many pods of a group may be evicted at once."""

from __future__ import annotations

from antiphon_operator import names
from antiphon_operator.kube.resources import DISRUPTION_BUDGETS
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.owned import child
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan


def disruption_budget(plan: AgentPlan, group_plan: GroupPlan) -> Obj:
    """One pod at a time, the only one too: its calls end within its grace, and a node must not be held for ever.

    A pod that is not healthy serves nobody, so it may always go.
    """
    group = group_plan.group.name
    spec = {
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": names.group_selector(plan.name, group)},
    }
    return child(plan, DISRUPTION_BUDGETS, names.child_name(plan.name, group), {"spec": spec}, group=group)
