"""Pods on hollow nodes: what they are said to do."""

from __future__ import annotations

import asyncio
from typing import Any

from controlled_world import quiet, the
from hollow_world import NAMESPACE, hollow_world, make, pod
from virtual_time import in_virtual_time, virtual_now

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import LogOptions
from antiphon_sandbox.nodes.hollow import HollowNodes
from antiphon_sandbox.objects import is_true

_PREFIX = "sandbox.antiphon.dev/"


def _plays(**annotations: str) -> dict[str, Any]:
    return {"annotations": {_PREFIX + name.replace("_", "-"): value for name, value in annotations.items()}}


@in_virtual_time
async def test_it_runs_and_is_ready() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p"), pod("q"))
        await quiet(api)
        one, other = the(api, "pods", "p"), the(api, "pods", "q")
        assert one["status"]["phase"] == "Running"
        assert is_true(one, "Ready")
        assert one["status"]["podIP"] != other["status"]["podIP"]
        [container] = one["status"]["containerStatuses"]
        assert container["imageID"] == "hollow://voice", "it says that it is hollow"


@in_virtual_time
async def test_it_takes_its_time_to_start() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p", metadata=_plays(start_delay="30")))
        await asyncio.sleep(29)
        assert the(api, "pods", "p")["status"]["phase"] == "Pending"
        await asyncio.sleep(2)
        assert the(api, "pods", "p")["status"]["phase"] == "Running"


@in_virtual_time
async def test_it_may_never_be_ready() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p", metadata=_plays(ready="false")))
        await quiet(api)
        assert the(api, "pods", "p")["status"]["phase"] == "Running"
        assert not is_true(the(api, "pods", "p"), "Ready")


@in_virtual_time
async def test_it_ends_by_itself() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(
            api,
            pod("good", metadata=_plays(exit_after="5"), restartPolicy="Never"),
            pod("bad", metadata=_plays(exit_after="5", exit_code="3"), restartPolicy="Never"),
            pod("again", metadata=_plays(exit_after="5", exit_code="3"), restartPolicy="OnFailure"),
        )
        await asyncio.sleep(8)
        assert the(api, "pods", "good")["status"]["phase"] == "Succeeded"
        bad = the(api, "pods", "bad")["status"]
        assert bad["phase"] == "Failed"
        assert bad["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
        [again] = the(api, "pods", "again")["status"]["containerStatuses"]
        assert again["restartCount"] == 1
        assert again["lastState"]["terminated"]["exitCode"] == 3


@in_virtual_time
async def test_one_that_ends_again_and_again_is_started_ever_later() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p", metadata=_plays(exit_after="0", exit_code="1")))
        await asyncio.sleep(5)
        status = the(api, "pods", "p")["status"]
        [container] = status["containerStatuses"]
        assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert container["lastState"]["terminated"]["exitCode"] == 1
        assert (status["phase"], container["restartCount"]) == ("Running", 1)
        assert not is_true(the(api, "pods", "p"), "Ready")
        await asyncio.sleep(10)
        assert the(api, "pods", "p")["status"]["containerStatuses"][0]["restartCount"] == 2
        await asyncio.sleep(500)
        assert the(api, "pods", "p")["status"]["containerStatuses"][0]["restartCount"] == 6


@in_virtual_time
async def test_it_is_as_ready_as_its_annotation_says_now() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p"))
        for word, ready in (("false", False), (None, True)):
            api.patch("pods", NAMESPACE, "p", {"metadata": {"annotations": {f"{_PREFIX}ready": word}}})
            await quiet(api)
            assert is_true(the(api, "pods", "p"), "Ready") is ready


@in_virtual_time
async def test_it_waits_for_its_readiness_gates() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p", readinessGates=[{"conditionType": "example.com/warm"}]))
        await quiet(api)
        found = the(api, "pods", "p")
        assert not is_true(found, "Ready")
        assert is_true(found, "ContainersReady")
        warm = {"type": "example.com/warm", "status": "True"}
        status = {**found["status"], "conditions": [*found["status"]["conditions"], warm]}
        api.update_status("pods", {**found, "status": status})
        await quiet(api)
        assert is_true(the(api, "pods", "p"), "Ready")


@in_virtual_time
async def test_a_sidecar_runs_as_long_as_the_pod() -> None:
    async with hollow_world({"name": "a"}) as api:
        inits = [{"name": "first", "image": "i"}, {"name": "beside", "image": "i", "restartPolicy": "Always"}]
        make(api, pod("p", metadata=_plays(exit_after="5"), restartPolicy="Never", initContainers=inits))
        await asyncio.sleep(3)
        first, beside = the(api, "pods", "p")["status"]["initContainerStatuses"]
        assert first["state"]["terminated"]["reason"] == "Completed"
        assert "running" in beside["state"]
        await asyncio.sleep(5)
        _, beside = the(api, "pods", "p")["status"]["initContainerStatuses"]
        assert "terminated" in beside["state"]


@in_virtual_time
async def test_after_a_restart_of_the_sandbox_no_address_is_given_twice() -> None:
    api = Api(now=virtual_now)
    async with hollow_world({"name": "a"}, api=api):
        make(api, pod("p"))
        await quiet(api)
    async with hollow_world({"name": "a"}, api=api):
        make(api, pod("q"))
        await quiet(api)
    assert the(api, "pods", "p")["status"]["podIP"] != the(api, "pods", "q")["status"]["podIP"]


@in_virtual_time
async def test_told_to_end_it_ends_within_its_grace() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(
            api,
            pod("slow", metadata=_plays(stop_delay="100"), terminationGracePeriodSeconds=10),
            pod("quick", metadata=_plays(stop_delay="3"), terminationGracePeriodSeconds=10),
        )
        await quiet(api)
        for name in ("slow", "quick"):
            api.delete("pods", NAMESPACE, name)
        await asyncio.sleep(2)
        assert len(api.list("pods")) == 2
        await asyncio.sleep(2)
        assert [each["metadata"]["name"] for each in api.list("pods")] == ["slow"]
        await asyncio.sleep(7)
        assert api.list("pods") == []


@in_virtual_time
async def test_a_word_that_is_no_number_is_as_if_it_were_not_there() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p", metadata=_plays(start_delay="soon")))
        await quiet(api)
        assert the(api, "pods", "p")["status"]["phase"] == "Running"


@in_virtual_time
async def test_its_log_says_that_it_is_hollow() -> None:
    async with hollow_world({"name": "a"}) as api:
        make(api, pod("p"))
        await quiet(api)
        hollow = HollowNodes(api, ["a"])
        lines = [chunk async for chunk in hollow.logs(the(api, "pods", "p"), LogOptions("main"))]
        assert b"node a is hollow" in b"".join(lines)
