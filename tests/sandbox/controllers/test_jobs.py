"""Jobs run to their end, whatever that is."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from controlled_world import controlled_world, events_about, pods_of, quiet, the
from prompt_node import NAMESPACE, job, put_state
from virtual_time import in_virtual_time

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.controllers import job_progress
from antiphon_sandbox.controllers.job_progress import Tally
from antiphon_sandbox.objects import Obj, condition, labels_of, parse_time, uid_of

JOBS = "jobs.batch"


def active(api: Api, name: str = "work") -> list[Obj]:
    return [pod for pod in pods_of(api, name) if pod["status"]["phase"] in ("Pending", "Running")]


async def end(api: Api, phase: str, count: int = 1) -> None:
    """So many pods of the Job end like that."""
    for pod in active(api)[:count]:
        put_state(api, pod, phase)
    await quiet(api)


def ended(api: Api) -> tuple[str, str]:
    """Complete or Failed, and why."""
    found = [condition(the(api, JOBS, "work"), kind) for kind in ("Complete", "Failed")]
    return next(((each["type"], each["reason"]) for each in found if each), ("", ""))


@in_virtual_time
async def test_completions_and_parallelism() -> None:
    async with controlled_world() as api:
        made = api.create(JOBS, job("work", completions=5, parallelism=2))
        await quiet(api)
        assert len(active(api)) == 2
        labels = labels_of(active(api)[0])
        assert labels["batch.kubernetes.io/job-name"] == labels["job-name"] == "work"
        assert labels["batch.kubernetes.io/controller-uid"] == uid_of(made)
        status = the(api, JOBS, "work")["status"]
        assert (status["active"], status["ready"]) == (2, 2)
        await end(api, "Succeeded", 2)
        await end(api, "Succeeded", 2)
        assert len(active(api)) == 1
        await end(api, "Succeeded")
        status = the(api, JOBS, "work")["status"]
        assert status["succeeded"] == 5
        assert status["startTime"] <= status["completionTime"]
        assert [each["type"] for each in status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
        assert ended(api) == ("Complete", "CompletionsReached")
        assert events_about(api, "work")[-1] == ("Completed", "Job completed")


@in_virtual_time
async def test_failures_are_tried_again_ever_later_and_then_no_more() -> None:
    async with controlled_world() as api:
        api.create(JOBS, job("work", backoffLimit=2))
        await quiet(api)
        for pause in (10, 20):
            await end(api, "Failed")
            assert active(api) == []
            await asyncio.sleep(pause + 1)
            assert len(active(api)) == 1
        await end(api, "Failed")
        assert ended(api) == ("Failed", "BackoffLimitExceeded")
        assert the(api, JOBS, "work")["status"]["failed"] == 3
        await asyncio.sleep(3600)
        assert active(api) == []


@in_virtual_time
async def test_a_job_that_takes_too_long_fails() -> None:
    async with controlled_world() as api:
        api.create(JOBS, job("work", activeDeadlineSeconds=60, parallelism=2, completions=2))
        await asyncio.sleep(59)
        assert len(active(api)) == 2
        await asyncio.sleep(2)
        assert ended(api) == ("Failed", "DeadlineExceeded")
        assert active(api) == []
        assert the(api, JOBS, "work")["status"]["failed"] == 2


@in_virtual_time
async def test_a_job_fails_only_when_its_last_pod_is_gone() -> None:
    async with controlled_world(node=False) as api:
        api.create(JOBS, job("work", activeDeadlineSeconds=5))
        await quiet(api)
        api.bind(active(api)[0], "somewhere")
        await asyncio.sleep(6)
        assert ended(api) == ("", "")
        assert condition(the(api, JOBS, "work"), "FailureTarget")
        api.delete("pods", NAMESPACE, active(api)[0]["metadata"]["name"], grace_seconds=0)
        await quiet(api)
        assert ended(api) == ("Failed", "DeadlineExceeded")


@in_virtual_time
async def test_suspend_and_resume() -> None:
    async with controlled_world() as api:
        api.create(JOBS, job("work", suspend=True))
        await quiet(api)
        assert pods_of(api, "work") == []
        assert (condition(the(api, JOBS, "work"), "Suspended") or {})["reason"] == "JobSuspended"
        api.patch(JOBS, NAMESPACE, "work", {"spec": {"suspend": False}})
        await quiet(api)
        assert len(active(api)) == 1
        api.patch(JOBS, NAMESPACE, "work", {"spec": {"suspend": True}})
        await quiet(api)
        assert active(api) == []
        assert "startTime" not in the(api, JOBS, "work")["status"]


@in_virtual_time
async def test_a_finished_job_goes_in_time() -> None:
    async with controlled_world() as api:
        api.create(JOBS, job("work", ttlSecondsAfterFinished=30))
        await quiet(api)
        await end(api, "Succeeded")
        await asyncio.sleep(28)
        assert ended(api) == ("Complete", "CompletionsReached")
        await asyncio.sleep(4)
        assert api.get(JOBS, NAMESPACE, "work") is None
        assert pods_of(api, "work") == []


@pytest.mark.parametrize(
    ("spec", "succeeded", "active_now", "wanted"),
    [
        ({"parallelism": 3, "completions": 5}, 0, 0, 3),
        ({"parallelism": 3, "completions": 5}, 4, 1, 1),
        ({"parallelism": 3, "completions": 5}, 7, 0, 0),
        ({"parallelism": 3}, 0, 1, 3),
        ({"parallelism": 3}, 1, 2, 2),  # the first success is the last beginning
        ({"parallelism": 0, "completions": 5}, 0, 2, 0),
        ({"parallelism": 3, "completions": 5, "suspend": True}, 0, 2, 0),
    ],
)
def test_wanted(spec: dict[str, Any], succeeded: int, active_now: int, wanted: int) -> None:
    assert job_progress.wanted(spec, Tally(active_now, 0, 0, succeeded, 0)) == wanted


def test_backoff_doubles_and_has_an_end() -> None:
    made = "2025-01-01T00:00:00Z"
    failed = {"metadata": {"creationTimestamp": made}, "status": {"phase": "Failed"}}
    now = parse_time(made) + timedelta(seconds=1)
    assert [job_progress.backoff_left([failed] * count, now) for count in (0, 1, 2, 3, 50)] == [0, 9, 19, 39, 599]
    later = {"metadata": {"creationTimestamp": "2025-01-01T00:00:01Z"}, "status": {"phase": "Succeeded"}}
    assert job_progress.backoff_left([failed, later], now) == 0
