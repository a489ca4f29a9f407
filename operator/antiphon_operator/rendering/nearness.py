"""Where a group's pods are put: apart from each other, and near the agent's other groups."""

from __future__ import annotations

from antiphon_operator import names
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan

_NODE = "kubernetes.io/hostname"
_ZONE = "topology.kubernetes.io/zone"
_MOST_WEIGHT = 100


def nearness(plan: AgentPlan, group_plan: GroupPlan) -> Obj:
    """Fields of the pod's spec."""
    placement = plan.resolution.agent.spec.placement
    others = [group.name for group in plan.resolution.groups if group.name != group_plan.group.name]
    fields: Obj = {}
    if placement.colocate != "Anywhere" and others:
        fields["affinity"] = _near(plan.name, others, _NODE if placement.colocate == "Node" else _ZONE)
    if placement.colocate != "Node" or not others:
        fields["topologySpreadConstraints"] = [_apart(plan.name, group_plan.group.name)]
    return fields


def _near(agent: str, groups: list[str], topology: str) -> Obj:
    """Wished, not required: a group whose partitions are on other nodes would otherwise never run."""
    selector = {
        "matchLabels": {names.AGENT_LABEL: agent},
        "matchExpressions": [{"key": names.GROUP_LABEL, "operator": "In", "values": groups}],
    }
    term = {"weight": _MOST_WEIGHT, "podAffinityTerm": {"topologyKey": topology, "labelSelector": selector}}
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}


def _apart(agent: str, group: str) -> Obj:
    """Of one revision: during a rollout old pods do not push the new ones onto few nodes."""
    return {
        "maxSkew": 1,
        "topologyKey": _NODE,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.group_selector(agent, group)},
        "matchLabelKeys": ["pod-template-hash"],
    }
