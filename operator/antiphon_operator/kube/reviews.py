"""Asking the API server what we are allowed to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from antiphon_operator.kube.resources import Resource
from antiphon_operator.objects import Obj

REVIEWS = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)


@dataclass(frozen=True)
class AccessReview:
    allowed: bool
    reason: str
    """Why, in the server's words; may be empty."""


def review_body(verb: str, resource: Resource, namespace: str, name: str, subresource: str) -> Obj:
    attributes = {
        "verb": verb,
        "group": resource.group,
        "version": resource.version,
        "resource": resource.plural,
        "subresource": subresource,
        "namespace": namespace,
        "name": name,
    }
    spec = {"resourceAttributes": {key: value for key, value in attributes.items() if value}}
    return {"apiVersion": REVIEWS.api_version, "kind": REVIEWS.kind, "metadata": {}, "spec": spec}


def review_of(answer: Any) -> AccessReview:
    status = answer.get("status") or {}
    return AccessReview(bool(status.get("allowed")), str(status.get("reason") or status.get("evaluationError") or ""))
