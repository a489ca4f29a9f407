"""Who a group's pods are, and the token by which the operator speaks to them."""

from __future__ import annotations

from base64 import b64encode

from antiphon_operator import names
from antiphon_operator.kube.resources import SECRETS, SERVICE_ACCOUNTS
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.owned import child
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan


def service_account(plan: AgentPlan, group_plan: GroupPlan) -> Obj:
    """Without rights and without a token: a voice never asks the API server."""
    group = group_plan.group.name
    content = {"automountServiceAccountToken": False}
    return child(plan, SERVICE_ACCOUNTS, names.child_name(plan.name, group), content, group=group)


def control_secret(plan: AgentPlan) -> Obj:
    content = {"type": "Opaque", "data": {names.TOKEN_KEY: b64encode(plan.token.encode()).decode()}}
    annotations = {names.ROTATE_ANNOTATION: plan.rotation}
    return child(plan, SECRETS, names.control_secret_name(plan.name), content, annotations=annotations)
