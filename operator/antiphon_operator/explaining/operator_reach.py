"""Asks the operator what its loop thought: the leading pod directly, else through `kubectl port-forward`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from pydantic import ValidationError

from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.explaining.thoughts import Thoughts
from antiphon_operator.install.labels import NAMESPACE, OPERATOR
from antiphon_operator.kube.errors import ApiError, ForbiddenError, KubeError
from antiphon_operator.kube.resources import LEASES, PODS
from antiphon_operator.objects import Obj, is_going, name_of, namespace_of
from antiphon_operator.talking import reach
from antiphon_operator.talking.errors import NotReachedError

OPERATOR_PORT = 8081
_LEASE = "antiphon-operator"
_CONNECT_SECONDS = 1.0
_ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Asked:
    """The answer, or why there is none, in words."""

    thoughts: Thoughts | None = None
    why_not: str = ""


@dataclass(frozen=True)
class Way:
    """How kubectl is to reach the same cluster."""

    kubeconfig: Path | None = None
    context: str | None = None

    @property
    def options(self) -> list[str]:
        given = {"--kubeconfig": self.kubeconfig, "--context": self.context}
        return [text for name, value in given.items() if value for text in (name, str(value))]


async def ask_operator(cluster: Cluster, way: Way, namespace: str, agent: str) -> Asked:
    """Never fails: what stands in the way is told in the answer."""
    try:
        pods = await _operators(cluster)
    except ForbiddenError:
        return Asked(why_not="you may not list the operator's pods")
    except KubeError as error:
        return Asked(why_not=str(error))
    if not pods:
        return Asked(why_not=f"no pod of the operator runs; it would carry the label {OPERATOR}")
    return await _asked(pods[0], way, _path(namespace, agent))


async def ask_at(url: str, namespace: str, agent: str) -> Asked:
    """The operator at an address that is known, such as `http://127.0.0.1:8081`."""
    answer = await get_thoughts(url.rstrip("/") + _path(namespace, agent))
    return answer or Asked(why_not=f"nobody answers at {url}")


def _path(namespace: str, agent: str) -> str:
    return f"/v1/agents/{namespace}/{agent}"


async def _operators(cluster: Cluster) -> list[Obj]:
    """Those that run, the leader first."""
    found = [pod for pod in await cluster.listing(PODS, labels=OPERATOR) if _runs(pod)]
    holder = ""
    with contextlib.suppress(ApiError):
        lease = await cluster.kube.get(LEASES, _LEASE, namespace_of(found[0]) if found else NAMESPACE)
        holder = str(((lease or {}).get("spec") or {}).get("holderIdentity") or "")
    return sorted(found, key=lambda pod: name_of(pod) != holder)


def _runs(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running" and not is_going(pod)


async def _asked(pod: Obj, way: Way, path: str) -> Asked:
    address = str((pod.get("status") or {}).get("podIP") or "")
    shown = f"[{address}]" if ":" in address else address
    if address and (answer := await get_thoughts(f"http://{shown}:{OPERATOR_PORT}{path}")) is not None:
        return answer
    program = reach.kubectl()
    if program is None:
        return Asked(why_not=f"{name_of(pod)} at {address} is not reached from here, and there is no kubectl")
    return await _through_kubectl([program, *way.options], pod, path)


async def _through_kubectl(command: Sequence[str], pod: Obj, path: str) -> Asked:
    try:
        async with reach.forwarded(
            command, name_of(pod), namespace_of(pod), kind="pod", port=OPERATOR_PORT
        ) as forwarded:
            return await get_thoughts(f"{forwarded}{path}") or Asked(why_not=f"{name_of(pod)} does not answer")
    except NotReachedError as error:
        return Asked(why_not=str(error))


async def get_thoughts(url: str) -> Asked | None:
    """None where nobody answers there."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS, sock_connect=_CONNECT_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as answer:
            body = await answer.read()
            if answer.status == 200:
                return Asked(Thoughts.model_validate_json(body))
            return Asked(why_not=f"the operator answers {answer.status}: {_words(body)}")
    except ValidationError:
        return Asked(why_not="what the operator answers can't be read by this version of antiphon")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def _words(body: bytes) -> str:
    """Of a refusal: its `error`, where it is one of ours."""
    try:
        found = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        found = body.decode(errors="replace")
    return " ".join(str(found).split())[:200]
