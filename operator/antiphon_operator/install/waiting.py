"""Waits until the API serves our kinds and the operator runs, and tells what it is waiting for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.bringing_up.steps import Step
from antiphon_operator.install.errors import InstallError
from antiphon_operator.install.labels import OPERATOR
from antiphon_operator.kube.resources import DEFINITIONS, DEPLOYMENTS, PODS
from antiphon_operator.objects import Obj, is_going, name_of

LOOK_AGAIN_SECONDS = 0.2

Look = Callable[[], Awaitable[str]]
"""What is still awaited; empty where nothing is."""


async def until_none(look: Look, step: Step, timeout_seconds: float) -> str:
    """What is still awaited when the time is over; empty where all is there."""
    last = asyncio.get_running_loop().time() + timeout_seconds
    while waiting := await look():
        step.tell(waiting)
        if asyncio.get_running_loop().time() >= last:
            break
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return waiting


async def definitions_awaited(cluster: Cluster, names: list[str]) -> str:
    return not_served(await cluster.listing(DEFINITIONS), names)


def not_served(definitions: Iterable[Obj], names: list[str]) -> str:
    """InstallError where one will never be served, for its names are taken."""
    found = {name_of(obj): _conditions(obj) for obj in definitions}
    for name in names:
        accepted = found.get(name, {}).get("NamesAccepted", {})
        if accepted.get("status") == "False" and accepted.get("reason") != "Installing":
            raise InstallError(f"{name} can't be served: {accepted.get('message')}; remove the definition in its way")
    late = [name for name in names if found.get(name, {}).get("Established", {}).get("status") != "True"]
    return f"not served yet: {', '.join(late)}" if late else ""


def _conditions(obj: Obj) -> dict[str, dict[str, Any]]:
    return {condition["type"]: condition for condition in (obj.get("status") or {}).get("conditions") or ()}


async def operator_awaited(cluster: Cluster, name: str, namespace: str) -> str:
    """Of the Deployment as it is now: how many of its pods are ready, and why others are not."""
    deployment = await cluster.named(DEPLOYMENTS, name, namespace)
    status, wanted = deployment.get("status") or {}, int(deployment["spec"]["replicas"])
    if int(status.get("observedGeneration") or 0) < int(deployment["metadata"]["generation"]):
        return "the cluster has not begun"
    ready = min(int(status.get(field) or 0) for field in ("updatedReplicas", "availableReplicas"))
    if ready >= wanted and int(status.get("replicas") or 0) == wanted:
        return ""
    pods = await cluster.listing(PODS, namespace, OPERATOR)
    return "; ".join([f"{ready} of {wanted} ready", *filter(None, map(_trouble, pods))])


async def pods_awaited(cluster: Cluster, namespace: str) -> str:
    left = await cluster.listing(PODS, namespace, OPERATOR)
    return f"{len(left)} pods are ending" if left else ""


def _trouble(pod: Obj) -> str:
    """Why it is not ready, where the cluster knows; empty where it merely starts."""
    if is_going(pod):
        return ""
    states = [status.get("state") or {} for status in (pod.get("status") or {}).get("containerStatuses") or ()]
    waiting = [state["waiting"] for state in states if "waiting" in state]
    told = [_words(one) for one in waiting if one.get("reason") not in ("ContainerCreating", "PodInitializing")]
    scheduled = _conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        told.append(_words(scheduled))
    return f"pod {name_of(pod)}: {', '.join(told)}" if told else ""


def _words(state: dict[str, Any]) -> str:
    return ": ".join(part for part in (state.get("reason"), state.get("message")) if part)
