"""Objects as rows, for `kubectl get`: which columns a kind has, and what stands in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from antiphon_sandbox.api import columns_cluster as cluster
from antiphon_sandbox.api import columns_network as network
from antiphon_sandbox.api import columns_storage as storage
from antiphon_sandbox.api import columns_workloads as workloads
from antiphon_sandbox.api.ages import Since
from antiphon_sandbox.api.columns_custom import custom_columns
from antiphon_sandbox.api.columns_pods import POD, row_conditions
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.table_columns import AGE, CREATED_AT, NAME, Shown
from antiphon_sandbox.objects import Obj

IncludeObject = Literal["None", "Metadata", "Object"]

_META = "meta.k8s.io/v1"
_ONLY_AGE = (NAME, AGE)
_UNPRINTED = (NAME, CREATED_AT)
"""Of kinds for which Kubernetes has no printer."""

_BUILTIN: Mapping[str, tuple[Shown, ...]] = {
    "configmaps": cluster.CONFIG_MAP,
    "endpoints": network.ENDPOINTS,
    "events": cluster.EVENT,
    "namespaces": cluster.NAMESPACE,
    "nodes": cluster.NODE,
    "persistentvolumeclaims": storage.PERSISTENT_VOLUME_CLAIM,
    "persistentvolumes": storage.PERSISTENT_VOLUME,
    "pods": POD,
    "podtemplates": workloads.POD_TEMPLATE,
    "replicationcontrollers": workloads.REPLICATION_CONTROLLER,
    "resourcequotas": cluster.RESOURCE_QUOTA,
    "secrets": cluster.SECRET,
    "serviceaccounts": _ONLY_AGE,
    "services": network.SERVICE,
    "controllerrevisions.apps": workloads.CONTROLLER_REVISION,
    "daemonsets.apps": workloads.DAEMON_SET,
    "deployments.apps": workloads.DEPLOYMENT,
    "replicasets.apps": workloads.REPLICA_SET,
    "statefulsets.apps": workloads.STATEFUL_SET,
    "cronjobs.batch": workloads.CRON_JOB,
    "jobs.batch": workloads.JOB,
    "ingressclasses.networking.k8s.io": network.INGRESS_CLASS,
    "ingresses.networking.k8s.io": network.INGRESS,
    "networkpolicies.networking.k8s.io": network.NETWORK_POLICY,
    "poddisruptionbudgets.policy": workloads.POD_DISRUPTION_BUDGET,
    "horizontalpodautoscalers.autoscaling": workloads.HORIZONTAL_POD_AUTOSCALER,
    "clusterrolebindings.rbac.authorization.k8s.io": cluster.CLUSTER_ROLE_BINDING,
    "rolebindings.rbac.authorization.k8s.io": cluster.ROLE_BINDING,
    "leases.coordination.k8s.io": cluster.LEASE,
    "endpointslices.discovery.k8s.io": network.ENDPOINT_SLICE,
    "events.events.k8s.io": cluster.EVENT,
    "priorityclasses.scheduling.k8s.io": cluster.PRIORITY_CLASS,
    "csidrivers.storage.k8s.io": storage.CSI_DRIVER,
    "storageclasses.storage.k8s.io": storage.STORAGE_CLASS,
    "deviceclasses.resource.k8s.io": _ONLY_AGE,
    "resourceclaims.resource.k8s.io": storage.RESOURCE_CLAIM,
    "resourceclaimtemplates.resource.k8s.io": _ONLY_AGE,
    "resourceslices.resource.k8s.io": storage.RESOURCE_SLICE,
    "runtimeclasses.node.k8s.io": cluster.RUNTIME_CLASS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": cluster.WEBHOOK_CONFIGURATION,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": cluster.WEBHOOK_CONFIGURATION,
}


def table(
    resource: Resource,
    objects: Sequence[Obj],
    metadata: Obj,
    *,
    now: datetime,
    include_object: IncludeObject = "Metadata",
    with_columns: bool = True,
) -> Obj:
    """A Table of meta.k8s.io/v1, with that list metadata. Later events of a watch have no column definitions."""
    columns = custom_columns(resource) if resource.custom else _BUILTIN.get(resource.name, _UNPRINTED)
    return {
        "kind": "Table",
        "apiVersion": _META,
        "metadata": metadata,
        "columnDefinitions": [column.definition() for column in columns] if with_columns else None,
        "rows": [_row(resource, columns, obj, now, include_object) for obj in objects],
    }


def _row(resource: Resource, columns: Sequence[Shown], obj: Obj, now: datetime, include_object: IncludeObject) -> Obj:
    cells = [_at(column.cell(obj), now) for column in columns]
    conditions = row_conditions(obj) if resource.name == "pods" else []
    told = {"conditions": conditions} if conditions else {}
    return {"cells": cells, **told, "object": _included(resource, obj, include_object)}


def _at(cell: Any, now: datetime) -> Any:
    return cell.at(now) if isinstance(cell, Since) else cell


def _included(resource: Resource, obj: Obj, include_object: IncludeObject) -> Obj | None:
    match include_object:
        case "Object":
            return {**obj, "apiVersion": resource.api_version, "kind": resource.kind}
        case "Metadata":
            return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}
        case "None":
            return None
