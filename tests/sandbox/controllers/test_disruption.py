"""PodDisruptionBudgets count their pods."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from controlled_world import controlled_world, pods_of, quiet, the
from hypothesis import given
from hypothesis import strategies as st
from prompt_node import NAMESPACE, deployment, described, pod
from virtual_time import in_virtual_time

from antiphon_sandbox.controllers import disruption
from antiphon_sandbox.objects import Obj, condition, name_of, timestamp

BUDGETS, DEPLOYMENTS = "poddisruptionbudgets.policy", "deployments.apps"


def budget(**spec: int | str) -> Obj:
    selector = {"matchLabels": {"app": "web"}}
    return described("PodDisruptionBudget", "web", {"selector": selector, **spec}, "policy/v1")


@pytest.mark.parametrize(
    ("asked", "desired"),
    [
        ({"minAvailable": 3}, 3),
        ({"minAvailable": "50%"}, 3),  # of 5, rounded up
        ({"maxUnavailable": 1}, 4),
        ({"maxUnavailable": "30%"}, 3),
        ({"maxUnavailable": 9}, 0),
    ],
)
@in_virtual_time
async def test_what_a_budget_allows(asked: dict[str, int | str], desired: int) -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 5))
        api.create(BUDGETS, budget(**asked))
        await quiet(api)
        status = the(api, BUDGETS, "web")["status"]
        assert (status["expectedPods"], status["currentHealthy"]) == (5, 5)
        assert (status["desiredHealthy"], status["disruptionsAllowed"]) == (desired, 5 - desired)
        assert status["observedGeneration"] == 1
        assert (condition(the(api, BUDGETS, "web"), "DisruptionAllowed") or {})["reason"] == "SufficientPods"


@in_virtual_time
async def test_a_budget_that_is_used_up() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 2, "broken"))
        api.create(BUDGETS, budget(maxUnavailable=1))
        await quiet(api)
        status = the(api, BUDGETS, "web")["status"]
        assert (status["currentHealthy"], status["desiredHealthy"], status["disruptionsAllowed"]) == (0, 1, 0)
        assert (condition(the(api, BUDGETS, "web"), "DisruptionAllowed") or {})["reason"] == "InsufficientPods"


@in_virtual_time
async def test_pods_without_a_controller_count_for_a_number_only() -> None:
    async with controlled_world() as api:
        api.create("pods", pod("lonely", labels={"app": "web"}))
        api.create(BUDGETS, budget(minAvailable=1))
        await quiet(api)
        assert the(api, BUDGETS, "web")["status"]["expectedPods"] == 1
        api.patch(BUDGETS, NAMESPACE, "web", {"spec": {"minAvailable": "10%"}})
        await quiet(api)
        assert the(api, BUDGETS, "web")["status"]["expectedPods"] == 0


@in_virtual_time
async def test_an_evicted_pod_counts_as_going_for_two_minutes() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 3))
        api.create(BUDGETS, budget(minAvailable=2))
        await quiet(api)
        found = the(api, BUDGETS, "web")
        evicted = {name_of(pods_of(api, "web")[0]): timestamp(api.now())}
        api.update_status(BUDGETS, {**found, "status": {**found["status"], "disruptedPods": evicted}})
        await quiet(api)
        status = the(api, BUDGETS, "web")["status"]
        assert (status["currentHealthy"], status["disruptionsAllowed"]) == (2, 0)
        await asyncio.sleep(122)
        status = the(api, BUDGETS, "web")["status"]
        assert (status["currentHealthy"], status["disruptionsAllowed"]) == (3, 1)
        assert "disruptedPods" not in status


@given(st.integers(0, 20), st.integers(0, 20), st.one_of(st.integers(0, 25), st.integers(0, 100).map("{}%".format)))
def test_never_more_than_the_healthy_to_spare(healthy: int, scale: int, minimum: int | str) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC)
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pods = [{**pod(str(number)), "status": ready} for number in range(healthy)]
    made = budget(minAvailable=minimum)
    asked = disruption.demand(made, pods, scale)
    status = disruption.status_of(made, pods, asked, {}, now)
    assert 0 <= status["disruptionsAllowed"] <= max(healthy - asked.desired_healthy, 0)


def test_overdue_evictions_are_told_apart() -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC)
    noted = {"fresh": timestamp(now), "stale": timestamp(now - timedelta(minutes=3)), "gone": timestamp(now)}
    found = {**budget(), "status": {"disruptedPods": noted}}
    going, overdue = disruption.disrupted(found, [pod("fresh"), pod("stale")], now)
    assert (going, [name_of(each) for each in overdue]) == ({"fresh": timestamp(now)}, ["stale"])
