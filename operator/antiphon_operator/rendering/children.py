"""An agent's plan as Kubernetes objects: all that it becomes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_operator.kube.resources import CHILDREN
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.claim_template import claim_template
from antiphon_operator.rendering.disruption import disruption_budget
from antiphon_operator.rendering.identity import control_secret, service_account
from antiphon_operator.rendering.network_policy import network_policy
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_operator.rendering.runtime_config import config_map, restart_digest, runtime_config
from antiphon_operator.rendering.services import client_service, group_services
from antiphon_operator.rendering.workload import deployment

_ORDER = {resource.kind: place for place, resource in enumerate(CHILDREN)}


def children(plan: AgentPlan, settings: RenderSettings) -> tuple[Obj, ...]:
    """In the order of `CHILDREN`. Of an agent that was resolved without findings; the same plan gives the same bytes."""
    found = [control_secret(plan), client_service(plan)]
    for group_plan in plan.groups:
        found += _of_group(plan, group_plan, settings)
    return tuple(sorted(found, key=lambda obj: _ORDER[str(obj["kind"])]))


def _of_group(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings) -> Iterator[Obj]:
    config = runtime_config(plan, group_plan, settings)
    yield service_account(plan, group_plan)
    yield config_map(plan, group_plan, config)
    if (template := claim_template(plan, group_plan)) is not None:
        yield template
    yield network_policy(plan, group_plan, settings)
    yield disruption_budget(plan, group_plan)
    yield from group_services(plan, group_plan)
    yield deployment(plan, group_plan, settings, restart_digest(config))
