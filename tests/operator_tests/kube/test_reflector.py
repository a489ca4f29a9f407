"""A reflector against a server that says whatever a test wants, and against the sandbox's API behind faults."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from faults import CutWatch, DropBefore, ExpireWatch, Fault, Refuse
from faulty_proxy import FaultyProxy, running_proxy
from kubeconfig import write_kubeconfig
from served_api import served

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.reflector import Reflector, WatchTimes
from antiphon_operator.kube.resources import CONFIG_MAPS
from antiphon_operator.kube.retries import Retries
from antiphon_operator.kube.session import Connection
from antiphon_operator.kube.throttle import Rates
from antiphon_operator.objects import version_of
from antiphon_sandbox.api.local import Api

Obj = dict[str, Any]

UNHURRIED = Rates(lane_per_second=10_000, lane_burst=10_000)
FAST = WatchTimes(first_pause=0.005, longest_pause=0.02, silence=0.3, absent=0.02, behind=0.1, good_life=0.2)
EVERYTHING_ENDS_SECONDS = 10


def item(name: str, version: int, data: str = "") -> Obj:
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": f"uid-{name}", "resourceVersion": str(version)},
        "data": {"x": data},
    }


def listing(version: int, *items: Obj) -> tuple[int, bytes]:
    body = {"kind": "ConfigMapList", "metadata": {"resourceVersion": str(version)}, "items": items}
    return 200, json.dumps(body).encode()


def refusal(code: int, reason: str = "") -> tuple[int, bytes]:
    return code, json.dumps({"kind": "Status", "code": code, "reason": reason, "message": "as a test wants"}).encode()


def event(kind: str, obj: Obj) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


@dataclass
class Stream:
    """A watch: what it says, then an end, or silence."""

    says: bytes = b""
    ends: bool = True
    status: int = 200


SILENCE = Stream(ends=False)


@dataclass
class ScriptedApi:
    """Answers lists and watches in turn; the last of each for ever."""

    lists: list[tuple[int, bytes]]
    watches: list[Stream]
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.query.get("watch") != "true":
            self.asked.append("list")
            status, body = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
            return web.Response(status=status, body=body, content_type="application/json")
        self.asked.append(f"watch from {request.query['resourceVersion']}")
        stream = self.watches.pop(0) if len(self.watches) > 1 else self.watches[0]
        response = web.StreamResponse(status=stream.status)
        await response.prepare(request)
        await response.write(stream.says)
        if not stream.ends:
            await asyncio.Event().wait()
        return response


@asynccontextmanager
async def scripted(script: ScriptedApi) -> AsyncIterator[Kube]:
    server = web.Server(script.handle, access_log=None, handler_cancellation=True)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with Connection(Access(script.url, "default", "test"), rates=UNHURRIED) as connection:
            yield Kube(connection, retries=Retries(tries=1, try_seconds=2))
    finally:
        await runner.cleanup()


@dataclass
class Told:
    """What a reflector said."""

    events: list[tuple[str, str]] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)
    synced: int = 0
    known: dict[str, str] = field(default_factory=dict)

    def event(self, kind: str, obj: Obj) -> None:
        name = obj["metadata"]["name"]
        self.events.append((kind, name))
        if kind == "DELETED":
            del self.known[name]
        else:
            self.known[name] = obj.get("data", {}).get("x", "")

    def sync(self) -> None:
        self.synced += 1


@asynccontextmanager
async def reflecting(kube: Kube, told: Told, **options: Any) -> AsyncIterator[Reflector]:
    reflector = Reflector(
        kube,
        CONFIG_MAPS,
        "ns",
        on_synced=told.sync,
        on_restart=told.restarts.append,
        **{"on_event": told.event, "times": FAST, **options},
    )
    task = asyncio.create_task(reflector.run())
    try:
        yield reflector
        assert not task.done(), "it never ends by itself"
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(EVERYTHING_ENDS_SECONDS):
        while not condition():
            await asyncio.sleep(0.002)


def run_script(script: ScriptedApi, enough: Callable[[Told], object], **options: Any) -> Told:
    told = Told()

    async def story() -> None:
        async with scripted(script) as kube, reflecting(kube, told, **options):
            await until(lambda: enough(told))

    asyncio.run(story())
    return told


def test_it_lists_then_watches_from_there() -> None:
    script = ScriptedApi(
        [listing(7, item("a", 3))],
        [Stream(event("ADDED", item("b", 8)) + event("MODIFIED", item("a", 9, "new")), ends=False)],
    )
    told = run_script(script, lambda told: len(told.events) == 3)
    assert script.asked == ["list", "watch from 7"]
    assert told.known == {"a": "new", "b": ""}
    assert told.synced == 1
    assert told.restarts == []


@pytest.mark.parametrize(
    ("trouble", "reason", "goes_on"),
    [
        (Stream(event("ADDED", item("b", 9))), "ended", "watch from 9"),
        (Stream(event("BOOKMARK", {"metadata": {"resourceVersion": "12"}})), "ended", "watch from 12"),
        (Stream(event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})), "expired", "list"),
        (Stream(event("ERROR", {"kind": "Status", "code": 500})), "server-error", "list"),
        (Stream(event("ERROR", {"kind": "Status", "code": 403})), "forbidden", "list"),
        (Stream(b'{"type":"ERROR","object":7}\n'), "garbled", "watch from 7"),
        (Stream(b"<html>\n"), "garbled", "watch from 7"),
        (Stream(b"null\n"), "garbled", "watch from 7"),
        (Stream(event("ADDED", item("b", 9)) + b'{"type":"MOD'), "garbled", "watch from 9"),
        (Stream(event("SURPRISE", item("b", 9))), "garbled", "watch from 7"),
        (Stream(event("ADDED", {"metadata": {}})), "garbled", "watch from 7"),
        (Stream(ends=False), "unreachable", "watch from 7"),
        (Stream(refusal(410, "Expired")[1], status=410), "expired", "list"),
        (Stream(refusal(403)[1], status=403), "forbidden", "list"),
        (Stream(b"", status=429), "too-many-requests", "list"),
        (Stream(b"oops", status=502), "server-error", "list"),
    ],
)
def test_it_goes_on_whatever_a_watch_says(trouble: Stream, reason: str, goes_on: str) -> None:
    good = Stream(event("ADDED", item("c", 20)), ends=False)
    script = ScriptedApi([listing(7, item("a", 3))], [trouble, good])
    told = run_script(script, lambda told: "c" in told.known)
    assert told.restarts[0] == reason
    assert script.asked[2] == goes_on
    assert {"a", "c"} <= set(told.known)


@pytest.mark.parametrize(
    "trouble",
    [refusal(500), refusal(403, "Forbidden"), refusal(404), (200, b"{"), (200, b"[]"), (200, b'{"metadata":{}}')],
)
def test_it_goes_on_whatever_a_list_says(trouble: tuple[int, bytes]) -> None:
    script = ScriptedApi([trouble, trouble, listing(7, item("a", 3))], [SILENCE])
    told = run_script(script, lambda told: told.synced)
    assert told.known == {"a": ""}
    assert script.asked[:3] == ["list"] * 3


def test_what_a_list_leaves_out_is_gone_and_what_events_hid_is_found() -> None:
    gone = Stream(event("ERROR", {"kind": "Status", "code": 410}))
    script = ScriptedApi(
        [listing(7, item("a", 3), item("b", 4)), listing(20, item("b", 15, "changed"), item("c", 18))],
        [gone, SILENCE],
    )
    told = run_script(script, lambda told: "c" in told.known)
    assert told.known == {"b": "changed", "c": ""}
    assert ("DELETED", "a") in told.events


def test_an_older_list_takes_nothing_back() -> None:
    gone = Stream(event("MODIFIED", item("a", 30, "new")) + event("ERROR", {"kind": "Status", "code": 410}))
    stale = listing(9, item("a", 3, "old"))
    script = ScriptedApi(
        [listing(7, item("a", 3, "old")), stale, listing(31, item("a", 30, "new"), item("b", 31))],
        [gone, gone, SILENCE],
    )
    told = run_script(script, lambda told: "b" in told.known, times=WatchTimes(first_pause=0.005, longest_pause=0.02))
    assert told.events == [("ADDED", "a"), ("MODIFIED", "a"), ("ADDED", "b")]


def test_a_server_that_was_reset_is_believed_after_a_while() -> None:
    script = ScriptedApi(
        [listing(900, item("a", 800), item("b", 801)), listing(20, item("a", 5, "restored"))],
        [Stream(event("ERROR", {"kind": "Status", "code": 410})), Stream()],
    )
    told = run_script(script, lambda told: told.known == {"a": "restored"})
    assert told.events[-2:] == [("DELETED", "b"), ("MODIFIED", "a")]


def test_all_is_listed_again_from_time_to_time() -> None:
    script = ScriptedApi([listing(7), listing(8, item("hidden", 8))], [SILENCE])
    times = WatchTimes(relist=1.1, first_pause=0.005, good_life=0.2)
    told = run_script(script, lambda told: "hidden" in told.known, times=times)
    assert told.events == [("ADDED", "hidden")]


def test_a_resource_that_is_not_served_is_empty_until_it_is() -> None:
    script = ScriptedApi([refusal(404), refusal(404), listing(7, item("a", 3)), refusal(404)], [Stream()])
    told = run_script(script, lambda told: ("DELETED", "a") in told.events, may_be_absent=True)
    assert told.synced == 1
    assert told.restarts[:2] == ["not-served", "not-served"]


def test_a_callback_that_fails_is_logged_and_the_rest_is_told(caplog: pytest.LogCaptureFixture) -> None:
    script = ScriptedApi([listing(7, item("bad", 3), item("good", 4))], [SILENCE])
    heard: list[str] = []

    def fail(_: str, obj: Obj) -> None:
        heard.append(obj["metadata"]["name"])
        raise RuntimeError("no")

    run_script(script, lambda _: len(heard) == 2, on_event=fail)
    assert "ADDED of bad was not taken" in caplog.text


def test_a_server_that_ends_each_watch_at_once_is_not_run_down() -> None:
    """With the pauses as they are by default."""
    script, told = ScriptedApi([listing(7)], [Stream()]), Told()

    async def story() -> None:
        async with scripted(script) as kube, reflecting(kube, told, times=WatchTimes()):
            await asyncio.sleep(1.2)

    asyncio.run(story())
    assert 3 <= len(script.asked) <= 8


# --- with the sandbox's API --------------------------------------------------------------------------------------


def test_own_writes_are_seen_at_once_and_age_tells_silence() -> None:
    async def story() -> None:
        api, told = Api(), Told()
        async with served(api) as client, Connection(Access(client.url, "default", "test")) as connection:
            kube = Kube(connection)
            api.create("namespaces", {"metadata": {"name": "ns"}})
            async with reflecting(kube, told, labels="app=x", times=WatchTimes()) as reflector:
                await reflector.synced()
                head = {"apiVersion": "v1", "kind": "ConfigMap"}
                written = await kube.apply(
                    CONFIG_MAPS, {**head, "metadata": {"name": "a", "namespace": "ns", "labels": {"app": "x"}}}
                )
                reflector.accept(written)
                assert told.events == [("ADDED", "a")]
                assert reflector.objects["ns", "a"] is written
                api.create("configmaps", {"metadata": {"name": "other", "namespace": "ns"}})
                assert await kube.delete(CONFIG_MAPS, "a", "ns")
                await until(lambda: not reflector.objects)
                reflector.accept(written)
                assert told.events == [("ADDED", "a"), ("DELETED", "a")]
                assert 0 <= reflector.age_seconds() < 2

    asyncio.run(story())


def test_it_follows_a_cluster_through_a_storm(tmp_path: Path) -> None:
    """Faults of all kinds while objects come, change and go: in the end it knows what there is."""
    faults: list[Fault] = [
        CutWatch(1),
        CutWatch(2, mid_line=True),
        ExpireWatch(),
        Refuse(500, "InternalError"),
        Refuse(403, "Forbidden"),
        Refuse(429, "TooManyRequests", 0),
        DropBefore(),
    ]

    async def storm(api: Api, proxy: FaultyProxy, reflector: Reflector) -> None:
        for index in range(60):
            injection = proxy.inject(faults[index % len(faults)], "WATCH|GET")
            api.create("configmaps", {"metadata": {"name": f"c{index}", "namespace": "ns"}})
            if index % 3:
                api.patch("configmaps", "ns", f"c{index}", {"data": {"x": str(index)}})
            if index % 5 == 4:
                api.delete("configmaps", "ns", f"c{index - 2}")
            if index < len(faults):  # each of them once, however slow this machine is
                await asyncio.to_thread(proxy.end_watches, CutWatch(0))
                await asyncio.to_thread(injection.wait)
            await asyncio.sleep(0.005)
        proxy.heal()
        truth = {obj["metadata"]["name"]: version_of(obj) for obj in api.list("configmaps", "ns")}
        await until(lambda: {key[1]: version_of(obj) for key, obj in reflector.objects.items()} == truth)

    async def story(proxy: FaultyProxy, api: Api, told: Told) -> None:
        access = Access(proxy.server, "default", "test")
        async with (
            Connection(access, rates=UNHURRIED) as connection,
            reflecting(Kube(connection, retries=Retries(tries=1)), told) as reflector,
        ):
            await reflector.synced()
            await storm(api, proxy, reflector)
            assert set(told.known) == {key[1] for key in reflector.objects}

    async def run() -> None:
        api, told = Api(), Told()
        api.create("namespaces", {"metadata": {"name": "ns"}})
        async with served(api) as client:
            upstream = write_kubeconfig(tmp_path / "up", client.url)
            with running_proxy(upstream, tmp_path / "faulty") as proxy:
                await story(proxy, api, told)
        assert {"ended", "unreachable", "expired", "forbidden", "server-error"} <= set(told.restarts)

    asyncio.run(run())
