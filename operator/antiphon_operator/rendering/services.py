"""The addresses of an agent: one for its callers, and of each group one that is balanced and one that names its pods."""

from __future__ import annotations

from antiphon_operator import names
from antiphon_operator.kube.resources import SERVICES
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.digest import bounded_name
from antiphon_operator.rendering.group_stages import entry_group
from antiphon_operator.rendering.owned import child
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan

_VOICE: Obj = {
    "name": "voice",
    "appProtocol": "kubernetes.io/ws",
    "protocol": "TCP",
    "port": names.VOICE_PORT,
    "targetPort": "voice",
}
_CONTROL: Obj = {
    "name": "control",
    "appProtocol": "http",
    "protocol": "TCP",
    "port": names.CONTROL_PORT,
    "targetPort": "control",
}


def client_service(plan: AgentPlan) -> Obj:
    """Where callers reach the agent: the entry group's ready pods.

    Pods of an overflow group are not behind it: they serve what the entry can't, and a Service would give them as much as
    any other pod.
    """
    group = entry_group(plan.resolution).name
    spec = {"selector": names.group_selector(plan.name, group), "ports": [_VOICE]}
    return child(plan, SERVICES, plan.name, {"spec": spec})


def group_services(plan: AgentPlan, group_plan: GroupPlan) -> list[Obj]:
    """The one by which other groups reach it, and the headless one, which names all of its pods, ready or not."""
    group = group_plan.group.name
    selector = names.group_selector(plan.name, group)
    balanced = {"selector": selector, "ports": [_VOICE]}
    headless = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": selector,
        "ports": [_VOICE, _CONTROL],
    }
    headless_name = bounded_name(names.headless_service_name(plan.name, group))
    return [
        child(plan, SERVICES, names.group_service_name(plan.name, group), {"spec": balanced}, group=group),
        child(plan, SERVICES, headless_name, {"spec": headless}, group=group),
    ]
