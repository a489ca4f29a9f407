"""What Kubernetes refuses of its own kinds, beyond metadata and types. Defaults are set before."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from antiphon_sandbox.api import builtin_cluster as cluster
from antiphon_sandbox.api import builtin_jobs as jobs
from antiphon_sandbox.api import builtin_network as network
from antiphon_sandbox.api import builtin_pods as pods
from antiphon_sandbox.api import builtin_policies as policies
from antiphon_sandbox.api import builtin_volumes as volumes
from antiphon_sandbox.api import builtin_workloads as workloads
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.objects import Obj

Check = Callable[[Obj, Obj | None], Iterator[Cause]]

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_CHECKS: dict[str, Check] = {
    "configmaps": cluster.config_map,
    "controllerrevisions.apps": workloads.controller_revision,
    "cronjobs.batch": jobs.cron_job,
    "customresourcedefinitions.apiextensions.k8s.io": cluster.definition,
    "daemonsets.apps": workloads.daemon_set,
    "deployments.apps": workloads.deployment,
    "endpoints": network.endpoints,
    "endpointslices.discovery.k8s.io": network.endpoint_slice,
    "events": cluster.event,
    "horizontalpodautoscalers.autoscaling": policies.autoscaler,
    "ingresses.networking.k8s.io": network.ingress,
    "jobs.batch": jobs.job,
    "leases.coordination.k8s.io": policies.lease,
    "namespaces": cluster.namespace,
    "networkpolicies.networking.k8s.io": network.network_policy,
    "nodes": cluster.node,
    "persistentvolumeclaims": volumes.persistent_volume_claim,
    "persistentvolumes": volumes.persistent_volume,
    "poddisruptionbudgets.policy": policies.disruption_budget,
    "podtemplates": workloads.pod_template,
    "priorityclasses.scheduling.k8s.io": policies.priority_class,
    "replicasets.apps": workloads.replica_set,
    "replicationcontrollers": workloads.replication_controller,
    "resourceclaims.resource.k8s.io": policies.device_claim,
    "resourceclaimtemplates.resource.k8s.io": policies.device_claim_template,
    "resourcequotas": cluster.resource_quota,
    "runtimeclasses.node.k8s.io": cluster.runtime_class,
    "secrets": cluster.secret,
    "services": network.service,
    "statefulsets.apps": workloads.stateful_set,
    "storageclasses.storage.k8s.io": cluster.storage_class,
    f"clusterrolebindings.{_RBAC}": policies.cluster_role_binding,
    f"clusterroles.{_RBAC}": policies.cluster_role,
    f"mutatingwebhookconfigurations.{_ADMISSION}": policies.webhooks,
    f"rolebindings.{_RBAC}": policies.role_binding,
    f"roles.{_RBAC}": policies.role,
    f"validatingwebhookconfigurations.{_ADMISSION}": policies.webhooks,
}
_SPEC_IS_ALL = frozenset(
    {
        "cronjobs.batch",
        "customresourcedefinitions.apiextensions.k8s.io",
        "daemonsets.apps",
        "deployments.apps",
        "horizontalpodautoscalers.autoscaling",
        "jobs.batch",
        "persistentvolumeclaims",
        "persistentvolumes",
        "poddisruptionbudgets.policy",
        "pods",
        "replicasets.apps",
        "replicationcontrollers",
        "resourceclaims.resource.k8s.io",
        "services",
        "statefulsets.apps",
    }
)
"""Nothing but the spec is looked at: when it is as it was, there is nothing to say."""


def validate(resource: str, obj: Obj, old: Obj | None, subresource: str = "") -> list[Cause]:
    """What is wrong with a new object, or with one that is to take the place of `old`."""
    if old is not None and resource in _SPEC_IS_ALL and obj["spec"] == old["spec"]:
        return []
    if resource == "pods":
        return list(pods.pod(obj, old, subresource))
    check = _CHECKS.get(resource)
    return list(check(obj, old)) if check else []
