"""Many VoiceAgents on CPUs, quickly: emulated models, a few SLAPolicies, sixteen connections."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import yaml
from kubeconfig import read_kubeconfig
from offline_apiserver import REPOSITORY, committed_crds

CONNECTIONS = 16
POLICIES = 5
API = "/apis/antiphon.dev/v1alpha1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

Obj = dict[str, Any]

VAD_MODEL: Obj = {
    "apiVersion": "antiphon.dev/v1alpha1",
    "kind": "VoiceModel",
    "metadata": {"name": "emulated-vad"},
    "spec": {
        "stage": "vad",
        "description": "Takes next to no time, as real ones do. Emulated; hears nothing.",
        "license": "Apache-2.0",
        "variants": [
            {
                "name": "any",
                "engine": "emulated",
                "memory": {"host": "16Mi"},
                "cpu": "10m",
                "profiles": [
                    {
                        "hardware": "any-cpu",
                        "alphaMs": 0.2,
                        "betaMs": 0.05,
                        "maxBatch": 8,
                        "item": "frame",
                        "basis": "Projected",
                        "origin": "chosen for tests",
                    }
                ],
            }
        ],
    },
}
"""The presets have a real one only, whose weights would have to be there."""


def fleet_models() -> list[Obj]:
    """The VoiceModels that the fleet's agents name: all are emulated, so that their pods run anywhere."""
    return [*_documents(REPOSITORY / "policies" / "models-emulated.yaml"), copy.deepcopy(VAD_MODEL)]


def fleet_policies(number: int = POLICIES) -> list[Obj]:
    """The conversational policy several times, each a little less strict than the one before."""
    (preset,) = _documents(REPOSITORY / "policies" / "sla-conversational.yaml")
    policies = [copy.deepcopy(preset) for _ in range(number)]
    for index, policy in enumerate(policies):
        policy["metadata"]["name"] = policy_name(index)
        for objective in policy["spec"]["objectives"]:
            if "targetMs" in objective:
                objective["targetMs"] += 10 * index
    return policies


def policy_name(index: int) -> str:
    return f"fleet-{index}"


def cascade() -> Obj:
    """A pipeline of emulated models."""
    return {
        "vad": {"model": "emulated-vad"},
        "asr": {"model": "emulated-whisper"},
        "llm": {"model": "emulated-mixtral", "options": {"maxNewTokens": 60}},
        "tts": {"model": "emulated-styletts2"},
    }


def fleet_agent(index: int, policies: int = POLICIES) -> Obj:
    """One replica of a whole cascade in one pod, without a GPU."""
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceAgent",
        "metadata": {"name": f"agent-{index:04}"},
        "spec": {
            "description": f"Agent {index} of a fleet.",
            "pipeline": cascade(),
            "slaPolicy": policy_name(index % policies),
            "scaling": {"minReplicas": 1, "maxReplicas": 4},
            "placement": {
                "groups": [
                    {
                        "name": "main",
                        "stages": ["vad", "asr", "llm", "tts"],
                        "partition": {"profile": "none"},
                        "resources": {"cpu": "100m", "memory": "256Mi"},
                    }
                ]
            },
            "sessions": {"drain": "60s"},
        },
    }


def _node(index: int) -> Obj:
    room = {"cpu": "96", "memory": "512Gi", "pods": "250"}
    conditions = [{"type": "Ready", "status": "True", "reason": "Said", "message": "made by a test; nothing runs here"}]
    labels = {"kubernetes.io/hostname": f"fleet-{index}", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    metadata = {"name": f"fleet-{index}", "labels": labels}
    status = {"capacity": room, "allocatable": room, "conditions": conditions}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}


def _documents(file: Path) -> list[Obj]:
    return [document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document]


class Fleet:
    """The agents of one namespace, over a session of its own."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str) -> None:
        self._session = session
        self.namespace = namespace
        self.path = f"{API}/namespaces/{namespace}/voiceagents"

    async def create(self, agents: int, first: int = 0) -> None:
        """So many agents, by all connections at once."""
        bodies = [orjson.dumps(fleet_agent(index)) for index in range(first, first + agents)]
        await self._all("POST", ((self.path, body) for body in bodies))

    async def delete(self, agents: int, first: int = 0) -> None:
        await self._all("DELETE", ((f"{self.path}/agent-{index:04}", b"") for index in range(first, first + agents)))

    async def delete_all(self, collection: str) -> None:
        await self._send("DELETE", collection, b"")

    async def prepare(self, nodes: int = 0) -> None:
        """The namespace, our CRDs, models and policies; what is there already stays as it is.

        Where nobody else brings nodes, some may be made that say of themselves that they are ready.
        """
        for index in range(nodes):
            await self._ensure("/api/v1/nodes", _node(index))
        await self._ensure("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        for crd in committed_crds().values():
            await self._ensure(CRDS, crd)
        await self._wait_served()
        for path, found in (("voicemodels", fleet_models()), ("slapolicies", fleet_policies())):
            for manifest in found:
                await self._ensure(f"{API}/{path}", manifest)

    async def clear(self) -> None:
        """The namespace and all that is in it, models and policies; not the CRDs."""
        await self._send("DELETE", f"/api/v1/namespaces/{self.namespace}", b"", (200, 202, 404, 409))
        for path, found in (("voicemodels", fleet_models()), ("slapolicies", fleet_policies())):
            for manifest in found:
                await self._send("DELETE", f"{API}/{path}/{manifest['metadata']['name']}", b"", (200, 404))

    async def get(self, path: str) -> Any:
        async with self._session.get(path) as answer:
            content = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"GET {path}: {answer.status} {content[:1000].decode()}")
            return orjson.loads(content)

    async def _ensure(self, path: str, manifest: Obj) -> None:
        await self._send("POST", f"{path}?fieldValidation=Strict", orjson.dumps(manifest), (201, 409))

    async def _wait_served(self) -> None:
        for resource in ("voiceagents", "voicemodels", "slapolicies", "gpupools"):
            for _ in range(300):
                async with self._session.get(f"{API}/{resource}?limit=1") as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.1)
            else:
                raise RuntimeError(f"the server does not serve {resource} within 30 s")

    async def _all(self, method: str, requests: Iterator[tuple[str, bytes]]) -> None:
        async def work() -> None:
            for path, body in requests:
                await self._send(method, path, body)

        await asyncio.gather(*(work() for _ in range(CONNECTIONS)))

    async def _send(self, method: str, path: str, body: bytes, good: tuple[int, ...] = (200, 201, 202)) -> None:
        headers = {"Content-Type": "application/json"}
        async with self._session.request(method, path, data=body or None, headers=headers) as answer:
            content = await answer.read()
            if answer.status not in good:
                raise RuntimeError(f"{method} {path}: {answer.status} {content[:1000].decode()}")


@asynccontextmanager
async def fleet_of(kubeconfig: Path, namespace: str) -> AsyncIterator[Fleet]:
    connection = read_kubeconfig(kubeconfig)
    connector = aiohttp.TCPConnector(ssl=connection.tls or True, limit=0)
    async with aiohttp.ClientSession(connection.server, connector=connector, headers=connection.headers) as session:
        yield Fleet(session, namespace)
