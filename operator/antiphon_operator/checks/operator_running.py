"""Does an operator run, does one lead, and does it look where the agents are?"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from antiphon_operator.checks.check import Finding, counted, failed, few, ok, warning, worst
from antiphon_operator.checks.cluster import OPERATOR, Cluster
from antiphon_operator.kube.errors import ForbiddenError
from antiphon_operator.kube.resources import DEPLOYMENTS, LEASES
from antiphon_operator.objects import Obj, name_of, namespace_of

_INSTALL = "`antiphon install` installs it."
_LOGS = "Look at its logs: `kubectl -n {} logs deployment/{}`."
_DEFAULT_LEASE_SECONDS = 15


async def check_operator(cluster: Cluster) -> Finding:
    deployments = await cluster.operators(DEPLOYMENTS)
    names = _lease_names(cluster, deployments)
    found = [(namespace, name, await _lease(cluster, namespace, name)) for namespace, name in names]
    if not deployments and not any(lease for *_, lease in found):
        return failed("there is no operator: no Deployment and no Lease", _INSTALL)
    findings = [finding for deployment in deployments for finding in _of_deployment(deployment)]
    findings += (finding for *place, lease in found for finding in _of_lease(cluster, ".".join(place), lease))
    findings += _unwatched(deployments, await cluster.agent_namespaces())
    return worst(findings, ok("; ".join(_running(cluster, deployments, found))))


async def leases(cluster: Cluster) -> list[tuple[str, float | None]]:
    """Of each operator's Lease: its name, and its age in seconds by the API server's clock. None: not known."""
    try:
        places = _lease_names(cluster, await cluster.operators(DEPLOYMENTS))
        found = [(name, await _lease(cluster, namespace, name)) for namespace, name in places]
    except ForbiddenError:
        return []
    return [(name, _age_seconds(*lease)) for name, lease in found if lease is not None]


def option_values(deployment: Obj, option: str) -> list[str]:
    """What the operator was given for an option, as often as it was given."""
    arguments = [
        each for container in deployment["spec"]["template"]["spec"]["containers"] for each in _words(container)
    ]
    after = [value for word, value in itertools.pairwise(arguments) if word == option]
    return after + [word.partition("=")[2] for word in arguments if word.startswith(f"{option}=")]


def _words(container: Obj) -> list[str]:
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def _elects(deployment: Obj) -> bool:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    return not any("--no-election" in _words(container) for container in containers)


def _lease_names(cluster: Cluster, deployments: Sequence[Obj]) -> list[tuple[str, str]]:
    """Namespace and name. Without a Deployment, the one that an operator outside of the cluster has by default."""
    if not deployments:
        return [(cluster.scope.operator_namespace, OPERATOR)]
    return [
        (
            (option_values(one, "--operator-namespace") or [namespace_of(one)])[0],
            (option_values(one, "--lease") or [OPERATOR])[0],
        )
        for one in deployments
        if _elects(one)
    ]


async def _lease(cluster: Cluster, namespace: str, name: str) -> tuple[Obj, datetime] | None:
    """With the time at which the API server told it, by its own clock."""
    lease = await cluster.find(LEASES, name, namespace)
    if lease is None:
        return None
    reply = await cluster.ask("/version")
    return lease, reply.served_at or reply.asked_at


def _age_seconds(lease: Obj, now: datetime) -> float | None:
    renewed = (lease.get("spec") or {}).get("renewTime")
    if not renewed:
        return None
    return (now - datetime.fromisoformat(renewed).astimezone(UTC)).total_seconds()


def _of_deployment(deployment: Obj) -> Iterator[Finding]:
    name, namespace = name_of(deployment), namespace_of(deployment)
    wanted = deployment["spec"].get("replicas", 1)
    ready = (deployment.get("status") or {}).get("readyReplicas") or 0
    if ready >= wanted > 0:
        return
    advice = f"`antiphon doctor --only pods` says why. {_LOGS.format(namespace, name)}"
    message = f"{namespace}/{name}: {ready} of {wanted} replicas are ready"
    if wanted == 0:
        yield failed(message, f"Scale it up: `kubectl -n {namespace} scale deployment/{name} --replicas 2`.")
    else:
        yield failed(message, advice) if ready == 0 else warning(message, advice)


def _of_lease(cluster: Cluster, place: str, lease: tuple[Obj, datetime] | None) -> Iterator[Finding]:
    advice = f"See whether an operator runs and may write Leases in {cluster.scope.operator_namespace}; its logs say."
    if lease is None:
        yield failed(f"nobody leads: there is no Lease {place}", advice)
        return
    spec = lease[0].get("spec") or {}
    age, holder = _age_seconds(*lease), spec.get("holderIdentity")
    lasts = spec.get("leaseDurationSeconds") or _DEFAULT_LEASE_SECONDS
    if not holder:
        yield failed(f"nobody leads: Lease {place} has no holder", advice)
    elif age is None or age > lasts:
        since = "ever" if age is None else f"for {age:.0f} s"
        yield failed(f"nobody leads: {holder} has not renewed Lease {place} {since}, and it lasts {lasts} s", advice)


def _unwatched(deployments: Sequence[Obj], namespaces: Iterable[str]) -> Iterator[Finding]:
    watched = {name for one in deployments for name in option_values(one, "--namespace")}
    if not deployments or any(not option_values(one, "--namespace") for one in deployments):
        return
    if left := [name for name in namespaces if name not in watched]:
        message = f"the operator does not look into {few(left)}, where agents are"
        yield warning(message, "Add them to the chart's watchNamespaces, or leave that empty for all.")


def _running(
    cluster: Cluster, deployments: Sequence[Obj], found: Sequence[tuple[str, str, tuple[Obj, datetime] | None]]
) -> Iterator[str]:
    for deployment in deployments:
        ready = (deployment.get("status") or {}).get("readyReplicas") or 0
        yield f"{namespace_of(deployment)}/{name_of(deployment)} has {counted(ready, 'ready replica')}"
    if not deployments:
        yield f"one runs outside of the cluster, or without the label of the chart ({cluster.scope.operator_namespace})"
    for *_, lease in found:
        if lease is not None and (age := _age_seconds(*lease)) is not None:
            yield f"{lease[0]['spec'].get('holderIdentity')} leads, renewed {max(0.0, age):.0f} s ago"
