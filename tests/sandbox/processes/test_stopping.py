"""Pods that are deleted, and the end of the agent itself."""

import asyncio
from pathlib import Path

from process_world import NAMESPACE, SECOND, comes_true, in_real_time, is_alive, process_world, processes_of


@in_real_time
async def test_a_deleted_pod_is_asked_to_end_and_then_removed(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        script = "trap 'echo bye; exit 5' TERM; echo up; sleep 1000 & wait"
        pod = world.run("web", script, terminationGracePeriodSeconds=1000)
        await world.until_logged("web", "up\n")
        chunks = asyncio.ensure_future(world.log("web", follow=True))
        codes: list[int] = []
        world.api.subscribe(["pods"], lambda event: codes.extend(_exit_codes(event.object)))
        world.api.delete("pods", NAMESPACE, "web")
        await world.until_gone("web")
        assert set(codes) == {5}, "the last status says how it ended"
        assert await chunks == "up\nbye\n", "followers see the end"
        assert ("Killing", "Stopping container main") in world.events("web")
        assert processes_of(pod) == set()


def _exit_codes(pod: dict[str, dict[str, list[dict[str, dict[str, dict[str, int]]]]]]) -> list[int]:
    states = [status["state"] for status in pod["status"]["containerStatuses"]]
    return [state["terminated"]["exitCode"] for state in states if "terminated" in state]


@in_real_time
async def test_who_does_not_end_is_killed_after_the_grace_period(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        pod = world.run("web", "trap '' TERM; echo up; while :; do sleep 1000; done", terminationGracePeriodSeconds=10)
        await world.until_logged("web", "up\n")
        loop = asyncio.get_running_loop()
        began = loop.time()
        world.api.delete("pods", NAMESPACE, "web")
        await world.until_gone("web")
        assert loop.time() - began >= 10 * SECOND * 0.9
        assert processes_of(pod) == set()


@in_real_time
async def test_a_second_deletion_may_shorten_the_time(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", "trap '' TERM; echo up; while :; do sleep 1000; done", terminationGracePeriodSeconds=10**6)
        await world.until_logged("web", "up\n")
        world.api.delete("pods", NAMESPACE, "web")
        await world.until(lambda: ("Killing", "Stopping container main") in world.events("web"))
        world.api.delete("pods", NAMESPACE, "web", grace_seconds=1)
        await world.until_gone("web")


@in_real_time
async def test_a_pod_that_is_removed_by_force_is_killed_too(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        pod = world.run("web", "trap '' TERM; echo up; while :; do sleep 1000; done")
        await world.until_logged("web", "up\n")
        (pid, *_) = processes_of(pod)
        world.api.delete("pods", NAMESPACE, "web", grace_seconds=0)
        assert world.api.get("pods", NAMESPACE, "web") is None
        other = world.run("web", "echo up; exec sleep 1000")
        await world.until_logged("web", "up\n")
        await comes_true(lambda: not is_alive(pid))
        assert world.pod("web")["metadata"]["uid"] == other["metadata"]["uid"]


@in_real_time
async def test_the_pre_stop_hook_comes_first(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        hook = {"preStop": {"exec": {"command": ["sh", "-c", "touch $HOME/stopping"]}}}
        script = "trap 'test -e $HOME/stopping && exit 9; exit 1' TERM; echo up; sleep 1000 & wait"
        world.run("web", script, container={"lifecycle": hook}, terminationGracePeriodSeconds=1000)
        await world.until_logged("web", "up\n")
        codes: list[int] = []
        world.api.subscribe(["pods"], lambda event: codes.extend(_exit_codes(event.object)))
        world.api.delete("pods", NAMESPACE, "web")
        await world.until_gone("web")
        assert set(codes) == {9}


@in_real_time
async def test_a_hook_does_not_outlive_the_grace_period(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        hook = {"preStop": {"sleep": {"seconds": 10**6}}}
        world.run("web", "echo up; exec sleep 1000", container={"lifecycle": hook}, terminationGracePeriodSeconds=4)
        await world.until_logged("web", "up\n")
        world.api.delete("pods", NAMESPACE, "web")
        await world.until_gone("web")


@in_real_time
async def test_a_pod_that_never_started_can_be_deleted(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("image", container={"image": "acme/unknown"})
        world.run("volume", volumes=[{"name": "keys", "secret": {"secretName": "keys"}}])
        world.run("crash", "exit 1")
        await world.until(lambda: world.status("crash").get("restartCount") == 1)
        for name in ("image", "volume", "crash"):
            world.api.delete("pods", NAMESPACE, name)
            await world.until_gone(name)
        assert list((tmp_path / "pods").iterdir()) == []


@in_real_time
async def test_a_finished_pod_goes_at_once_and_waits_for_finalizers(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("job", "echo done", restartPolicy="Never")
        await world.until_phase("job", "Succeeded")
        world.api.patch("pods", NAMESPACE, "job", {"metadata": {"finalizers": ["example.com/keep"]}})
        assert await world.log("job") == "done\n"
        world.api.delete("pods", NAMESPACE, "job")
        await comes_true(lambda: not list((tmp_path / "pods").iterdir()))
        world.api.patch("pods", NAMESPACE, "job", {"metadata": {"finalizers": None}})
        await world.until_gone("job")


@in_real_time
async def test_the_agent_leaves_nothing_behind(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        pod = world.run("web", "(setsid sleep 1000 &); sleep 1000 & echo up; exec sleep 1000")
        await world.until_logged("web", "up\n")
        pids = processes_of(pod)
        assert len(pids) >= 2
    assert not any(map(is_alive, pids))
