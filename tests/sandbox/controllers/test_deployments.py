"""Deployments: rollouts, scale, rollback, pauses and deadlines, told in upstream's words."""

import asyncio
from typing import Any

import pytest
from controlled_world import controlled_world, events_about, images_of, pods_of, quiet, the
from prompt_node import NAMESPACE, deployment, put_state
from virtual_time import in_virtual_time

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.controllers import pod_health, revisions
from antiphon_sandbox.kube import Event
from antiphon_sandbox.objects import Obj, annotations_of, condition, labels_of, name_of

DEPLOYMENTS, SETS = "deployments.apps", "replicasets.apps"


def change(api: Api, **spec: Any) -> Obj:
    return api.patch(DEPLOYMENTS, NAMESPACE, "web", {"spec": spec})


def set_image(api: Api, image: str) -> Obj:
    return change(api, template={"spec": {"containers": [{"name": "main", "image": image}]}})


def sizes(api: Api) -> dict[str, int]:
    """Replicas wanted, by image."""
    return {images_of([{"spec": each["spec"]["template"]["spec"]}])[0]: each["spec"]["replicas"] for each in sets(api)}


def sets(api: Api) -> list[Obj]:
    return sorted(api.list(SETS, NAMESPACE), key=revisions.revision_of)


def reason(api: Api, kind: str) -> str:
    found = condition(the(api, DEPLOYMENTS, "web"), kind)
    return found["reason"] if found else ""


@in_virtual_time
async def test_a_deployment_comes_up() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 3))
        await quiet(api)
        found, (only,) = the(api, DEPLOYMENTS, "web"), sets(api)
        hashed = labels_of(only)[revisions.TEMPLATE_HASH]
        assert name_of(only) == f"web-{hashed}"
        assert only["spec"]["selector"]["matchLabels"] == {"app": "web", revisions.TEMPLATE_HASH: hashed}
        assert {labels_of(pod)[revisions.TEMPLATE_HASH] for pod in pods_of(api, "web")} == {hashed}
        assert annotations_of(found)[revisions.REVISION] == annotations_of(only)[revisions.REVISION] == "1"
        assert annotations_of(only)[revisions.DESIRED_REPLICAS] == "3"
        assert annotations_of(only)[revisions.MAX_REPLICAS] == "4"
        counts = {field: value for field, value in found["status"].items() if field != "conditions"}
        assert counts == {
            "observedGeneration": 1,
            "replicas": 3,
            "updatedReplicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
        }
        told = {each["type"]: (each["reason"], each["message"]) for each in found["status"]["conditions"]}
        assert told == {
            "Available": ("MinimumReplicasAvailable", "Deployment has minimum availability."),
            "Progressing": (
                "NewReplicaSetAvailable",
                f'ReplicaSet "{name_of(only)}" has successfully progressed.',
            ),
        }
        assert events_about(api, "web") == [("ScalingReplicaSet", f"Scaled up replica set {name_of(only)} from 0 to 3")]


@in_virtual_time
async def test_nothing_is_written_when_nothing_differs() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 3))
        await quiet(api)
        revision = api.store.revision
        await asyncio.sleep(3600)
        assert api.store.revision == revision


@pytest.mark.parametrize(("surge", "unavailable", "most", "least"), [(1, 0, 6, 5), (0, 2, 5, 3), ("40%", "20%", 7, 4)])
@in_virtual_time
async def test_a_rolling_update_keeps_its_limits(
    surge: int | str, unavailable: int | str, most: int, least: int
) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 5, strategy=rolling))
        await quiet(api)
        seen: list[tuple[int, int]] = []

        def count(_: Event) -> None:
            active = [pod for pod in pods_of(api, "web") if pod_health.is_active(pod)]
            seen.append((len(active), sum(map(pod_health.is_ready, active))))

        api.subscribe(["pods"], count)
        set_image(api, "two")
        await quiet(api)
        assert images_of(pods_of(api, "web")) == ["two"] * 5
        assert max(total for total, _ in seen) <= most
        assert min(ready for _, ready in seen) >= least
        assert sizes(api) == {"one": 0, "two": 5}
        assert annotations_of(the(api, DEPLOYMENTS, "web"))[revisions.REVISION] == "2"


@in_virtual_time
async def test_a_broken_update_stops_and_is_overdue() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 4, progressDeadlineSeconds=60))
        await quiet(api)
        set_image(api, "broken")
        await quiet(api)
        status = the(api, DEPLOYMENTS, "web")["status"]
        assert sizes(api) == {"one": 3, "broken": 2}
        assert (status["readyReplicas"], status["updatedReplicas"], status["unavailableReplicas"]) == (3, 2, 2)
        assert reason(api, "Progressing") == "ReplicaSetUpdated"
        await asyncio.sleep(63)
        assert reason(api, "Progressing") == "ProgressDeadlineExceeded"
        assert reason(api, "Available") == "MinimumReplicasAvailable"
        set_image(api, "three")
        await quiet(api)
        assert sizes(api) == {"one": 0, "broken": 0, "three": 4}
        assert reason(api, "Progressing") == "NewReplicaSetAvailable"


@in_virtual_time
async def test_going_back_takes_up_the_old_replica_set() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 2))
        await quiet(api)
        first = name_of(sets(api)[0])
        set_image(api, "two")
        await quiet(api)
        set_image(api, "one")
        await quiet(api)
        assert sizes(api) == {"one": 2, "two": 0}
        latest = sets(api)[-1]
        assert name_of(latest) == first
        assert annotations_of(latest)[revisions.REVISION] == "3"
        assert annotations_of(latest)[revisions.REVISION_HISTORY] == "1"
        assert annotations_of(the(api, DEPLOYMENTS, "web"))[revisions.REVISION] == "3"


@in_virtual_time
async def test_old_revisions_beyond_the_limit_go() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 1, revisionHistoryLimit=2))
        for image in ("two", "three", "four", "five"):
            await quiet(api)
            set_image(api, image)
        await quiet(api)
        assert sizes(api) == {"three": 0, "four": 0, "five": 1}


@in_virtual_time
async def test_scale() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 2))
        await quiet(api)
        for replicas in (7, 1, 0, 3):
            change(api, replicas=replicas)
            await quiet(api)
            assert len(pods_of(api, "web")) == replicas
            assert the(api, DEPLOYMENTS, "web")["status"].get("availableReplicas", 0) == replicas
        assert len(sets(api)) == 1


@in_virtual_time
async def test_scale_in_the_midst_of_a_rollout_is_shared() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 10, strategy=rolling))
        await quiet(api)
        set_image(api, "broken")
        await quiet(api)
        assert sizes(api) == {"one": 8, "broken": 5}
        change(api, replicas=15)
        await quiet(api)
        assert sizes(api) == {"one": 11, "broken": 7}
        assert {annotations_of(each)[revisions.DESIRED_REPLICAS] for each in sets(api)} == {"15"}


@in_virtual_time
async def test_a_pause_holds_the_template_but_not_the_scale() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 2))
        await quiet(api)
        change(api, paused=True)
        set_image(api, "two")
        change(api, replicas=4)
        await asyncio.sleep(3600)
        assert sizes(api) == {"one": 4}
        assert reason(api, "Progressing") == "DeploymentPaused"
        change(api, paused=False)
        await quiet(api)
        assert sizes(api) == {"one": 0, "two": 4}
        assert reason(api, "Progressing") == "NewReplicaSetAvailable"


@in_virtual_time
async def test_recreate_waits_for_the_last_old_pod() -> None:
    async with controlled_world(node=False) as api:
        api.create(DEPLOYMENTS, deployment("web", 2, strategy={"type": "Recreate"}))
        await quiet(api)
        old = pods_of(api, "web")
        for pod in old:
            api.bind(pod, "somewhere")
            put_state(api, the(api, "pods", name_of(pod)), "Running", ready=True)
        set_image(api, "two")
        await quiet(api)
        assert sizes(api) == {"one": 0}
        api.delete("pods", NAMESPACE, name_of(old[0]), grace_seconds=0)
        await quiet(api)
        assert sizes(api) == {"one": 0}
        api.delete("pods", NAMESPACE, name_of(old[1]), grace_seconds=0)
        await quiet(api)
        assert sizes(api) == {"one": 0, "two": 2}


@in_virtual_time
async def test_min_ready_seconds_slow_the_rollout_down() -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 3, strategy=rolling, minReadySeconds=10))
        await asyncio.sleep(12)
        assert reason(api, "Available") == "MinimumReplicasAvailable"
        set_image(api, "two")
        await asyncio.sleep(15)
        assert sizes(api) == {"one": 2, "two": 2}
        await asyncio.sleep(30)
        assert sizes(api) == {"one": 0, "two": 3}
        assert the(api, DEPLOYMENTS, "web")["status"]["availableReplicas"] == 3


@in_virtual_time
async def test_a_replica_set_that_is_gone_comes_back() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 2))
        await quiet(api)
        before = sets(api)[0]
        api.delete(SETS, NAMESPACE, name_of(before), propagation="Background")
        await quiet(api)
        assert name_of(sets(api)[0]) == name_of(before)
        assert len(pods_of(api, "web")) == 2


@in_virtual_time
async def test_a_deployment_that_goes_takes_everything_along() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 2))
        await quiet(api)
        api.delete(DEPLOYMENTS, NAMESPACE, "web", propagation="Background")
        await quiet(api)
        assert (sets(api), pods_of(api, "web")) == ([], [])


@in_virtual_time
async def test_a_name_that_is_taken_makes_another() -> None:
    async with controlled_world() as api:
        api.create(DEPLOYMENTS, deployment("web", 1))
        await quiet(api)
        squatter = name_of(sets(api)[0])
        api.patch(SETS, NAMESPACE, squatter, {"metadata": {"ownerReferences": None, "labels": {"app": "other"}}})
        await quiet(api)
        found = [each for each in sets(api) if name_of(each) != squatter]
        assert [each["spec"]["replicas"] for each in found] == [1]
        assert the(api, DEPLOYMENTS, "web")["status"]["collisionCount"] == 1
