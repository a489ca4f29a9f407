"""How containers end by themselves, and what then becomes of them and of their pod."""

from pathlib import Path

import pytest
from process_world import in_real_time, process_world, processes_of

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.nodes.restarts import BackOff, Timing


def test_back_off_doubles_and_is_forgotten_after_a_long_run() -> None:
    back_off = BackOff(Timing())
    assert [back_off.after(1) for _ in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert back_off.after(600) == 0


@pytest.mark.parametrize(
    ("script", "exit_code", "reason", "phase"),
    [
        ("exit 0", 0, "Completed", "Succeeded"),
        ("exit 3", 3, "Error", "Failed"),
        ("kill -TERM $$$$", 143, "Error", "Failed"),
        ("kill -KILL $$$$", 137, "Error", "Failed"),
    ],
)
@in_real_time
async def test_the_end_of_a_pod_that_never_restarts(
    tmp_path: Path, script: str, exit_code: int, reason: str, phase: str
) -> None:
    async with process_world(tmp_path) as world:
        world.run("job", script, restartPolicy="Never")
        await world.until_phase("job", phase)
        ended = world.state("job")["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (exit_code, reason)
        assert world.status("job")["restartCount"] == 0


@in_real_time
async def test_on_failure_it_runs_until_it_succeeds(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("job", "test -e $HOME/again && exit 0; touch $HOME/again; exit 1", restartPolicy="OnFailure")
        await world.until_phase("job", "Succeeded")
        status = world.status("job")
        assert status["restartCount"] == 1
        assert status["lastState"]["terminated"]["exitCode"] == 1


@in_real_time
async def test_a_crash_loop(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", "echo try; exit 1")
        await world.until(lambda: world.status("web").get("restartCount") == 2)
        await world.until(lambda: world.state("web").get("waiting", {}).get("reason") == "CrashLoopBackOff")
        uid = world.pod("web")["metadata"]["uid"]
        assert world.state("web")["waiting"]["message"] == (
            f"back-off 20s restarting failed container=main pod=web_default({uid})"
        )
        assert world.phase("web") == "Running"
        assert ("BackOff", f"Back-off restarting failed container main in pod web_default({uid})") in world.events(
            "web"
        )
        assert await world.log("web", previous=True) == "try\n"
        assert len(list((world.state_dir / "pods" / uid / "logs" / "main").iterdir())) == 2, "older ones are forgotten"


@in_real_time
async def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", container={"command": ["no-such-program"]}, restartPolicy="Never")
        await world.until_phase("web", "Failed")
        ended = world.state("web")["terminated"]
        assert (ended["reason"], ended["exitCode"]) == ("StartError", 128)
        assert ended["message"] == 'exec: "no-such-program": executable file not found in $PATH'


@in_real_time
async def test_what_a_container_says_at_its_end(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("file", "echo bye > /dev/termination-log", restartPolicy="Never")
        fallback = {"terminationMessagePolicy": "FallbackToLogsOnError"}
        world.run("log", "echo alas; exit 1", container=fallback, restartPolicy="Never")
        await world.until_phase("file", "Succeeded")
        await world.until_phase("log", "Failed")
        assert world.state("file")["terminated"]["message"] == "bye\n"
        assert world.state("log")["terminated"]["message"] == "alas"


@in_real_time
async def test_what_a_container_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("web", "(setsid sleep 1000 &) ; sleep 1000 & exit 0", restartPolicy="Never")
        await world.until_phase("web", "Succeeded")
        assert processes_of(world.pod("web")) == set()


@in_real_time
async def test_the_active_deadline(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        world.run("job", "exec sleep 1000", activeDeadlineSeconds=4, restartPolicy="Never")
        await world.until_phase("job", "Failed")
        assert world.pod("job")["status"]["reason"] == "DeadlineExceeded"
        assert world.state("job")["terminated"]["exitCode"] == 143


@in_real_time
async def test_pods_of_an_earlier_run_are_started_anew(tmp_path: Path) -> None:
    api = Api()
    async with process_world(tmp_path, api=api) as world:
        world.run("web", "echo up; exec sleep 1000")
        world.run("done", "exit 0", restartPolicy="Never")
        world.run("never", "exec sleep 1000", restartPolicy="Never")
        await world.until_phase("web", "Running")
        await world.until_phase("never", "Running")
        await world.until_phase("done", "Succeeded")
        before = world.pod("done")
    async with process_world(tmp_path, api=api) as world:
        await world.until(lambda: "running" in world.state("web") and world.status("web")["restartCount"] == 1)
        assert world.status("web")["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
        await world.until_phase("never", "Failed")
        assert world.state("never")["terminated"]["exitCode"] == 137
        assert world.pod("done")["status"]["containerStatuses"] == before["status"]["containerStatuses"]
