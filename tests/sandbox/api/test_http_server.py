"""The API as clients see it over HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest
from served_api import Answer, Client, served
from small_kinds import api_with_things, config_map, crd, thing

from antiphon_sandbox.api import watching
from antiphon_sandbox.api.http_server import ApiServer, NotLoopbackError
from antiphon_sandbox.api.local import Api

MAPS = "/api/v1/namespaces/default/configmaps"
THINGS = "/apis/test.dev/v1/namespaces/default/things"
MERGE = {"Content_Type": "application/merge-patch+json"}
APPLY = {"Content_Type": "application/apply-patch+yaml"}


def over_http(story: Callable[[Client], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Makes a test of a story with a client; the server has things."""

    @wraps(story)
    def told() -> None:
        async def tell() -> None:
            async with served(api_with_things()) as client:
                await story(client)

        asyncio.run(tell())

    del told.__wrapped__  # pytest would look for a fixture of the name `client`
    return told


def refused(answer: Answer) -> tuple[int, str]:
    assert answer.body["kind"] == "Status"
    assert answer.body["code"] == answer.status
    return answer.status, answer.body.get("reason", "")


# --- the socket ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::", "example.com"])
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(NotLoopbackError, match="neither tokens nor TLS"):
        ApiServer(Api(), host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.4.5", "::1", "localhost"])
def test_loopback_has_many_names(host: str) -> None:
    ApiServer(Api(), host)


def test_it_may_be_told_to_go_beyond() -> None:
    ApiServer(Api(), "0.0.0.0", beyond_loopback=True)


def test_a_port_that_is_taken() -> None:
    async def start(port: int) -> None:
        await ApiServer(Api(), port=port).start()

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        asyncio.run(start(taken.getsockname()[1]))


# --- objects -------------------------------------------------------------------------------------------------------


@over_http
async def test_an_objects_life(client: Client) -> None:
    made = await client.ask("POST", MAPS, config_map(data={"a": "1"}))
    assert (made.status, made.body["data"]) == (201, {"a": "1"})
    put = await client.ask("PUT", f"{MAPS}/it", {**made.body, "data": {"a": "2"}})
    assert (put.status, put.body["data"]) == (200, {"a": "2"})
    patched = await client.ask("PATCH", f"{MAPS}/it", {"data": {"b": "3"}}, **MERGE)
    assert patched.body["data"] == {"a": "2", "b": "3"}
    assert (await client.get(f"{MAPS}/it")).body == patched.body
    gone = await client.ask("DELETE", f"{MAPS}/it")
    assert (gone.body["status"], gone.body["details"]["uid"]) == ("Success", made.body["metadata"]["uid"])
    assert refused(await client.get(f"{MAPS}/it")) == (404, "NotFound")


@over_http
async def test_the_user_agent_is_the_manager(client: Client) -> None:
    made = await client.ask("POST", MAPS, config_map(data={"a": "1"}), User_Agent="kopf/1.45 (x)")
    assert made.body["metadata"]["managedFields"][0]["manager"] == "kopf"
    named = await client.ask("POST", f"{MAPS}?fieldManager=me", config_map("other", {"a": "1"}))
    assert named.body["metadata"]["managedFields"][0]["manager"] == "me"


@over_http
async def test_warnings_are_headers(client: Client) -> None:
    made = await client.ask("POST", THINGS, thing(spec={"size": 1, "odd": 1}, finalizers=["mine"]))
    assert made.status == 201
    assert made.warnings[0] == '299 - "unknown field \\"spec.odd\\""'
    assert "domain-qualified" in made.warnings[1]
    strict = await client.ask("POST", f"{THINGS}?fieldValidation=Strict", thing("b", {"odd": 1}))
    assert refused(strict) == (400, "BadRequest")


@over_http
async def test_a_deprecated_version_says_so(client: Client) -> None:
    definition = crd("olds", "Old", deprecated=True)
    await client.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    answer = await client.get("/apis/test.dev/v1/namespaces/default/olds")
    assert answer.warnings == ('299 - "test.dev/v1 Old is deprecated"',)


@over_http
async def test_a_custom_object_is_replaced_only_by_who_saw_it(client: Client) -> None:
    await client.ask("POST", THINGS, thing())
    assert refused(await client.ask("PUT", f"{THINGS}/it", thing(spec={"size": 2}))) == (422, "Invalid")


@over_http
async def test_apply_over_http(client: Client) -> None:
    body = "apiVersion: test.dev/v1\nkind: Thing\nmetadata: {name: it}\nspec: {size: 2, note: 2020-01-01}\n"
    made = await client.ask("PATCH", f"{THINGS}/it?fieldManager=me", body, **APPLY)
    assert (made.status, made.body["spec"]["note"]) == (201, "2020-01-01")
    again = await client.ask("PATCH", f"{THINGS}/it?fieldManager=me", body, **APPLY)
    assert (again.status, again.body) == (200, made.body)
    other = body.replace("size: 2", "size: 3")
    conflict = await client.ask("PATCH", f"{THINGS}/it?fieldManager=you", other, **APPLY)
    assert refused(conflict) == (409, "Conflict")
    forced = await client.ask("PATCH", f"{THINGS}/it?fieldManager=you&force=true", other, **APPLY)
    assert forced.body["spec"]["size"] == 3
    assert refused(await client.ask("PATCH", f"{THINGS}/it", body, **APPLY)) == (422, "Invalid")


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "expected"),
    [
        ("POST", MAPS, "{no json", "application/json", (400, "BadRequest")),
        ("POST", MAPS, "[]", "application/json", (400, "BadRequest")),
        ("POST", MAPS, "{}", "text/plain", (415, "UnsupportedMediaType")),
        ("POST", MAPS, '{"metadata": []}', "application/json", (400, "BadRequest")),
        ("POST", MAPS, '{"metadata": {"name": 5}}', "application/json", (400, "BadRequest")),
        ("POST", THINGS, "{}", "application/json", (400, "BadRequest")),
        ("POST", f"{MAPS}?dryRun=Some", "{}", "application/json", (422, "Invalid")),
        ("POST", f"{MAPS}?fieldValidation=Some", "{}", "application/json", (422, "Invalid")),
        ("PATCH", f"{THINGS}/it", "{}", "application/strategic-merge-patch+json", (415, "UnsupportedMediaType")),
        ("PATCH", f"{MAPS}/it", "{}", "application/json", (415, "UnsupportedMediaType")),
        ("PATCH", f"{MAPS}/it", "[]", "application/merge-patch+json", (400, "BadRequest")),
        ("PATCH", f"{MAPS}/it", '{"data": 5}', "application/merge-patch+json", (422, "Invalid")),
        ("PATCH", f"{MAPS}/it", '{"metadata": null}', "application/merge-patch+json", (400, "BadRequest")),
        ("PATCH", f"{MAPS}/it?force=true", "{}", "application/merge-patch+json", (422, "Invalid")),
        ("PATCH", f"{THINGS}/it", '{"kind": "Other"}', "application/merge-patch+json", (422, "Invalid")),
        ("PATCH", f"{MAPS}/it?fieldManager=m", "{}", "application/apply-patch+yaml", (400, "BadRequest")),
        ("PATCH", MAPS, "{}", "application/merge-patch+json", (405, "MethodNotAllowed")),
        ("PUT", f"{MAPS}/none", '{"metadata": {"name": "none"}}', "application/json", (404, "NotFound")),
        ("PUT", f"{MAPS}/it", '{"metadata": {"name": "other"}}', "application/json", (400, "BadRequest")),
        ("POST", f"{MAPS}/it", "{}", "application/json", (405, "MethodNotAllowed")),
        ("DELETE", f"{THINGS}/it/status", "{}", "application/json", (405, "MethodNotAllowed")),
        ("DELETE", "/api/v1/namespaces/kube-system", "{}", "application/json", (403, "Forbidden")),
        ("GET", f"{MAPS}?labelSelector=a+in+(", None, "", (400, "BadRequest")),
        ("GET", f"{MAPS}?limit=x", None, "", (400, "BadRequest")),
        ("GET", f"{MAPS}?resourceVersion=x", None, "", (400, "BadRequest")),
        ("GET", f"{MAPS}?resourceVersion=99999", None, "", (504, "Timeout")),
        ("GET", f"{MAPS}?resourceVersionMatch=Exact", None, "", (422, "Invalid")),
        ("GET", f"{MAPS}?continue=x", None, "", (400, "BadRequest")),
        ("GET", f"{MAPS}?watch=true&sendInitialEvents=true", None, "", (422, "Invalid")),
        ("GET", "/api/v1/namespaces/default/nosuch", None, "", (404, "NotFound")),
        ("POST", "/apis", "{}", "application/json", (405, "MethodNotAllowed")),
    ],
)
def test_refusals(method: str, path: str, body: str | None, content_type: str, expected: tuple[int, str]) -> None:
    async def tell() -> Answer:
        api = api_with_things()
        api.create("configmaps", config_map())
        api.create("things.test.dev", thing())
        async with served(api) as client:
            return await client.ask(method, path, body, **({"Content_Type": content_type} if content_type else {}))

    assert refused(asyncio.run(tell())) == expected


@over_http
async def test_what_is_no_part_of_the_api_is_a_plain_page(client: Client) -> None:
    for path in ("/nosuch", "/apis/nosuch.dev/v1/things", "/apis/test.dev/v1/nosuch", "/openapi/v3/apis/nosuch/v1"):
        answer = await client.get(path)
        assert (answer.status, answer.text) == (404, "404 page not found\n")


@over_http
async def test_a_body_has_a_limit(client: Client) -> None:
    large = await client.ask("POST", THINGS, thing("large", {"note": "x" * 2_000_000}))
    assert large.status == 201
    assert refused(await client.ask("POST", MAPS, " " * 3_200_000)) == (413, "RequestEntityTooLarge")


@over_http
async def test_forms_of_answers(client: Client) -> None:
    await client.ask("POST", MAPS, config_map(data={"a": "1"}))
    table = await client.get(MAPS, Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert (table.body["kind"], len(table.body["rows"])) == ("Table", 1)
    partial = "application/json;as=PartialObjectMetadata{};v=v1;g=meta.k8s.io"
    one = await client.get(f"{MAPS}/it", Accept=partial.format(""))
    assert (one.body["kind"], "data" in one.body) == ("PartialObjectMetadata", False)
    many = await client.get(MAPS, Accept=partial.format("List"))
    assert many.body["kind"] == "PartialObjectMetadataList"
    assert refused(await client.get(MAPS, Accept="text/html")) == (406, "NotAcceptable")
    assert (await client.get(MAPS, Accept="text/html, */*")).body["kind"] == "ConfigMapList"


# --- lists ---------------------------------------------------------------------------------------------------------


@over_http
async def test_pages(client: Client) -> None:
    for number in range(5):
        await client.ask("POST", MAPS, config_map(f"m{number}"))
    names: list[list[str]] = []
    token = ""
    while token or not names:
        page = (await client.get(f"{MAPS}?limit=2&continue={token}")).body
        names.append([item["metadata"]["name"] for item in page["items"]])
        token = page["metadata"].get("continue", "")
    assert names == [["m0", "m1"], ["m2", "m3"], ["m4"]]


@over_http
async def test_deleting_a_collection(client: Client) -> None:
    for number in range(3):
        await client.ask("POST", MAPS, config_map(f"m{number}", labels={"odd": str(number % 2)}))
    answer = await client.ask("DELETE", f"{MAPS}?labelSelector=odd%3D0")
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["m0", "m2"]
    left = (await client.get(MAPS)).body["items"]
    assert [item["metadata"]["name"] for item in left] == ["m1"]


# --- watches -------------------------------------------------------------------------------------------------------


@over_http
async def test_a_watch_tells_the_past_it_is_asked_for(client: Client) -> None:
    before = (await client.get(MAPS)).body["metadata"]["resourceVersion"]
    await client.ask("POST", MAPS, config_map("a", labels={"in": "yes"}))
    await client.ask("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"in": "no"}}}, **MERGE)
    await client.ask("PATCH", f"{MAPS}/a", {"metadata": {"labels": {"in": "yes"}}}, **MERGE)
    await client.ask("DELETE", f"{MAPS}/a")
    query = f"{MAPS}?watch=true&resourceVersion={before}"
    async with client.watch(query) as everything, client.watch(f"{query}&labelSelector=in%3Dyes") as selected:
        told = [[(await anext(events))["type"] for _ in range(4)] for events in (everything, selected)]
    assert told == [["ADDED", "MODIFIED", "MODIFIED", "DELETED"], ["ADDED", "DELETED", "ADDED", "DELETED"]]


@over_http
async def test_a_watch_without_revision_begins_with_what_is_there(client: Client) -> None:
    await client.ask("POST", MAPS, config_map("a"))
    async with client.watch(f"{MAPS}?watch=true&timeoutSeconds=20") as events:
        assert (await anext(events))["object"]["metadata"]["name"] == "a"
        await client.ask("POST", MAPS, config_map("b"))
        coming = await anext(events)
    assert (coming["type"], coming["object"]["metadata"]["name"]) == ("ADDED", "b")


@over_http
async def test_a_watch_may_say_where_the_beginning_ends(client: Client) -> None:
    await client.ask("POST", MAPS, config_map("a"))
    initial = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    async with client.watch(f"{MAPS}?watch=true&{initial}") as events:
        first, mark = await anext(events), await anext(events)
    assert (first["type"], mark["type"]) == ("ADDED", "BOOKMARK")
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_silent_watch_sends_bookmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients take a watch for dead that is silent for long."""
    monkeypatch.setattr(watching, "BOOKMARK_SECONDS", 0.05)

    async def tell() -> None:
        async with (
            served(api_with_things()) as client,
            client.watch(f"{MAPS}?watch=true&allowWatchBookmarks=true") as events,
        ):
            mark = await anext(events)
            assert mark["type"] == "BOOKMARK"
            assert (mark["object"]["kind"], mark["object"]["apiVersion"]) == ("ConfigMap", "v1")

    asyncio.run(tell())


def test_a_forgotten_past_is_410() -> None:
    async def tell() -> None:
        api = api_with_things()
        api.create("configmaps", config_map())
        api.store.compact()
        async with served(api) as client:
            answer = await client.get(f"{MAPS}?watch=true&resourceVersion=1")
        (event,) = answer.events
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")

    asyncio.run(tell())


@over_http
async def test_each_version_is_watched_in_its_own_words(client: Client) -> None:
    definition = crd("twos", "Two")
    version = {**definition["spec"]["versions"][0], "name": "v2", "storage": False}
    definition["spec"]["versions"].append(version)
    await client.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    path = "/apis/test.dev/{}/namespaces/default/twos"
    async with (
        client.watch(path.format("v1") + "?watch=true") as first,
        client.watch(path.format("v2") + "?watch=true") as second,
    ):
        await client.ask("POST", path.format("v2"), {**thing(), "kind": "Two", "apiVersion": "test.dev/v2"})
        versions = [(await anext(events))["object"]["apiVersion"] for events in (first, second)]
    assert versions == ["test.dev/v1", "test.dev/v2"]


def test_stopping_ends_watches() -> None:
    async def tell() -> None:
        server = ApiServer(api_with_things())
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET {MAPS}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b"200 OK" in await reader.readline()
        async with asyncio.timeout(5):
            await server.stop()
            await reader.read()
        writer.close()

    asyncio.run(tell())
