"""The client against the sandbox's API, through a proxy that spoils requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from faults import DropAfter, DropBefore, Hang, Refuse
from faulty_proxy import FaultyProxy, running_proxy
from kubeconfig import write_kubeconfig
from served_api import served
from virtual_time import in_virtual_time

from antiphon_operator.kube import client as client_module
from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    GoneError,
    InvalidError,
    NotFoundError,
    NotLeadingError,
    ServerError,
    TooManyRequestsError,
    UnreachableError,
)
from antiphon_operator.kube.kopf_login import kopf_credentials
from antiphon_operator.kube.resources import CLAIM_TEMPLATES, CONFIG_MAPS, DEPLOYMENTS, NODES, Resource
from antiphon_operator.kube.retries import Retries, may_repeat, pause_seconds
from antiphon_operator.kube.session import Connection
from antiphon_operator.kube.throttle import Rates
from antiphon_sandbox.api.local import Api

Obj = dict[str, Any]
Story = Callable[[Kube, Api, FaultyProxy], Awaitable[None]]
HASTY = Retries(first_pause_seconds=0.001, try_seconds=0.5, total_seconds=2)


def config_map(name: str, **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


@pytest.fixture
def told(tmp_path: Path) -> Callable[[Story], list[tuple[str, str, int]]]:
    """Tells a story; returns what was observed."""

    def tell(story: Story) -> list[tuple[str, str, int]]:
        seen: list[tuple[str, str, int]] = []

        async def run() -> None:
            api = Api()
            async with served(api) as client:
                upstream = write_kubeconfig(tmp_path / "up", client.url)
                with running_proxy(upstream, tmp_path / "faulty") as proxy:
                    access = Access(proxy.server, "default", "test", authorization=lambda: "Bearer t")

                    def observe(verb: str, resource: str, code: int, seconds: float) -> None:
                        assert seconds >= 0
                        seen.append((verb, resource, code))

                    async with Connection(access, observe=observe) as connection:
                        await story(Kube(connection, retries=HASTY), api, proxy)

        asyncio.run(run())
        return seen

    return tell


Tell = Callable[[Story], list[tuple[str, str, int]]]


def test_an_object_is_applied_read_changed_and_deleted(told: Tell) -> None:
    async def story(kube: Kube, api: Api, _: FaultyProxy) -> None:
        assert await kube.get(CONFIG_MAPS, "a", "default") is None
        stored = await kube.apply(CONFIG_MAPS, config_map("a", x="1", y="2"))
        assert stored["metadata"]["managedFields"][0]["manager"] == "antiphon"
        stored = await kube.apply(CONFIG_MAPS, config_map("a", x="1"))
        assert stored["data"] == {"x": "1"}
        api.patch("configmaps", "default", "a", {"data": {"x": "theirs"}})
        with pytest.raises(ConflictError, match="conflict"):
            await kube.apply(CONFIG_MAPS, config_map("a", x="1"))
        await kube.apply(CONFIG_MAPS, config_map("a", x="1"), force=True)
        with pytest.raises(AlreadyExistsError):
            await kube.create(CONFIG_MAPS, config_map("a"))
        changed = await kube.merge_patch(CONFIG_MAPS, "a", "default", {"data": {"x": None, "z": "3"}})
        assert changed["data"] == {"z": "3"}
        with pytest.raises(ConflictError):
            await kube.replace(CONFIG_MAPS, stored)
        assert (await kube.replace(CONFIG_MAPS, {**changed, "data": {"r": "1"}}))["data"] == {"r": "1"}
        with pytest.raises(ConflictError):
            await kube.delete(CONFIG_MAPS, "a", "default", uid="another")
        with pytest.raises(ConflictError):
            await kube.delete(CONFIG_MAPS, "a", "default", resource_version="1")
        assert await kube.delete(CONFIG_MAPS, "a", "default", uid=changed["metadata"]["uid"])
        assert not await kube.delete(CONFIG_MAPS, "a", "default")
        with pytest.raises(InvalidError):
            await kube.create(CONFIG_MAPS, config_map("No_Name"))
        with pytest.raises(NotFoundError):
            await kube.merge_patch(CONFIG_MAPS, "none", "default", {"data": {}})

    seen = told(story)
    assert seen[:2] == [("get", "configmaps", 404), ("patch", "configmaps", 201)]
    assert ("delete", "configmaps", 409) in seen


def test_lists_are_read_in_pages_of_one_moment(told: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE_SIZE", 3)

    async def story(kube: Kube, api: Api, proxy: FaultyProxy) -> None:
        for index in range(8):
            labels = {"even": str(index % 2 == 0)}
            api.create("configmaps", {"metadata": {"name": f"c{index}", "namespace": "default", "labels": labels}})
        found = await kube.list(CONFIG_MAPS, "default")
        assert [obj["metadata"]["name"] for obj in found.items] == [f"c{index}" for index in range(8)]
        assert {(obj["kind"], obj["apiVersion"]) for obj in found.items} == {("ConfigMap", "v1")}
        assert int(found.version) == api.store.revision
        assert proxy.counts("GET")[200] == 3
        assert len((await kube.list(CONFIG_MAPS, labels="even=True")).items) == 4
        assert len((await kube.list(CONFIG_MAPS, fields="metadata.name=c3")).items) == 1

    seen = told(story)
    assert set(seen) == {("list", "configmaps", 200)}


def test_a_list_that_expires_between_pages_is_read_at_once(told: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAGE_SIZE", 3)

    async def story(kube: Kube, api: Api, proxy: FaultyProxy) -> None:
        for index in range(8):
            api.create("configmaps", {"metadata": {"name": f"c{index}", "namespace": "default"}})
        proxy.inject(Refuse(410, "Expired"))
        assert len((await kube.list(CONFIG_MAPS, "default")).items) == 8
        proxy.inject(Refuse(410, "Expired"), times=2)
        with pytest.raises(GoneError):
            await kube.list(CONFIG_MAPS, "default")

    told(story)


def test_a_status_is_applied_beside_the_object(told: Tell) -> None:
    async def story(kube: Kube, _: Api, __: FaultyProxy) -> None:
        pod = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "default"}}
        await kube.apply(DEPLOYMENTS, {**head, "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": pod}})
        status = await kube.apply(DEPLOYMENTS, {**head, "status": {"replicas": 3}}, force=True, subresource="status")
        assert status["status"]["replicas"] == 3

    assert ("patch", "deployments.apps/status", 200) in told(story)


def test_what_the_cluster_is(told: Tell) -> None:
    async def story(kube: Kube, _: Api, __: FaultyProxy) -> None:
        assert await kube.serves(CLAIM_TEMPLATES)
        assert not await kube.serves(Resource("antiphon.dev", "v9", "voiceagents", "VoiceAgent"))
        assert not await kube.serves(Resource("", "v1", "dreams", "Dream"))
        assert (await kube.version()).startswith("v1.")
        assert await kube.get(NODES, "none") is None

    told(story)


def forever(error: ApiError) -> Refuse:
    return Refuse(error.status, error.reason)


def test_reads_and_applies_are_repeated_and_other_writes_only_when_that_is_safe(told: Tell) -> None:
    async def story(kube: Kube, api: Api, proxy: FaultyProxy) -> None:
        for fault in (Refuse(500), Refuse(503), Refuse(429), DropBefore(), DropAfter(), Hang()):
            proxy.inject(fault, "GET")
            await kube.list(CONFIG_MAPS)
            proxy.inject(fault, "PATCH")
            await kube.apply(CONFIG_MAPS, config_map("a", fault=type(fault).__name__))
        proxy.inject(Refuse(429, retry_after_seconds=0), "POST")
        await kube.create(CONFIG_MAPS, config_map("b"))
        for fault, error in ((Refuse(429), TooManyRequestsError), (Refuse(500), ServerError), (DropAfter(), ApiError)):
            before = sum(proxy.counts("POST").values())
            proxy.inject(fault, "POST")
            with pytest.raises(error):
                await kube.create(CONFIG_MAPS, config_map("c"))
            assert sum(proxy.counts("POST").values()) == before + 1
        assert api.get("configmaps", "default", "c"), "the answer was lost, not the object"

    told(story)


def test_after_three_tries_it_is_told(told: Tell) -> None:
    async def story(kube: Kube, _: Api, proxy: FaultyProxy) -> None:
        proxy.inject(Refuse(503), times=None)
        with pytest.raises(ServerError):
            await kube.apply(CONFIG_MAPS, config_map("a"))
        assert proxy.counts("PATCH")[503] == 3

    told(story)


def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(told: Tell) -> None:
    async def story(kube: Kube, _: Api, proxy: FaultyProxy) -> None:
        proxy.inject(Refuse(429, retry_after_seconds=60), times=None)
        with pytest.raises(TooManyRequestsError) as caught:
            await kube.list(CONFIG_MAPS)
        assert caught.value.retry_after_seconds == 60
        assert proxy.counts("GET")[429] == 1

    told(story)


def test_nothing_is_written_behind_the_fence(told: Tell) -> None:
    async def story(kube: Kube, _: Api, proxy: FaultyProxy) -> None:
        allowed = 1

        def fence() -> None:
            nonlocal allowed
            allowed -= 1
            if allowed < 0:
                raise NotLeadingError("not any more")

        fenced = Kube(kube.connection, fence=fence, retries=HASTY)
        proxy.inject(Refuse(500), "PATCH")
        with pytest.raises(NotLeadingError):
            await fenced.apply(CONFIG_MAPS, config_map("a"))
        assert sum(proxy.counts("PATCH").values()) == 1
        for write in (
            fenced.create(CONFIG_MAPS, config_map("a")),
            fenced.replace(CONFIG_MAPS, config_map("a")),
            fenced.merge_patch(CONFIG_MAPS, "a", "default", {}),
            fenced.delete(CONFIG_MAPS, "a", "default"),
        ):
            with pytest.raises(NotLeadingError):
                await write
        assert await fenced.get(CONFIG_MAPS, "a", "default") is None
        assert sum(proxy.counts("POST|PUT|PATCH|DELETE").values()) == 1

    told(story)


def test_a_server_that_is_not_there() -> None:
    async def story() -> None:
        seen = []
        access = Access("http://127.0.0.1:9", "default", "test")
        async with Connection(access, observe=lambda *told: seen.append(told[:3])) as connection:
            with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9") as caught:
                await Kube(connection, retries=HASTY).create(CONFIG_MAPS, config_map("a"))
        assert not caught.value.may_have_happened
        assert seen == [("create", "configmaps", 0)] * 3

    asyncio.run(story())


def test_kopf_can_close_its_session_and_not_ours(told: Tell) -> None:
    async def story(kube: Kube, _: Api, __: FaultyProxy) -> None:
        for _again in range(2):
            credentials = kopf_credentials(kube.connection)
            async with credentials.aiohttp_session.get(f"{credentials.server}/api/v1/nodes") as answer:
                assert answer.status == 200
            await credentials.aiohttp_session.close()
        assert (await kube.list(NODES)).items == []

    assert told(story) == [("list", "nodes", 200)] * 3


def test_credentials_go_to_the_api_server_alone() -> None:
    async def story() -> None:
        async with served(Api()) as someone:
            for server, is_trusted in ((someone.url, True), ("http://127.0.0.1:1234/k8s/clusters/c-1", False)):
                access = Access(server, "default", "test", authorization=lambda: "Bearer t")
                async with Connection(access) as connection, connection.session.get(someone.url + "/version") as answer:
                    assert ("Authorization" in answer.request_info.headers) == is_trusted

    asyncio.run(story())


def test_a_write_is_repeated_only_if_it_can_not_have_happened() -> None:
    lost, refused = (UnreachableError("x", may_have_happened=happened) for happened in (True, False))
    asked, busy = TooManyRequestsError(429, retry_after_seconds=1.0), TooManyRequestsError(429)
    always: list[ApiError] = [refused, asked]
    idempotent: list[ApiError] = [lost, busy, ServerError(500)]
    never: list[ApiError] = [ConflictError(409), NotFoundError(404), InvalidError(422), GoneError(410), ApiError(418)]
    assert all(may_repeat(error, idempotent=False) for error in always)
    assert all(may_repeat(error, True) and not may_repeat(error, False) for error in idempotent)
    assert not any(may_repeat(error, idempotent=True) for error in never)


def test_pauses_double_up_to_the_longest_and_are_spread() -> None:
    assert [pause_seconds(count, 0.2, 10, lambda: 0.0) for count in (1, 2, 3, 8)] == [0.2, 0.4, 0.8, 10]
    assert pause_seconds(1_000_000, 0.2, 10, lambda: 1.0) == 5


@in_virtual_time
async def test_retries_wait_in_between() -> None:
    """Nobody listens there: a connection is refused without a wait, so all time that passes is pauses."""
    loop = asyncio.get_running_loop()
    async with Connection(Access("http://127.0.0.1:9", "default", "test")) as connection:
        with pytest.raises(UnreachableError):
            await Kube(connection, chance=lambda: 0.0).list(CONFIG_MAPS)
    assert 0.6 <= loop.time() < 0.7


def test_the_session_itself_slows_whoever_lists_without_end() -> None:
    """kopf does not, when an API server ends its watches at once."""

    async def story() -> None:
        rates = Rates(lane_per_second=50, lane_burst=1)
        async with served(Api()) as client:
            access = Access(client.url, "default", "test")
            async with Connection(access, rates=rates) as connection:
                credentials, began = kopf_credentials(connection), asyncio.get_running_loop().time()
                async with credentials.aiohttp_session as session:
                    for _ in range(6):
                        async with session.get(f"{credentials.server}/api/v1/nodes?limit=1") as answer:
                            await answer.read()
                assert asyncio.get_running_loop().time() - began >= 0.099

    asyncio.run(story())
