"""The pods of a group. They meet the Pod Security Standard "restricted"."""

from __future__ import annotations

import math

from antiphon_crds.durations import parse_duration_seconds
from antiphon_operator import names
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.claim_template import claim_template_name
from antiphon_operator.rendering.container import voice_container
from antiphon_operator.rendering.nearness import nearness
from antiphon_operator.rendering.plan import AgentPlan, GroupPlan, RenderSettings
from antiphon_operator.rendering.pod_resources import CLAIM
from antiphon_operator.rendering.pod_volumes import pod_volumes

_USER = 10001
_AFTER_DRAIN_SECONDS = 30
"""For what comes before and after the sessions' end."""


def pod_template(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings, restart_on: str) -> Obj:
    metadata = {
        "labels": names.group_labels(plan.name, group_plan.group.name),
        "annotations": {names.RESTART_ANNOTATION: restart_on},
    }
    return {"metadata": metadata, "spec": _spec(plan, group_plan, settings)}


def drain_seconds(plan: AgentPlan) -> int:
    return math.ceil(parse_duration_seconds(plan.resolution.agent.spec.sessions.drain))


def _spec(plan: AgentPlan, group_plan: GroupPlan, settings: RenderSettings) -> Obj:
    volumes = pod_volumes(plan, group_plan)
    return {
        "serviceAccountName": names.child_name(plan.name, group_plan.group.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": drain_seconds(plan) + _AFTER_DRAIN_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [voice_container(plan, group_plan, settings, volumes)],
        "volumes": [volume.volume for volume in volumes],
        **nearness(plan, group_plan),
        **_demands(plan, group_plan),
    }


def _demands(plan: AgentPlan, group_plan: GroupPlan) -> Obj:
    """What is asked of the nodes; empty fields are left out."""
    group, choice = group_plan.group, group_plan.choice
    tolerations = [*(toleration.to_manifest() for toleration in group.tolerations), *map(dict, choice.tolerations)]
    template = claim_template_name(plan.name, group_plan)
    fields: Obj = {
        "nodeSelector": {**group.node_selector, **choice.node_selector},
        "tolerations": [each for index, each in enumerate(tolerations) if each not in tolerations[:index]],
        "imagePullSecrets": [{"name": name} for name in plan.resolution.agent.spec.runtime.image_pull_secrets],
        "resourceClaims": [{"name": CLAIM, "resourceClaimTemplateName": template}] if template else [],
    }
    return {name: value for name, value in fields.items() if value}
