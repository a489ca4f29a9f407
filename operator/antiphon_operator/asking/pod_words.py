"""What pods say of themselves over their control API: their sessions, their tuning, and why they are not ready."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable, Mapping

from antiphon_crds.control import State
from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.kube.errors import ApiError
from antiphon_operator.kube.resources import SECRETS
from antiphon_operator.names import TOKEN_KEY, control_secret_name
from antiphon_operator.objects import Obj, name_of
from antiphon_operator.pods.control_client import ControlClient, ControlError, control_session

_PATIENCE_SECONDS = 0.7
"""Pods that can be reached from here answer in milliseconds; from outside of a cluster they mostly can't be."""


async def states_of(cluster: Cluster, agent: str, namespace: str, pods: Iterable[Obj]) -> Mapping[str, State]:
    """By name of the pod. Those that can't be reached, and all where we may not read the token, are left out."""
    addresses = {name_of(pod): str((pod.get("status") or {}).get("podIP") or "") for pod in pods}
    reachable = {name: address for name, address in addresses.items() if address}
    token = await _token(cluster, agent, namespace) if reachable else ""
    if not token:
        return {}
    async with control_session() as session:
        client = ControlClient(session, timeout_seconds=_PATIENCE_SECONDS)
        states = await asyncio.gather(*(_state(client, address, token) for address in reachable.values()))
    return {name: state for name, state in zip(reachable, states, strict=True) if state is not None}


async def _token(cluster: Cluster, agent: str, namespace: str) -> str:
    try:
        secret = await cluster.kube.get(SECRETS, control_secret_name(agent), namespace)
        return base64.b64decode(((secret or {}).get("data") or {}).get(TOKEN_KEY, "")).decode()
    except (ApiError, binascii.Error, UnicodeDecodeError):
        return ""


async def _state(client: ControlClient, address: str, token: str) -> State | None:
    try:
        return await client.state(address, token)
    except ControlError:
        return None
