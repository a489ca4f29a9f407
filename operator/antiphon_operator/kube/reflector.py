"""A list and an endless watch: keeps what is known of one resource up to date, through all that an API server does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from antiphon_operator.kube.cache import Cache, Change, Key
from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import (
    ApiError,
    ForbiddenError,
    GarbledError,
    GoneError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    UnauthorizedError,
    UnreachableError,
)
from antiphon_operator.kube.resources import Resource
from antiphon_operator.kube.retries import pause_seconds
from antiphon_operator.kube.watching import Kind, Scope, WatchEvent, watch
from antiphon_operator.objects import Obj, name_of, version_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WatchTimes:
    """In seconds."""

    watch: float = 290.0
    """A watch's life, as told to the server; shorter than the five minutes after which balancers cut."""
    silence: float = 100.0
    """A server sends a bookmark each minute or so; after this the connection is taken for dead."""
    relist: float = 600.0
    """All is listed anew, to heal what no watch told."""
    first_pause: float = 0.2
    longest_pause: float = 10.0
    good_life: float = 10.0
    """A watch that lived longer was a good one: the next failure is a new one."""
    absent: float = 30.0
    """Time after which a resource that the cluster does not serve is looked for again."""
    behind: float = 60.0
    """A server that answers for so long with lists older than known was reset: what is known is forgotten."""


OnEvent = Callable[[Kind, Obj], None]
Hook = Callable[[], None]

_FAILURES_BEFORE_LIST = 3
"""A watch that breaks goes on from where it was; when that fails so often in a row, from a new list."""

_REASONS: tuple[tuple[type[ApiError], str], ...] = (
    (GoneError, "expired"),
    (GarbledError, "garbled"),
    (UnreachableError, "unreachable"),
    (ForbiddenError, "forbidden"),
    (UnauthorizedError, "unauthorized"),
    (NotFoundError, "not-served"),
    (TooManyRequestsError, "too-many-requests"),
    (ServerError, "server-error"),
)


def reason_of(error: ApiError) -> str:
    """For metrics: why a list or watch failed. `ended` is told of a watch that the server ended as it should."""
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "refused")


class Reflector:
    """`run` it; look into `objects`. Callbacks are called in the loop, one at a time, and must not block."""

    def __init__(
        self,
        kube: Kube,
        resource: Resource,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        on_event: OnEvent | None = None,
        on_synced: Hook | None = None,
        on_restart: Callable[[str], None] | None = None,
        may_be_absent: bool = False,
        times: WatchTimes | None = None,
    ) -> None:
        """`may_be_absent`: a resource that the cluster does not serve counts as empty, and as synced."""
        self.resource = resource
        self.namespace = namespace
        self._kube = kube
        self._scope = Scope(resource, namespace, labels, fields)
        self._on_event = on_event
        self._on_synced = on_synced
        self._on_restart = on_restart
        self._may_be_absent = may_be_absent
        self._times = times or WatchTimes()
        self._cache = Cache()
        self._synced = asyncio.Event()
        self._version = 0
        """From where a watch goes on; 0 where all has to be listed first."""
        self._newest = 0
        self._behind_since: float | None = None
        self._relist_at = 0.0
        self._failures = 0
        self._told_trouble = ""
        self._heard_at: float | None = None

    # --- what is known --------------------------------------------------------------------------------------------

    @property
    def objects(self) -> Mapping[Key, Obj]:
        """By namespace and name; a view that changes. Its objects are not to be changed."""
        return self._cache.objects

    async def synced(self) -> None:
        await self._synced.wait()

    def age_seconds(self) -> float:
        """Since the server was last heard: an event, a bookmark, an answer. From `run` on; 0 before."""
        return 0.0 if self._heard_at is None else self._now() - self._heard_at

    def accept(self, obj: Obj) -> None:
        """What the server answered to a write of ours: seen at once. Ignored where something newer is known."""
        self._tell(self._cache.put(obj))

    # --- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled. Nothing that the server does or says ends it."""
        self._heard()
        while True:
            await asyncio.sleep(await self._turn())

    async def _turn(self) -> float:
        """One list or one watch. Returns how long to wait before the next."""
        began = self._now()
        lists = not self._version or began >= self._relist_at
        reason = await self._tried(self._list if lists else self._watch)
        if lists and not reason:
            return 0.0
        if self._on_restart:
            self._on_restart(reason or "ended")
        if lists and reason == "not-served" and self._may_be_absent:
            self._is_absent()
            return self._times.absent * self._spread()
        return self._pause_after(0.0 if lists else self._now() - began)

    async def _tried(self, what: Callable[[], Awaitable[None]]) -> str:
        """Why it failed; empty when it did not."""
        try:
            await what()
        except ApiError as error:
            self._version = self._version if isinstance(error, UnreachableError) else 0
            return self._trouble(error)
        except Exception:
            log.exception("%s: the watch is begun anew", self.resource)
            self._version = 0
            return "bug"
        self._told_trouble = ""
        return ""

    def _trouble(self, error: ApiError) -> str:
        """An outage is told once, not at each try."""
        reason = reason_of(error)
        log.log(
            logging.DEBUG if reason in ("expired", self._told_trouble) else logging.WARNING,
            "%s: %s",
            self.resource,
            error,
        )
        self._told_trouble = reason
        return reason

    def _pause_after(self, lived_seconds: float) -> float:
        """A watch that ends at once is a failure too, however well it ends."""
        if lived_seconds > self._times.good_life:
            self._failures = 0
            return 0.0
        self._failures += 1
        if self._failures % _FAILURES_BEFORE_LIST == 0:
            self._version = 0
        return pause_seconds(self._failures, self._times.first_pause, self._times.longest_pause, self._kube.chance)

    async def _list(self) -> None:
        scope = self._scope
        found = await self._kube.list(scope.resource, scope.namespace, labels=scope.labels, fields=scope.fields)
        version = int(found.version) if found.version.isdigit() else 0
        if not version:
            raise GarbledError(f"a list of {scope.resource} has no version")
        self._heard()
        self._tell(self._take(found.items, version))
        self._version = version
        is_behind = self._behind_since is not None
        self._relist_at = self._now() + (self._times.behind / 2 if is_behind else self._times.relist) * self._spread()
        self._now_synced()

    def _take(self, objects: list[Obj], version: int) -> list[Change]:
        """A list that is older than what is known comes of a server that lags behind, or that was set back."""
        if version >= self._newest:
            self._newest, self._behind_since = version, None
            return self._cache.listed(objects, version)
        if self._behind_since is None:
            self._behind_since = self._now()
        if self._now() - self._behind_since < self._times.behind:
            return self._cache.listed(objects, version)
        log.warning("%s: the server's versions went back from %d to %d", self.resource, self._newest, version)
        self._newest, self._behind_since = version, None
        return self._cache.start_over(objects, version)

    def _is_absent(self) -> None:
        self._heard()
        self._newest, self._behind_since = 0, None
        self._tell(self._cache.start_over([], 0))
        self._now_synced()

    async def _watch(self) -> None:
        times = self._times
        seconds = max(1, int(min(times.watch * self._spread(), self._relist_at - self._now())))
        events = watch(self._kube.connection, self._scope, str(self._version), seconds, times.silence)
        try:
            async with asyncio.timeout(seconds + times.good_life), aclosing(events):
                async for event in events:
                    self._heard()
                    if event is not None:
                        self._see(event)
        except TimeoutError:
            log.debug("%s: the server does not end its watch, we do", self.resource)
        self._heard()

    def _see(self, event: WatchEvent) -> None:
        version = version_of(event.object)
        self._version = version or self._version
        self._newest = max(self._newest, version)
        if event.kind != "BOOKMARK":
            self._tell(self._cache.heard(event.kind, event.object))

    # --- telling --------------------------------------------------------------------------------------------------

    def _tell(self, changes: list[Change]) -> None:
        if self._on_event is None:
            return
        for kind, obj in changes:
            try:
                self._on_event(kind, obj)
            except Exception:
                log.exception("%s: %s of %s was not taken", self.resource, kind, name_of(obj))

    def _now_synced(self) -> None:
        if self._synced.is_set():
            return
        self._synced.set()
        if self._on_synced:
            self._on_synced()

    def _heard(self) -> None:
        self._heard_at = self._now()

    def _spread(self) -> float:
        """So that watches that began together don't end together."""
        return 1 - self._kube.chance() / 5

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
