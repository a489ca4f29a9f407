"""Fields that clients may leave out of built-in kinds, set as Kubernetes sets them. All of it in place, and idempotent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from antiphon_sandbox.api import defaults_cluster as cluster
from antiphon_sandbox.api import defaults_network as network
from antiphon_sandbox.api import defaults_pods as pods
from antiphon_sandbox.api import defaults_policies as policies
from antiphon_sandbox.api import defaults_volumes as volumes
from antiphon_sandbox.api import defaults_workloads as workloads
from antiphon_sandbox.api.defaults_shapes import Shape, shape_of
from antiphon_sandbox.api.errors import bad_request
from antiphon_sandbox.objects import Obj
from antiphon_sandbox.upstream import name_of_kind
from antiphon_sandbox.upstream.kinds import KINDS

Setter = Callable[[Obj], None]


def set_defaults(resource: str, obj: Obj) -> None:
    """All defaults, those of a new object included."""
    set_field_defaults(resource, obj)
    prepare(resource, obj)


def set_field_defaults(resource: str, obj: Obj) -> None:
    """What is set when an object is read, whoever sends it; the client counts as the one who set it.

    ApiError 400 when there is a quantity in it that is none.
    """
    shapes = _shapes()
    if resource in shapes:
        try:
            shape_of(shapes[resource]).tidy(obj)
        except ValueError as error:
            kind, version = obj.get("kind", ""), obj.get("apiVersion", "").rpartition("/")[2]
            what = f'{kind} in version "{version}" cannot be handled as a {kind}'
            raise bad_request(f"{what}: {error}") from error
    if setter := _FIELDS.get(resource):
        setter(obj)


def prepare(resource: str, obj: Obj) -> None:
    """What the server adds to a new object; nobody's field. `set_field_defaults` comes first."""
    if setter := _NEW.get(resource):
        setter(obj)


def shape_of_resource(resource: str) -> Shape:
    """KeyError for what is no built-in resource."""
    return shape_of(_shapes()[resource])


@cache
def _shapes() -> dict[str, str]:
    """Resource -> definition."""
    found = {}
    for api_version, kinds in KINDS.items():
        group, _, version = api_version.rpartition("/")
        for kind in kinds:
            found[f"{plural_of(kind)}.{group}".rstrip(".")] = name_of_kind(group, version, kind)
    return found


def plural_of(kind: str) -> str:
    """As Kubernetes forms the plurals of its own kinds."""
    name = kind.lower()
    if name == "endpoints":
        return name
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"

_FIELDS: dict[str, Setter] = {
    "pods": pods.set_pod_defaults,
    "podtemplates": workloads.set_pod_template_defaults,
    "replicationcontrollers": workloads.set_replication_controller_defaults,
    "deployments.apps": workloads.set_deployment_defaults,
    "replicasets.apps": workloads.set_replica_set_defaults,
    "statefulsets.apps": workloads.set_stateful_set_defaults,
    "daemonsets.apps": workloads.set_daemon_set_defaults,
    "jobs.batch": workloads.set_job_defaults,
    "cronjobs.batch": workloads.set_cron_job_defaults,
    "services": network.set_service_defaults,
    "endpoints": network.set_endpoints_defaults,
    "endpointslices.discovery.k8s.io": network.set_endpoint_slice_defaults,
    "ingressclasses.networking.k8s.io": network.set_ingress_class_defaults,
    "networkpolicies.networking.k8s.io": network.set_network_policy_defaults,
    f"rolebindings.{_RBAC}": policies.set_binding_defaults,
    f"clusterrolebindings.{_RBAC}": policies.set_binding_defaults,
    "horizontalpodautoscalers.autoscaling": policies.set_autoscaler_defaults,
    "priorityclasses.scheduling.k8s.io": policies.set_priority_class_defaults,
    f"validatingwebhookconfigurations.{_ADMISSION}": policies.set_validating_webhook_defaults,
    f"mutatingwebhookconfigurations.{_ADMISSION}": policies.set_mutating_webhook_defaults,
    f"validatingadmissionpolicies.{_ADMISSION}": policies.set_admission_policy_defaults,
    f"validatingadmissionpolicybindings.{_ADMISSION}": policies.set_admission_binding_defaults,
    "resourceclaims.resource.k8s.io": policies.set_claim_defaults,
    "resourceclaimtemplates.resource.k8s.io": policies.set_claim_template_defaults,
    "persistentvolumes": volumes.set_persistent_volume_defaults,
    "persistentvolumeclaims": volumes.set_claim_defaults,
    "storageclasses.storage.k8s.io": volumes.set_storage_class_defaults,
    "csidrivers.storage.k8s.io": volumes.set_csi_driver_defaults,
    "namespaces": cluster.set_namespace_defaults,
    "nodes": cluster.set_node_defaults,
    "secrets": cluster.set_secret_defaults,
    "limitranges": cluster.set_limit_range_defaults,
    "tokenrequests.authentication.k8s.io": cluster.set_token_request_defaults,
    _DEFINITIONS: cluster.set_definition_defaults,
}

_NEW: dict[str, Setter] = {
    "pods": pods.prepare_pod,
    "daemonsets.apps": workloads.prepare_daemon_set,
    "jobs.batch": workloads.prepare_job,
    "services": network.prepare_service,
    "namespaces": cluster.prepare_namespace,
    "persistentvolumeclaims": cluster.prepare_claim,
    "persistentvolumes": cluster.prepare_claim,
    _DEFINITIONS: cluster.prepare_definition,
}
