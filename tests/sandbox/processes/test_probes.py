"""Probes by the clock (virtual), and of real containers."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from process_world import in_real_time, process_world
from virtual_time import in_virtual_time

from antiphon_sandbox.nodes.handlers import HandlerError
from antiphon_sandbox.nodes.probes import Prober, Turns, Verdict
from antiphon_sandbox.objects import Obj, condition, is_true

SERVER = """
import http.server, os, pathlib, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        healthy = not pathlib.Path(os.environ["HOME"], "ill").exists() and self.headers.get("X-Ask") == "me"
        self.send_response(200 if healthy else 503)
        self.end_headers()
    def do_POST(self):
        pathlib.Path(os.environ["HOME"], "ill").touch()
        self.send_response(200)
        self.end_headers()
    log_message = lambda *_: None
http.server.HTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
"""
HTTP = {"httpGet": {"path": "/healthz", "port": "web", "httpHeaders": [{"name": "X-Ask", "value": "me"}]}}


def server(**probes: Obj) -> Obj:
    command = ["python", "-S", "-c", SERVER]
    return {"image": "python", "command": command, "ports": [{"name": "web", "containerPort": 8080}]} | probes


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 4), st.integers(1, 4))
def test_a_verdict_turns_after_as_many_equal_answers_as_the_threshold(
    answers: list[bool], success: int, failure: int
) -> None:
    verdict = Verdict("Readiness", {"successThreshold": success, "failureThreshold": failure})
    for index, answer in enumerate(answers):
        before = verdict.passed
        verdict.add(answer)
        needed = success if answer else failure
        run = answers[max(index + 1 - needed, 0) : index + 1]
        turned = len(run) == needed and all(each is answer for each in run)
        assert verdict.passed is (answer if turned else before)


async def turns_of(turns: Turns, number: int) -> list[tuple[float, bool]]:
    loop = asyncio.get_running_loop()
    found = []
    for _ in range(number):
        regular = await turns.next()
        found.append((round(loop.time(), 3), regular))
    return found


@in_virtual_time
async def test_regular_turns() -> None:
    turns = Turns({"initialDelaySeconds": 3, "periodSeconds": 5}, 0, 1.0, eager=False)
    assert await turns_of(turns, 3) == [(3, True), (8, True), (13, True)]


@in_virtual_time
async def test_eager_turns_come_between_and_ever_more_seldom() -> None:
    turns = Turns({"initialDelaySeconds": 1, "periodSeconds": 2}, 0, 1.0, eager=True)
    expected = [(1, True), (1.05, False), (1.15, False), (1.35, False), (1.75, False), (2.55, False), (3, True)]
    assert await turns_of(turns, 7) == expected
    turns.settle()
    assert await turns_of(turns, 2) == [(5, True), (7, True)]


@in_virtual_time
async def test_a_startup_probe_holds_back_the_others_and_condemns() -> None:
    loop = asyncio.get_running_loop()
    said: list[str] = []

    async def ask(probe: Obj) -> None:
        assert probe["who"] == "startup"
        raise HandlerError("not yet")

    container = {
        "startupProbe": {"who": "startup", "periodSeconds": 10, "failureThreshold": 3},
        "livenessProbe": {"who": "liveness", "periodSeconds": 1},
    }
    prober = Prober(container, ask, lambda: None, lambda _, message: said.append(message), 1.0)
    assert await prober.run() == "Startup"
    assert loop.time() == pytest.approx(20)
    assert said == ["Startup probe failed: not yet"] * 3
    assert (prober.started, prober.ready) == (False, False)


@in_real_time
async def test_readiness_comes_and_goes(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        probe = HTTP | {"periodSeconds": 2, "failureThreshold": 1, "timeoutSeconds": 5}
        world.run("web", container=server(readinessProbe=probe))
        await world.until(lambda: is_true(world.pod("web"), "Ready"))
        pod = world.pod("web")
        home = world.state_dir / "pods" / pod["metadata"]["uid"] / "containers" / "main"
        (home / "ill").touch()
        await world.until(lambda: not is_true(world.pod("web"), "Ready"))
        found = condition(world.pod("web"), "Ready")
        assert found is not None
        assert (found["reason"], found["message"]) == ("ContainersNotReady", "containers with unready status: [main]")
        assert ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503") in world.events("web")
        (home / "ill").unlink()
        await world.until(lambda: is_true(world.pod("web"), "Ready"))
        assert world.status("web")["restartCount"] == 0


@in_real_time
async def test_liveness_restarts(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        liveness: Obj = {"exec": {"command": ["sh", "-c", "test ! -e $HOME/ill || { echo feverish; exit 1; }"]}}
        liveness |= {"periodSeconds": 2, "failureThreshold": 2, "timeoutSeconds": 5}
        script = "test -e $HOME/ill && rm $HOME/ill || touch $HOME/ill; exec sleep 1000"
        world.run("web", script, container={"livenessProbe": liveness})
        await world.until(lambda: world.status("web").get("restartCount") == 1 and "running" in world.state("web"))
        assert world.status("web")["lastState"]["terminated"]["exitCode"] == 143
        assert ("Unhealthy", "Liveness probe failed: feverish") in world.events("web")
        assert ("Killing", "Container main failed liveness probe, will be restarted") in world.events("web")


@in_real_time
async def test_tcp_and_startup(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        startup = {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 1000, "timeoutSeconds": 5}
        closed = {"tcpSocket": {"port": 8081}, "periodSeconds": 1, "timeoutSeconds": 5}
        world.run("web", container=server(startupProbe=startup, readinessProbe=closed))
        await world.until(lambda: world.status("web").get("started"))
        address = world.pod("web")["status"]["podIP"]
        refused = f"Readiness probe failed: dial tcp {address}:8081: connect: connection refused"
        await world.until(lambda: ("Unhealthy", refused) in world.events("web"))
        assert world.status("web")["ready"] is False


@in_real_time
async def test_a_probe_that_takes_too_long(tmp_path: Path) -> None:
    async with process_world(tmp_path) as world:
        slow = {"exec": {"command": ["sleep", "1000"]}, "timeoutSeconds": 1, "periodSeconds": 1}
        world.run("web", "exec sleep 1000", container={"readinessProbe": slow})
        said = 'Readiness probe failed: command timed out: "sleep 1000" timed out after 1s'
        await world.until(lambda: ("Unhealthy", said) in world.events("web"))
        grpc = {"grpc": {"port": 1}, "periodSeconds": 1}
        world.run("grpc", "exec sleep 1000", container={"readinessProbe": grpc})
        await world.until(lambda: any("no gRPC probes" in message for _, message in world.events("grpc")))
