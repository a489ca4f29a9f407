"""What all children have in common: name, labels, owner, and the digest of what was rendered."""

from __future__ import annotations

from collections.abc import Mapping

from antiphon_crds.status import API_VERSION
from antiphon_operator import names
from antiphon_operator.kube.resources import VOICE_AGENTS, Resource
from antiphon_operator.objects import Obj
from antiphon_operator.rendering.digest import digest
from antiphon_operator.rendering.plan import AgentPlan


def child(
    plan: AgentPlan,
    resource: Resource,
    name: str,
    content: Obj,
    *,
    group: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Obj:
    """A whole child of the agent, or of one of its groups; `content` is all but its kind and metadata."""
    labels = names.group_labels(plan.name, group) if group else names.agent_labels(plan.name)
    metadata: Obj = {
        "name": name,
        "namespace": plan.namespace,
        "labels": labels,
        "annotations": dict(annotations or {}),
        "ownerReferences": [_owner(plan)],
    }
    obj: Obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **content}
    metadata["annotations"][names.CONTENT_ANNOTATION] = digest(obj)
    return obj


def _owner(plan: AgentPlan) -> Obj:
    """Blocks no deletion: some clusters allow that only to who may change the finalizers of agents."""
    return {
        "apiVersion": API_VERSION,
        "kind": VOICE_AGENTS.kind,
        "name": plan.name,
        "uid": plan.uid,
        "controller": True,
    }
