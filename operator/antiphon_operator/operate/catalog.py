"""One visit of a policy, model or pool: tells who uses it. None of them makes anything."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import ConflictError, NotFoundError
from antiphon_operator.kube.resources import (
    GPU_POOLS,
    NODES,
    PODS,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    SLA_POLICIES,
    VOICE_MODELS,
    Resource,
)
from antiphon_operator.objects import Obj, uid_of
from antiphon_operator.operate.catalog_status import catalog_status, common_status
from antiphon_operator.operate.changes import same
from antiphon_operator.operate.world import Key, Parsed, World
from antiphon_operator.placing.usage import pool_status

log = logging.getLogger(__name__)

CATALOG = {resource.plural: resource for resource in (SLA_POLICIES, VOICE_MODELS, GPU_POOLS)}


class CatalogTeller:
    """Writes the status of what platform teams write."""

    def __init__(self, kube: Kube, world: World, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._world = world
        self._now = now

    async def visit(self, plural: str, key: Key) -> None:
        resource = CATALOG[plural]
        parsed = self._parsed(resource, key)
        if parsed is None:
            return
        status = self._status(resource, parsed, self._now().strftime("%Y-%m-%dT%H:%M:%SZ"))
        if not same(parsed.raw.get("status") or {}, status):
            await self._write(resource, parsed.raw, status)

    def _parsed(self, resource: Resource, key: Key) -> Parsed[Any] | None:
        stores = {SLA_POLICIES: self._world.policies, VOICE_MODELS: self._world.models, GPU_POOLS: self._world.pools}
        return stores[resource].parsed(key)  # type: ignore[attr-defined,no-any-return]

    def _status(self, resource: Resource, parsed: Parsed[Any], now: str) -> Obj:
        name = parsed.raw["metadata"]["name"]
        if resource is not GPU_POOLS:
            keys = self._world.agents_naming(resource, name)
            agents = [agent for agent in map(self._world.agents.get, keys) if agent is not None]
            return catalog_status(parsed, agents, now)
        pool = self._world.catalog().pools.get(name)
        used = (
            pool_status(
                pool,
                tuple(self._world.others[NODES].all()),
                tuple(self._world.others[PODS].all()),
                tuple(self._world.others[RESOURCE_SLICES].all()),
                tuple(self._world.others[RESOURCE_CLAIMS].all()),
            ).to_manifest()
            if pool
            else {}
        )
        return {**used, **common_status(parsed, now)}

    async def _write(self, resource: Resource, raw: Obj, status: Obj) -> None:
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": raw["metadata"]["name"], "uid": uid_of(raw)},
            "status": status,
        }
        try:
            self._world.accept(resource, await self._kube.apply(resource, body, force=True, subresource="status"))
        except (NotFoundError, ConflictError) as error:
            log.info("%s %s went meanwhile: %s", resource, raw["metadata"]["name"], error)
