"""ReplicaSets keep their number of pods, whatever happens to them."""

import asyncio

from controlled_world import controlled_world, events_about, label, pods_of, quiet, the
from prompt_node import NAMESPACE, pod, put_state, replica_set
from virtual_time import in_virtual_time, virtual_now

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.controllers.pod_control import BURST, RETRY_SECONDS
from antiphon_sandbox.controllers.pod_health import DELETION_COST
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj, condition, controller_of, name_of, uid_of

SETS = "replicasets.apps"


@in_virtual_time
async def test_pods_are_made_and_counted() -> None:
    async with controlled_world() as api:
        owner = api.create(SETS, replica_set("web", 3))
        await quiet(api)
        pods = pods_of(api, "web")
        status = the(api, SETS, "web")["status"]
        assert status == {
            "replicas": 3,
            "fullyLabeledReplicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
            "observedGeneration": 1,
        }
        assert all(name_of(each).startswith("web-") for each in pods)
        assert {(controller_of(each) or {})["uid"] for each in pods} == {uid_of(owner)}
        assert ("SuccessfulCreate", f"Created pod: {name_of(pods[0])}") in events_about(api, "web")


@in_virtual_time
async def test_nothing_is_written_when_nothing_differs() -> None:
    async with controlled_world() as api:
        api.create(SETS, replica_set("web", 3))
        await quiet(api)
        revision = api.store.revision
        await asyncio.sleep(3600)
        assert api.store.revision == revision


@in_virtual_time
async def test_a_pod_that_is_gone_or_has_ended_is_replaced() -> None:
    async with controlled_world() as api:
        api.create(SETS, replica_set("web", 3))
        await quiet(api)
        gone, failed, done = pods_of(api, "web")
        api.delete("pods", NAMESPACE, name_of(gone))
        put_state(api, failed, "Failed")
        put_state(api, done, "Succeeded")
        await quiet(api)
        active = [each for each in pods_of(api, "web") if each["status"]["phase"] == "Running"]
        assert len(active) == 3
        assert not {name_of(each) for each in active} & {name_of(gone), name_of(failed), name_of(done)}


@in_virtual_time
async def test_the_cheapest_pods_go_first() -> None:
    async with controlled_world() as api:
        api.create(SETS, replica_set("web", 4))
        await quiet(api)
        costs = dict(zip(map(name_of, pods_of(api, "web")), ("5", "-1", "7", "0"), strict=True))
        for name, cost in costs.items():
            api.patch("pods", NAMESPACE, name, {"metadata": {"annotations": {DELETION_COST: cost}}})
        api.patch(SETS, NAMESPACE, "web", {"spec": {"replicas": 2}})
        await quiet(api)
        assert sorted(costs[name_of(each)] for each in pods_of(api, "web")) == ["5", "7"]
        assert [reason for reason, _ in events_about(api, "web")].count("SuccessfulDelete") == 2


@in_virtual_time
async def test_orphans_are_adopted_and_strangers_released() -> None:
    async with controlled_world() as api:
        orphan = api.create("pods", pod("orphan", labels={"app": "web"}))
        owner = api.create(SETS, replica_set("web", 2))
        await quiet(api)
        assert len(pods_of(api, "web")) == 2
        assert (controller_of(the(api, "pods", "orphan")) or {})["uid"] == uid_of(owner)
        label(api, "pods", orphan, app="debugging")
        await quiet(api)
        assert controller_of(the(api, "pods", "orphan")) is None
        assert len(pods_of(api, "web")) == 2


@in_virtual_time
async def test_available_after_min_ready_seconds() -> None:
    async with controlled_world() as api:
        api.create(SETS, replica_set("web", 2, minReadySeconds=30))
        await asyncio.sleep(29)
        assert "availableReplicas" not in the(api, SETS, "web")["status"]
        await asyncio.sleep(2)
        assert the(api, SETS, "web")["status"]["availableReplicas"] == 2


@in_virtual_time
async def test_more_pods_than_one_visit_makes() -> None:
    async with controlled_world() as api:
        api.create(SETS, replica_set("web", 3 * BURST + 1))
        await quiet(api)
        assert the(api, SETS, "web")["status"]["readyReplicas"] == 3 * BURST + 1
        api.patch(SETS, NAMESPACE, "web", {"spec": {"replicas": 0}})
        await quiet(api)
        assert pods_of(api, "web") == []


class FullApi(Api):
    """Has no room for pods, as with a quota."""

    has_room = False

    def create(self, resource: str, obj: Obj) -> Obj:
        if resource == "pods" and not self.has_room:
            raise ApiError(403, "Forbidden", "exceeded quota")
        return super().create(resource, obj)


@in_virtual_time
async def test_a_refused_pod_is_told_and_tried_again() -> None:
    full = FullApi(now=virtual_now)
    async with controlled_world(api=full) as api:
        api.create(SETS, replica_set("web", 2))
        await quiet(api)
        found = condition(the(api, SETS, "web"), "ReplicaFailure") or {}
        assert (found["status"], found["reason"], found["message"]) == ("True", "FailedCreate", "exceeded quota")
        assert events_about(api, "web") == [("FailedCreate", "Error creating: exceeded quota")]
        full.has_room = True
        await asyncio.sleep(RETRY_SECONDS + 1)
        assert the(api, SETS, "web")["status"]["readyReplicas"] == 2
        assert condition(the(api, SETS, "web"), "ReplicaFailure") is None
