"""Leader election over a Lease of coordination.k8s.io/v1."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol

from antiphon_operator.kube.candidacy import Candidacy, LeaseTimes, Look, Pause, Write
from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import ApiError, ConflictError, ForbiddenError, NotFoundError, NotLeadingError
from antiphon_operator.kube.resources import LEASES
from antiphon_operator.kube.retries import ONCE
from antiphon_operator.kube.session import Connection
from antiphon_operator.objects import Obj

log = logging.getLogger(__name__)

_RELEASE_SECONDS = 2.0
"""At the end. Who can't release the Lease in this time lets it run out."""


class LeaseStore(Protocol):
    """Where the Lease is. All raise ApiError; ConflictError where another was faster, NotFoundError without its namespace."""

    async def read(self) -> Obj | None: ...

    async def create(self, lease: Obj) -> Obj: ...

    async def replace(self, lease: Obj) -> Obj: ...


class KubeLeases:
    """The Lease in a cluster. Asks once: the election has a rhythm of its own, and no fence."""

    def __init__(self, connection: Connection, namespace: str, name: str) -> None:
        self._kube = Kube(connection, retries=ONCE)
        self._namespace = namespace
        self._name = name

    async def read(self) -> Obj | None:
        return await self._kube.get(LEASES, self._name, self._namespace)

    async def create(self, lease: Obj) -> Obj:
        return await self._kube.create(LEASES, lease)

    async def replace(self, lease: Obj) -> Obj:
        return await self._kube.replace(LEASES, lease)


def utc_now() -> datetime:
    return datetime.now(UTC)


class LeaseElection:
    """`async with election:` takes part; `won`, `lost` and `fence` tell what may be done.

    A holder that loses the Lease goes on as a candidate. `fence` goes into `Kube`.
    """

    def __init__(
        self,
        store: LeaseStore,
        namespace: str,
        name: str,
        identity: str,
        *,
        times: LeaseTimes | None = None,
        on_change: Callable[[bool], None] | None = None,
        wall_clock: Callable[[], datetime] = utc_now,
        nonce: str | None = None,
    ) -> None:
        """`on_change` is told whether it leads. `nonce` tells this process from another one of the same identity."""
        self._store = store
        self._name = f"{namespace}/{name}"
        self.holder = f"{identity}_{nonce or secrets.token_hex(4)}"
        self._candidacy = Candidacy(namespace, name, self.holder, times)
        self._on_change = on_change
        self._wall = wall_clock
        self._held = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()
        self._task: asyncio.Task[None]

    # --- what is so ------------------------------------------------------------------------------------------------

    def holds(self) -> bool:
        """It may write now. Asks the clock: true no longer than it can be sure, even if nothing else runs meanwhile."""
        return self._candidacy.holds(self._now())

    def fence(self) -> None:
        """NotLeadingError where it may not write."""
        if not self.holds():
            leader = self.leader
            why = "could not be renewed in time" if leader == self.holder else f"is held by {leader or 'nobody'}"
            raise NotLeadingError(f"the Lease {self._name} {why}")

    @property
    def leader(self) -> str:
        """Who held it when it was last looked at; empty where nobody did."""
        return self._candidacy.holder_seen

    @property
    def looked(self) -> bool:
        """It has seen the Lease, or that there is none."""
        return self._candidacy.looked

    async def won(self) -> None:
        """Returns when it holds, which may be now."""
        await self._held.wait()

    async def lost(self) -> None:
        """Returns when it does not hold, which may be now."""
        await self._lost.wait()

    # --- taking part -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> LeaseElection:
        self._task = asyncio.create_task(self._run(), name=f"election {self._name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives the Lease back, so that the next one begins at once: end your writes before."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._release()

    async def _run(self) -> None:
        while True:
            try:
                await self._step()
            except Exception:
                log.exception("the election for %s goes on", self._name)
                await asyncio.sleep(self._candidacy.times.renew)
            self._tell()

    async def _step(self) -> None:
        now = self._now()
        step = self._candidacy.step(now, self._wall())
        if isinstance(step, Pause):
            until_end = self._candidacy.held_until - now
            await asyncio.sleep(min(step.seconds, until_end) if until_end > 0 else step.seconds)
            return
        try:
            await self._do(step, now)
        except ConflictError as error:
            log.info("the Lease %s was written by another: %s", self._name, error)
            self._candidacy.refused(self._now())
        except (ApiError, TimeoutError) as error:
            level = logging.WARNING if isinstance(error, (ForbiddenError, NotFoundError)) else logging.INFO
            log.log(level, "the Lease %s: %s", self._name, str(error) or "no answer in time")
            self._candidacy.unanswered(self._now())

    async def _do(self, step: Look | Write, began: float) -> None:
        async with asyncio.timeout(self._candidacy.attempt_seconds(began)):
            if isinstance(step, Look):
                self._candidacy.saw(await self._store.read(), self._now())
                return
            answer = await self._write(step.lease)
        self._candidacy.wrote(answer, began, self._now())

    def _write(self, lease: Obj) -> Awaitable[Obj]:
        known = lease["metadata"].get("resourceVersion")
        return self._store.replace(lease) if known else self._store.create(lease)

    async def _release(self) -> None:
        lease = self._candidacy.release(self._wall())
        self._tell()
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                while lease is not None:
                    lease = await self._give_back(lease)
        except (ApiError, TimeoutError) as error:
            log.info("the Lease %s is not given back, it runs out: %s", self._name, error)

    async def _give_back(self, lease: Obj) -> Obj | None:
        """What is to be tried next: a renewal that was cut short may have happened."""
        try:
            await self._store.replace(lease)
        except ConflictError:
            self._candidacy.saw(await self._store.read(), self._now())
            return self._candidacy.release(self._wall())
        return None

    def _tell(self) -> None:
        holds = self.holds()
        if holds == self._held.is_set():
            return
        came, went = (self._held, self._lost) if holds else (self._lost, self._held)
        went.clear()
        came.set()
        log.info("%s the Lease %s", "holds" if holds else "does not hold any more", self._name)
        if self._on_change:
            self._on_change(holds)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
