"""All watches of an operator that leads: children, pods and nodes by our reflectors, our own kinds by kopf."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import ApiError
from antiphon_operator.kube.reflector import Reflector
from antiphon_operator.kube.resources import (
    CHILDREN,
    CLAIM_TEMPLATES,
    NODES,
    PODS,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    VOICE_AGENTS,
    Resource,
)
from antiphon_operator.names import OURS
from antiphon_operator.objects import Obj, namespace_of
from antiphon_operator.operate.herald import Herald
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.own_kinds import OWN_KINDS, OwnKinds
from antiphon_operator.operate.settings import OperatorSettings

log = logging.getLogger(__name__)

_MAYBE_ABSENT = (CLAIM_TEMPLATES, RESOURCE_CLAIMS, RESOURCE_SLICES)
_AGAIN_SECONDS = 2.0


class Watches:
    """`begin`, then `run`."""

    def __init__(
        self,
        kube: Kube,
        herald: Herald,
        settings: OperatorSettings,
        metrics: Metrics,
        on_started: Callable[[], None],
        on_told_to_end: Callable[[], None],
    ) -> None:
        self._kube = kube
        self._herald = herald
        self._settings = settings
        self._metrics = metrics
        self._reflectors = list(self._made())
        self._heard_own: float | None = None
        """Loop time. None: kopf was not started yet."""
        self._audit_due = asyncio.Event()
        self._own = OwnKinds(
            kube.connection,
            settings.namespaces,
            herald.heard,
            self._own_ended,
            on_started,
            on_told_to_end,
        )

    async def until_served(self) -> None:
        """Until the cluster has our kinds."""
        told = False
        while True:
            try:
                if await self._kube.serves(VOICE_AGENTS):
                    return
                if not told:
                    log.warning("the cluster has no %s yet: install the CRDs", VOICE_AGENTS)
                told = True
            except ApiError as error:
                log.warning("the API server can't be asked what it serves: %s", error)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def begin(self, group: asyncio.TaskGroup) -> None:
        """Returns when all that there is is known."""
        for reflector in self._reflectors:
            group.create_task(reflector.run())
        await asyncio.gather(*(reflector.synced() for reflector in self._reflectors))
        while not await self._audited():
            await asyncio.sleep(_AGAIN_SECONDS)
        self._heard_own = asyncio.get_running_loop().time()
        group.create_task(self._own.run())
        group.create_task(self._audit())

    def ages(self) -> Iterator[tuple[str, float]]:
        """Seconds since each watch last heard of the API server. Those of kopf are told by its requests."""
        for reflector in self._reflectors:
            yield str(reflector.resource), reflector.age_seconds()
        if self._heard_own is not None:
            yield str(VOICE_AGENTS), asyncio.get_running_loop().time() - self._heard_own

    def accept(self, resource: Resource, obj: Obj) -> None:
        """The answer to a write of ours."""
        for reflector in self._reflectors:
            if reflector.resource is resource and reflector.namespace in ("", namespace_of(obj)):
                reflector.accept(obj)

    def saw_request(self, verb: str, resource: str, code: int) -> None:
        if code == 200 and verb in ("watch", "list") and resource == str(VOICE_AGENTS):
            self._heard_own = asyncio.get_running_loop().time()

    def _made(self) -> Iterator[Reflector]:
        scoped = [
            (resource, OURS, namespace)
            for resource in (*CHILDREN, PODS, RESOURCE_CLAIMS)
            for namespace in self._scopes()
        ]
        for resource, labels, namespace in [*scoped, (NODES, "", ""), (RESOURCE_SLICES, "", "")]:
            yield Reflector(
                self._kube,
                resource,
                namespace,
                labels=labels,
                on_event=lambda kind, obj, resource=resource: self._herald.heard(resource, kind, obj),  # type: ignore[misc]
                on_restart=lambda reason, resource=resource: self._restarted(resource, reason),  # type: ignore[misc]
                may_be_absent=resource in _MAYBE_ABSENT,
            )

    def _scopes(self) -> tuple[str, ...]:
        return self._settings.namespaces or ("",)

    def _restarted(self, resource: Resource, reason: str) -> None:
        self._metrics.watch_restarts.labels(str(resource), reason).inc()

    def _own_ended(self, why: str) -> None:
        """What happened while nobody watched is found by listing."""
        self._restarted(VOICE_AGENTS, why.partition(":")[0])
        self._audit_due.set()

    async def _audit(self) -> None:
        """Lists our own kinds now and then, and marks every agent: heals what no watch told."""
        while True:
            self._audit_due.clear()
            try:
                async with asyncio.timeout(self._settings.resync_seconds):
                    await self._audit_due.wait()
                await asyncio.sleep(_AGAIN_SECONDS)
            except TimeoutError:
                self._herald.mark_all(spread_seconds=self._settings.resync_seconds / 10)
            if not await self._audited():
                self._audit_due.set()

    async def _audited(self) -> bool:
        try:
            for resource in OWN_KINDS:
                for namespace in self._scopes() if resource.namespaced else ("",):
                    listing = await self._kube.list(resource, namespace)
                    version = int(listing.version) if listing.version.isdigit() else 0
                    self._herald.reconcile_listing(resource, listing.items, version, namespace or None)
        except ApiError as error:
            log.warning("our own kinds could not be listed: %s", error)
            return False
        return True
