"""Clusters for the doctor: the sandbox's API in the process, made ill or well by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from offline_apiserver import committed_crds
from served_api import Client, served

from antiphon_operator.checks.catalogue import CHECKS
from antiphon_operator.checks.check import Finding
from antiphon_operator.checks.cluster import Cluster, Scope
from antiphon_operator.checks.examining import examine
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.session import Connection
from antiphon_sandbox.api.local import Api

PATHS = {
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "VoiceAgent": ("/apis/antiphon.dev/v1alpha1", "voiceagents", True),
    "SLAPolicy": ("/apis/antiphon.dev/v1alpha1", "slapolicies", False),
    "VoiceModel": ("/apis/antiphon.dev/v1alpha1", "voicemodels", False),
    "GPUPool": ("/apis/antiphon.dev/v1alpha1", "gpupools", False),
    "Node": ("/api/v1", "nodes", False),
    "Namespace": ("/api/v1", "namespaces", False),
    "Pod": ("/api/v1", "pods", True),
    "Service": ("/api/v1", "services", True),
    "Secret": ("/api/v1", "secrets", True),
    "Event": ("/api/v1", "events", True),
    "PersistentVolumeClaim": ("/api/v1", "persistentvolumeclaims", True),
    "StorageClass": ("/apis/storage.k8s.io/v1", "storageclasses", False),
    "Deployment": ("/apis/apps/v1", "deployments", True),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases", True),
    "ResourceSlice": ("/apis/resource.k8s.io/v1", "resourceslices", False),
    "DeviceClass": ("/apis/resource.k8s.io/v1", "deviceclasses", False),
}


class World:
    """What a test puts into the cluster before the doctor comes."""

    def __init__(self) -> None:
        self._objects: list[Any] = []
        self.has_kinds = True
        self.deleted_namespaces: list[str] = []

    def put(self, kind: str, name: str, namespace: str = "default", **fields: Any) -> Any:
        """The object, which the test may change until the doctor comes."""
        prefix, _, namespaced = PATHS[kind]
        metadata = {"name": name, **fields.pop("metadata", {}), **({"namespace": namespace} if namespaced else {})}
        api_version = prefix.removeprefix("/apis/").removeprefix("/api/")
        made = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}
        self._objects.append(made)
        return made

    def add(self, manifest: Any) -> None:
        metadata = manifest["metadata"]
        if PATHS[manifest["kind"]][2]:
            metadata.setdefault("namespace", "default")
        self._objects.append(manifest)

    async def build(self, client: Client) -> None:
        if self.has_kinds:
            for definition in committed_crds().values():
                await self._post(client, definition)
        for manifest in self._objects:
            await self._post(client, manifest)
        for name in self.deleted_namespaces:
            answer = await client.ask("DELETE", f"/api/v1/namespaces/{name}")
            assert answer.status == 200, answer.text

    async def _post(self, client: Client, manifest: Any) -> None:
        prefix, plural, namespaced = PATHS[manifest["kind"]]
        inside = f"/namespaces/{manifest['metadata']['namespace']}" if namespaced else ""
        path = f"{prefix}{inside}/{plural}"
        answer = await client.ask("POST", path, manifest)
        assert answer.status == 201, answer.text
        if status := manifest.get("status"):
            change = json.dumps({"status": status})
            path = f"{path}/{manifest['metadata']['name']}/status"
            answer = await client.ask("PATCH", path, change, Content_Type="application/merge-patch+json")
            assert answer.status == 200, answer.text


Examine = Callable[..., Any]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def found(world: World) -> Examine:
    """What one check finds in the world."""

    def run(
        name: str,
        scope: Scope | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: float = 20,
    ) -> Finding:
        return asyncio.run(_examined(world, [name], scope or Scope(), now, seconds))[name]

    return run


@pytest.fixture
def found_all(world: World) -> Examine:
    """What all checks find in the world."""

    def run(scope: Scope | None = None) -> dict[str, Finding]:
        names = [check.name for check in CHECKS]
        return asyncio.run(_examined(world, names, scope or Scope(), lambda: datetime.now(UTC), 20))

    return run


async def _examined(
    world: World, names: Sequence[str], scope: Scope, now: Callable[[], datetime], seconds: float
) -> dict[str, Finding]:
    async with served(Api()) as client:
        await world.build(client)
        access = Access(server=client.url, default_namespace="default", origin="a test")
        async with Connection(access) as connection:
            cluster = Cluster(connection, scope, now)
            try:
                return await examine([check for check in CHECKS if check.name in names], cluster, seconds=seconds)
            finally:
                await cluster.close()
