"""What the recorder takes a request for is what an API server takes it for."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from api_recorder import ApiCall, call_of, recording
from faults import Refuse
from kubeconfig import write_kubeconfig
from served_api import served

from antiphon_sandbox.api.local import Api

PODS = "/api/v1/namespaces/one/pods"
APPLY = "application/apply-patch+yaml"


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", f"{PODS}/a", ApiCall("get", f"{PODS}/a", "", "pods", "", "one", "a")),
        ("GET", f"{PODS}/a/log", ApiCall("get", f"{PODS}/a/log", "", "pods", "log", "one", "a")),
        ("GET", PODS, ApiCall("list", PODS, "", "pods", "", "one")),
        ("GET", f"{PODS}?watch=true", ApiCall("watch", PODS, "", "pods", "", "one")),
        ("GET", f"{PODS}?watch=false", ApiCall("list", PODS, "", "pods", "", "one")),
        ("GET", f"{PODS}?fieldSelector=metadata.name%3Da", ApiCall("list", PODS, "", "pods", "", "one", "a")),
        ("GET", f"{PODS}?fieldSelector=metadata.name!=a", ApiCall("list", PODS, "", "pods", "", "one")),
        ("DELETE", f"{PODS}/a", ApiCall("delete", f"{PODS}/a", "", "pods", "", "one", "a")),
        ("DELETE", PODS, ApiCall("deletecollection", PODS, "", "pods", "", "one")),
        ("POST", PODS, ApiCall("create", PODS, "", "pods", "", "one")),
        ("POST", f"{PODS}/a/eviction", ApiCall("create", f"{PODS}/a/eviction", "", "pods", "eviction", "one", "a")),
        ("PUT", f"{PODS}/a/status", ApiCall("update", f"{PODS}/a/status", "", "pods", "status", "one", "a")),
        ("PATCH", f"{PODS}/a", ApiCall("patch", f"{PODS}/a", "", "pods", "", "one", "a")),
        ("GET", "/api/v1/pods", ApiCall("list", "/api/v1/pods", "", "pods")),
        ("GET", "/api/v1/namespaces", ApiCall("list", "/api/v1/namespaces", "", "namespaces")),
        (
            "GET",
            "/api/v1/namespaces/one",
            ApiCall("get", "/api/v1/namespaces/one", "", "namespaces", "", "one", "one"),
        ),
        (
            "PUT",
            "/api/v1/namespaces/one/finalize",
            ApiCall("update", "/api/v1/namespaces/one/finalize", "", "namespaces", "finalize", "one", "one"),
        ),
        (
            "PATCH",
            "/apis/apps/v1/namespaces/one/deployments/d/scale",
            ApiCall(
                "patch",
                "/apis/apps/v1/namespaces/one/deployments/d/scale",
                "apps",
                "deployments",
                "scale",
                "one",
                "d",
            ),
        ),
        ("GET", "/version", ApiCall("get", "/version")),
        ("GET", "/api/v1", ApiCall("get", "/api/v1")),
        ("GET", "/apis/apps/v1", ApiCall("get", "/apis/apps/v1")),
        ("GET", "/apis", ApiCall("get", "/apis")),
    ],
)
def test_a_request_is_a_verb_on_a_resource(method: str, target: str, expected: ApiCall) -> None:
    from yarl import URL

    url = URL(f"http://server{target}")
    assert call_of(method, url.path, url.query, "", 200, "") == expected


def test_an_apply_that_makes_the_object_creates() -> None:
    def applied(content_type: str, code: int) -> bool:
        return call_of("PATCH", f"{PODS}/a", {}, content_type, code, "").creates

    assert applied(APPLY, 201)
    assert not applied(APPLY, 200)
    assert not applied("application/merge-patch+json", 201)


def test_all_that_passes_is_recorded_with_its_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(Api()) as client:
            kubeconfig = write_kubeconfig(tmp_path / "direct", client.url)
            with recording(kubeconfig, tmp_path / "recorded") as recorder:
                recorder.proxy.inject(Refuse(429), "DELETE")
                async with aiohttp.ClientSession(recorder.proxy.server, headers={"User-Agent": "tester"}) as session:
                    for method, path, body in (
                        ("GET", "/api/v1/namespaces", None),
                        ("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "one"}}),
                        ("GET", "/api/v1/namespaces/default/configmaps/two", None),
                        ("DELETE", "/api/v1/namespaces/default/configmaps/one", None),
                    ):
                        async with session.request(method, path, json=body) as answer:
                            await answer.read()
                    mark = recorder.number
                    async with session.get("/version") as answer:
                        await answer.read()
                told = [str(call) for call in recorder.calls()]
                assert told == [
                    "list namespaces -> 200",
                    "create configmaps default -> 201",
                    "get configmaps default/two -> 404",
                    "delete configmaps default/one -> 429",
                    "get /version -> 200",
                ]
                assert {call.user_agent for call in recorder.calls()} == {"tester"}
                assert [str(call) for call in recorder.writes()] == [told[1], told[3]]
                assert recorder.summary(since=mark) == {("get", "/version", 200): 1}

    asyncio.run(story())


def test_a_watch_is_recorded_when_it_begins(tmp_path: Path) -> None:
    async def story() -> None:
        async with served(Api()) as client:
            kubeconfig = write_kubeconfig(tmp_path / "direct", client.url)
            with recording(kubeconfig, tmp_path / "recorded") as recorder:
                async with (
                    aiohttp.ClientSession(recorder.proxy.server) as session,
                    session.get("/api/v1/pods?watch=1"),
                ):
                    await asyncio.to_thread(recorder.proxy.wait_watched, "/pods")
                    assert [str(call) for call in recorder.calls()] == ["watch pods -> 200"]
                assert recorder.number == 1

    asyncio.run(story())
