"""Elections as they run: in virtual time over a Lease in memory, and against the sandbox's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from served_api import served
from virtual_time import in_virtual_time, virtual_now

from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.errors import ApiError, ConflictError, NotLeadingError, UnreachableError
from antiphon_operator.kube.lease import KubeLeases, LeaseElection
from antiphon_operator.kube.session import Connection
from antiphon_sandbox.api.local import Api

Obj = dict[str, Any]


class MemoryLeases:
    """A Lease in memory, which takes 50 ms to answer. `trouble` is called before each request."""

    def __init__(self) -> None:
        self.lease: Obj | None = None
        self.version = 0
        self.writes = 0
        self.trouble: Callable[[], ApiError | None] = lambda: None
        self.hides_answers = False
        self.hangs = False

    async def read(self) -> Obj | None:
        await self._travel()
        return self.lease

    async def create(self, lease: Obj) -> Obj:
        return await self._store(lease)

    async def replace(self, lease: Obj) -> Obj:
        return await self._store(lease)

    async def _store(self, lease: Obj) -> Obj:
        await self._travel()
        current = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if lease["metadata"].get("resourceVersion") != current:
            raise ConflictError(409, "Conflict")
        self.version += 1
        self.writes += 1
        self.lease = {**lease, "metadata": {**lease["metadata"], "resourceVersion": str(self.version)}}
        if self.hides_answers:
            raise UnreachableError("reset", may_have_happened=True)
        return self.lease

    async def _travel(self) -> None:
        await asyncio.sleep(0.05)
        if self.hangs:
            await asyncio.Event().wait()
        if error := self.trouble():
            raise error


def election(leases: MemoryLeases, identity: str) -> LeaseElection:
    return LeaseElection(leases, "ns", "lease", identity, wall_clock=virtual_now)


def down() -> ApiError:
    return UnreachableError("refused", may_have_happened=False)


@asynccontextmanager
async def killed_at_end(running: LeaseElection) -> AsyncIterator[LeaseElection]:
    """A process that is killed: nothing is given back."""
    task = asyncio.create_task(running._run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait([task])


@in_virtual_time
async def test_one_leads_and_the_other_follows_at_once_when_it_ends() -> None:
    leases = MemoryLeases()
    first, second = election(leases, "a"), election(leases, "b")
    assert not first.looked
    with pytest.raises(NotLeadingError, match="ns/lease is held by nobody"):
        first.fence()
    async with first:
        await first.won()
        async with second:
            await asyncio.sleep(30)
            first.fence()
            assert second.looked
            with pytest.raises(NotLeadingError, match="held by a_"):
                second.fence()
            await first.__aexit__(None, None, None)
            began = asyncio.get_running_loop().time()
            await first.lost()
            await second.won()
            assert asyncio.get_running_loop().time() - began < 2.5


@in_virtual_time
async def test_a_killed_leader_is_followed_within_20_seconds() -> None:
    leases, loop = MemoryLeases(), asyncio.get_running_loop()
    async with AsyncExitStack() as both:
        async with killed_at_end(election(leases, "a")) as first:
            await first.won()
            second = await both.enter_async_context(election(leases, "b"))
            await asyncio.sleep(7)
        died = loop.time()
        await second.won()
        assert 13 < loop.time() - died < 20


@in_virtual_time
async def test_an_outage_of_11_seconds_is_survived_and_one_of_15_is_not() -> None:
    leases, changes = MemoryLeases(), list[bool]()
    elector = LeaseElection(leases, "ns", "lease", "a", wall_clock=virtual_now, on_change=changes.append)
    async with elector:
        await elector.won()
        await asyncio.sleep(7.9)
        leases.trouble = down
        await asyncio.sleep(11 - 2.0)
        leases.trouble = lambda: None
        await asyncio.sleep(5)
        assert changes == [True]
        leases.trouble = down
        await asyncio.sleep(15)
        assert changes == [True, False]
        with pytest.raises(NotLeadingError, match="could not be renewed in time"):
            elector.fence()
        leases.trouble = lambda: None
        await elector.won()
    assert changes == [True, False, True, False]


@in_virtual_time
async def test_a_server_that_never_answers_takes_the_lead_away_in_time() -> None:
    leases = MemoryLeases()
    elector = election(leases, "a")
    async with elector:
        await elector.won()
        leases.hangs = True
        began = asyncio.get_running_loop().time()
        await elector.lost()
        assert 9 < asyncio.get_running_loop().time() - began <= 12


@in_virtual_time
async def test_hidden_answers_of_renewals_are_found_by_looking() -> None:
    leases = MemoryLeases()
    elector = election(leases, "a")
    async with elector:
        await elector.won()
        leases.hides_answers = True
        await asyncio.sleep(8)
        leases.hides_answers = False
        await asyncio.sleep(3)
        assert elector.holds()
        assert elector.leader == elector.holder


@in_virtual_time
async def test_a_holder_writes_every_two_seconds_and_a_candidate_never() -> None:
    leases = MemoryLeases()
    async with election(leases, "a") as first, election(leases, "b"):
        await first.won()
        before = leases.writes
        await asyncio.sleep(60)
        assert 29 <= leases.writes - before <= 31


async def handed_over() -> list[Any]:
    api = Api()
    async with served(api) as client, Connection(Access(client.url, "default", "test")) as connection:
        leases = KubeLeases(connection, "default", "antiphon-operator")
        first, second = (LeaseElection(leases, "default", "antiphon-operator", name) for name in "ab")
        async with first:
            await first.won()
            created = api.get("leases.coordination.k8s.io", "default", "antiphon-operator")
        async with second:
            await second.won()
            taken = api.get("leases.coordination.k8s.io", "default", "antiphon-operator")
        released = api.get("leases.coordination.k8s.io", "default", "antiphon-operator")
    return [created, taken, released]


def test_a_lease_in_a_cluster_is_taken_kept_and_given_back() -> None:
    created, taken, released = (lease["spec"] for lease in asyncio.run(handed_over()))
    assert created["holderIdentity"].startswith("a_")
    assert created["leaseDurationSeconds"] == 15
    assert taken["holderIdentity"].startswith("b_")
    assert taken["leaseTransitions"] == 1
    assert not released.get("holderIdentity")
