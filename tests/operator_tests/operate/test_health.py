"""What the operator answers to probes and to Prometheus."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from agent_plans import SETTINGS
from virtual_time import in_virtual_time

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.resources import VOICE_AGENTS
from antiphon_operator.kube.session import Connection
from antiphon_operator.operate.due import DueQueue
from antiphon_operator.operate.health import Health
from antiphon_operator.operate.herald import Herald
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.operate.watches import Watches
from antiphon_operator.operate.world import World

NOWHERE = Access("http://127.0.0.1:9", "default", "test")


async def asked(health: Health, path: str) -> tuple[int, str]:
    async with (
        health.served("127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        return answer.status, await answer.text()


class TestProbes:
    @pytest.mark.parametrize(("path", "problem"), [("/healthz", "a watch is stale"), ("/readyz", "nothing is listed")])
    @in_virtual_time
    async def test_a_problem_is_told_with_503_and_by_its_own_probe_alone(self, path: str, problem: str) -> None:
        problems = {path: problem}
        health = Health(Metrics().registry, lambda: problems.get("/healthz"), lambda: problems.get("/readyz"))
        assert await asked(health, path) == (503, f"{problem}\n")
        other = "/readyz" if path == "/healthz" else "/healthz"
        assert await asked(health, other) == (200, "ok\n")
        problems.clear()
        assert await asked(health, path) == (200, "ok\n")

    @in_virtual_time
    async def test_metrics_are_those_of_the_registry(self) -> None:
        metrics = Metrics()
        metrics.leader.set(1)
        status, text = await asked(Health(metrics.registry, lambda: None, lambda: None), "/metrics")
        assert status == 200
        assert "antiphon_operator_leader 1.0" in text.splitlines()


class TestThoughts:
    @in_virtual_time
    async def test_what_the_loop_thought_of_an_agent_can_be_asked_for(self) -> None:
        def thought_of(namespace: str, name: str) -> dict[str, float] | None:
            return {"at": 5.0} if (namespace, name) == ("team", "hello") else None

        health = Health(Metrics().registry, lambda: None, lambda: None, thought_of)
        assert await asked(health, "/v1/agents/team/hello") == (200, '{"at":5.0}')
        status, text = await asked(health, "/v1/agents/team/other")
        assert status == 404
        assert "does not lead" in text


class TestAgesOfWatches:
    @in_virtual_time
    async def test_a_watch_that_was_never_begun_is_not_stale(self) -> None:
        """Without our CRDs nothing is watched yet: the process is well, and must not be restarted for it."""
        async with Connection(NOWHERE) as connection:
            watches = made(connection)
            await asyncio.sleep(10_000)
            ages = dict(watches.ages())
            assert str(VOICE_AGENTS) not in ages
            assert set(ages.values()) == {0.0}

    @in_virtual_time
    async def test_requests_of_kopf_are_heard(self) -> None:
        async with Connection(NOWHERE) as connection:
            watches = made(connection)
            watches.saw_request("watch", str(VOICE_AGENTS), 200)
            await asyncio.sleep(40)
            assert dict(watches.ages())[str(VOICE_AGENTS)] == 40
            watches.saw_request("list", str(VOICE_AGENTS), 500)
            assert dict(watches.ages())[str(VOICE_AGENTS)] == 40
            watches.saw_request("list", str(VOICE_AGENTS), 200)
            assert dict(watches.ages())[str(VOICE_AGENTS)] == 0


def made(connection: Connection) -> Watches:
    settings, world = OperatorSettings(render=SETTINGS), World()
    herald = Herald(world, DueQueue(), settings)
    return Watches(Kube(connection), herald, settings, Metrics(), lambda: None, lambda: None)
