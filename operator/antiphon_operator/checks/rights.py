"""May the caller do what the command line does, and the operator's service account what the operator does?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from antiphon_operator.checks.check import Finding, failed, few, ok, skipped, warning
from antiphon_operator.checks.cluster import OPERATOR, Cluster
from antiphon_operator.checks.operator_running import option_values
from antiphon_operator.install.labels import NAMESPACE, WATCHED
from antiphon_operator.install.manifests import Choices, operator_objects
from antiphon_operator.kube import resources
from antiphon_operator.kube.errors import ForbiddenError
from antiphon_operator.kube.resources import (
    CLAIM_TEMPLATES,
    DEFINITIONS,
    DEPLOYMENTS,
    EVENTS,
    GPU_POOLS,
    PODS,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    SERVICES,
    SLA_POLICIES,
    VOICE_AGENTS,
    VOICE_MODELS,
    Resource,
)
from antiphon_operator.objects import Obj, namespace_of

_REVIEWS = "/apis/authorization.k8s.io/v1"
_CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)
_NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_CATALOG = (SLA_POLICIES, VOICE_MODELS, GPU_POOLS)
_DRA = (CLAIM_TEMPLATES, RESOURCE_CLAIMS, RESOURCE_SLICES)


@dataclass(frozen=True)
class Need:
    """A right that somebody needs."""

    verb: str
    resource: Resource
    subresource: str = ""
    wanted_for: str = ""
    name: str = ""

    @property
    def what(self) -> str:
        part = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.resource.plural}{part}"


def needs(resource: Resource, verbs: str, subresource: str = "", wanted_for: str = "", name: str = "") -> list[Need]:
    return [Need(verb, resource, subresource, wanted_for, name) for verb in verbs.split()]


CALLER: tuple[Need, ...] = (
    *needs(VOICE_AGENTS, "get list", wanted_for="get, describe and talk"),
    *(need for kind in _CATALOG for need in needs(kind, "get list", wanted_for="get and describe")),
    *needs(PODS, "list", wanted_for="describe and logs"),
    *needs(PODS, "get", "log", wanted_for="logs"),
    *needs(EVENTS, "list", wanted_for="describe"),
    *needs(SERVICES, "get", wanted_for="talk"),
    *needs(PODS, "create", "portforward", wanted_for="talk from outside of the cluster"),
)
INSTALLER: tuple[Need, ...] = tuple(
    need
    for kind in (DEFINITIONS, _CLUSTER_ROLES, _BINDINGS, _NAMESPACES, DEPLOYMENTS)
    for need in needs(kind, "create patch", wanted_for="install")
)
_KNOWN = {(known.group, known.plural): known for known in vars(resources).values() if isinstance(known, Resource)}


@dataclass(frozen=True)
class OperatorNeeds:
    """What the operator does, by where it does it: the rules of its chart, read from the manifests of `antiphon install`."""

    namespaced: tuple[Need, ...]
    """In every namespace that it looks into."""
    of_cluster: tuple[Need, ...]
    lease: tuple[Need, ...]
    """In its own namespace."""


def operator_needs(lease: str) -> OperatorNeeds:
    """`lease`: the name of its Lease."""
    objects = operator_objects(Choices(watch_namespaces=(WATCHED,)))
    found: dict[str, tuple[Need, ...]] = {
        obj["metadata"].get("namespace", ""): tuple(_needs_of(obj["rules"], lease)) for obj in objects if "rules" in obj
    }
    return OperatorNeeds(found[WATCHED], found[""], found[NAMESPACE])


def _needs_of(rules: Iterable[Obj], lease: str) -> Iterator[Need]:
    for rule in rules:
        for group, told in product(rule["apiGroups"], rule["resources"]):
            plural, _, subresource = told.partition("/")
            name = lease if rule.get("resourceNames") else ""
            yield from needs(_KNOWN[group, plural], " ".join(rule["verbs"]), subresource, name=name)


async def check_your_rights(cluster: Cluster) -> Finding:
    missing = await _refused(cluster, None, CALLER, cluster.scope.namespace or "")
    cannot_install = await _refused(cluster, None, INSTALLER, "")
    installs = "and may install" if not cannot_install else f"and may not install ({few(_told(cannot_install), 3)})"
    if not missing:
        return ok(f"you may get, describe, talk and read logs, {installs}")
    uses = dict.fromkeys(need.wanted_for for need in missing)
    message = f"you may not {few(_told(missing))}: needed for {', '.join(uses)}"
    where = f"in {cluster.scope.namespace}" if cluster.scope.namespace else "in all namespaces; or give yours with -n"
    return warning(message, f"Have these verbs bound to you {where}.")


async def check_operator_rights(cluster: Cluster) -> Finding:
    deployments = await cluster.operators(DEPLOYMENTS)
    if not deployments:
        return skipped("there is no Deployment of the operator, so it is not known as whom it runs")
    missing: list[str] = []
    try:
        for deployment in deployments:
            missing += [f"{user_of(deployment)}: {what}" for what in await _operator_lacks(cluster, deployment)]
    except ForbiddenError:
        return skipped("you may not ask what others may do", "An administrator can: create subjectaccessreviews.")
    if missing:
        message = f"{len(missing)} rights are missing: {few(missing)}"
        return failed(message, "Upgrade the Helm release, or bind its ClusterRole: `antiphon install` does both.")
    return ok(f"{few(map(user_of, deployments))} may do all that the operator does")


def user_of(deployment: Obj) -> str:
    account = deployment["spec"]["template"]["spec"].get("serviceAccountName") or "default"
    return f"system:serviceaccount:{namespace_of(deployment)}:{account}"


async def _operator_lacks(cluster: Cluster, deployment: Obj) -> list[str]:
    has_claims = await cluster.serves(CLAIM_TEMPLATES)
    needed = operator_needs((option_values(deployment, "--lease") or [OPERATOR])[0])
    served = [need for need in needed.namespaced if has_claims or need.resource not in _DRA]
    of_cluster = [need for need in needed.of_cluster if has_claims or need.resource not in _DRA]
    user = user_of(deployment)
    missing = await _refused(cluster, user, of_cluster, "")
    for namespace in option_values(deployment, "--namespace") or [""]:
        missing += await _refused(cluster, user, served, namespace)
    missing += await _refused(cluster, user, needed.lease, namespace_of(deployment))
    return _told(missing)


async def _refused(cluster: Cluster, user: str | None, wanted: Sequence[Need], namespace: str) -> list[Need]:
    """What the API server would refuse; `user` None is the caller."""
    answers = await asyncio.gather(*(_is_allowed(cluster, user, need, namespace) for need in wanted))
    return [need for need, allowed in zip(wanted, answers, strict=True) if not allowed]


async def _is_allowed(cluster: Cluster, user: str | None, need: Need, namespace: str) -> bool:
    attributes = {
        "verb": need.verb,
        "group": need.resource.group,
        "version": need.resource.version,
        "resource": need.resource.plural,
        "subresource": need.subresource,
        "namespace": namespace if need.resource.namespaced else "",
        "name": need.name,
    }
    spec: Obj = {"resourceAttributes": {name: value for name, value in attributes.items() if value}}
    kind = "SelfSubjectAccessReview"
    if user is not None:
        kind = "SubjectAccessReview"
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{user.split(':')[2]}", "system:authenticated"]
        spec |= {"user": user, "groups": groups}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    reply = await cluster.ask(f"{_REVIEWS}/{kind.lower()}s", review)
    return bool((reply.body.get("status") or {}).get("allowed"))


def _told(missing: Iterable[Need]) -> list[str]:
    return list(dict.fromkeys(need.what for need in missing))
