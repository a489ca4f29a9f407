"""Who may reach a group's pods."""

from __future__ import annotations

from antiphon_operator import names
from antiphon_operator.kube.resources import NETWORK_POLICIES
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.group_stages import takes_sessions
from antiphon_operator.rendering.owned import child
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings

_OPERATOR = {names.NAME_LABEL: "antiphon-operator"}
_NAMESPACE_NAME = "kubernetes.io/metadata.name"


def network_policy(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings) -> Obj:
    """Outgoing traffic is left open: models, model servers and traces may be at any address that a team names."""
    group = group_plan.group
    spec = {
        "podSelector": {"matchLabels": names.group_selector(plan.name, group.name)},
        "policyTypes": ["Ingress"],
        "ingress": [_voice(plan, group_plan), _control(settings)],
    }
    return child(plan, NETWORK_POLICIES, names.child_name(plan.name, group.name), {"spec": spec}, group=group.name)


def _voice(plan: AgentPlan, group_plan: GroupPlan) -> Obj:
    """Anybody calls the entry, which asks for keys where the agent says so; other groups serve the agent's own pods."""
    rule = {"ports": [_port(names.VOICE_PORT)]}
    if takes_sessions(group_plan.group, plan.resolution):
        return rule
    return {"from": [{"podSelector": {"matchLabels": {names.AGENT_LABEL: plan.name}}}], **rule}


def _control(settings: RenderSettings) -> Obj:
    peers: list[Obj] = [{**_namespace(settings.operator_namespace), "podSelector": {"matchLabels": _OPERATOR}}]
    if settings.prometheus_namespace is not None:
        peers.append(_namespace(settings.prometheus_namespace))
    return {"from": peers, "ports": [_port(names.CONTROL_PORT)]}


def _namespace(name: str) -> Obj:
    return {"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: name}}}


def _port(number: int) -> Obj:
    return {"protocol": "TCP", "port": number}
