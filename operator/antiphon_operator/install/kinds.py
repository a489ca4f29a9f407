"""The kinds of which an installation consists, beside those that the operator itself deals with."""

from __future__ import annotations

from typing import Final

from antiphon_operator.kube.resources import (
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    NETWORK_POLICIES,
    SERVICE_ACCOUNTS,
    SERVICES,
    Resource,
)
from antiphon_operator.objects import Obj

_RBAC = "rbac.authorization.k8s.io"
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CLUSTER_ROLES: Final = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS: Final = Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
ROLES: Final = Resource(_RBAC, "v1", "roles", "Role")
ROLE_BINDINGS: Final = Resource(_RBAC, "v1", "rolebindings", "RoleBinding")

KINDS: Final = (
    SERVICE_ACCOUNTS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    ROLES,
    ROLE_BINDINGS,
    NETWORK_POLICIES,
    DISRUPTION_BUDGETS,
    SERVICES,
    DEPLOYMENTS,
)
"""In the order of applying: when the pods start, all that they need is there. They are removed the other way round."""

_BY_KIND = {(resource.api_version, resource.kind): resource for resource in KINDS}


def resource_of(obj: Obj) -> Resource:
    return _BY_KIND[obj["apiVersion"], obj["kind"]]


def place_of(obj: Obj) -> int:
    """Its place in the order of applying."""
    return KINDS.index(resource_of(obj))
