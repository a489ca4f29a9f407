"""The Deployment of a group."""

from __future__ import annotations

from antiphon_operator import names
from antiphon_operator.kube.resources import DEPLOYMENTS
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.owned import child
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_operator.rendering.pod_template import drain_seconds, pod_template

_LOAD_SECONDS = 1800
"""For models to be fetched, loaded and warmed."""


def deployment(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings, restart_on: str) -> Obj:
    """Where no partition is free for one replica more, a new pod waits for an old one to drain, and so does progress."""
    group = group_plan.group.name
    at_once = {"maxSurge": 1, "maxUnavailable": 0} if group_plan.surge else {"maxSurge": 0, "maxUnavailable": 1}
    spec = {
        "replicas": group_plan.replicas,
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": _LOAD_SECONDS + drain_seconds(plan),
        "selector": {"matchLabels": names.group_selector(plan.name, group)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": at_once},
        "template": pod_template(plan, group_plan, settings, restart_on),
    }
    return child(plan, DEPLOYMENTS, names.child_name(plan.name, group), {"spec": spec}, group=group)
