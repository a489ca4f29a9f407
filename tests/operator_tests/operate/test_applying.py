"""Children are brought to what they are to be, against the sandbox's API: no write too many, nothing of others' deleted."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agent_plans import SETTINGS, agent_with, example_agents, plan_of
from served_api import served

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.resources import CHILDREN, CONFIG_MAPS, DEPLOYMENTS, SERVICES, Resource
from antiphon_operator.kube.session import Connection
from antiphon_operator.objects import Obj, name_of, uid_of
from antiphon_operator.operate import reasons
from antiphon_operator.operate.applying import Applier, Outcome
from antiphon_operator.operate.world import World
from antiphon_operator.rendering.children import children
from antiphon_sandbox.api.local import Api

WRITES = {"post", "put", "patch", "delete", "create", "update", "apply"}


class _Cluster:
    """An API, what is known of it, and who writes to it."""

    def __init__(self, api: Api, kube: Kube, writes: list[str]) -> None:
        self.api, self.kube, self.writes = api, kube, writes
        self.world = World()
        self.applier = Applier(kube, self.world)
        self.fewer: list[tuple[str, int]] = []

    async def become(self, wanted: Sequence[Obj], uid: str = "") -> Outcome:
        uid = uid or wanted[0]["metadata"]["ownerReferences"][0]["uid"]
        return await self.applier.become(uid, wanted, self._before_fewer)

    async def _before_fewer(self, deployment: Obj, replicas: int) -> None:
        self.fewer.append((name_of(deployment), replicas))

    def hear_all(self) -> None:
        """As a list of all children would tell it."""
        for resource in CHILDREN:
            for obj in self.api.list(str(resource), "default"):
                if "antiphon.dev/agent" in (obj["metadata"].get("labels") or {}):
                    self.world.put(resource, obj)

    def the(self, resource: Resource, name: str) -> Obj:
        found = self.api.get(str(resource), "default", name)
        assert found is not None
        return copy.deepcopy(found)

    async def edit(self, resource: Resource, name: str, change: Obj) -> Obj:
        return await self.kube.merge_patch(resource, name, "default", change)


@asynccontextmanager
async def _cluster() -> AsyncIterator[_Cluster]:
    writes: list[str] = []

    def observe(verb: str, resource: str, code: int, seconds: float) -> None:  # noqa: ARG001
        if verb.lower() in WRITES:
            writes.append(f"{verb} {resource} {code}")

    api = Api()
    async with (
        served(api) as client,
        Connection(Access(client.url, "default", "a test"), observe=observe) as connection,
    ):
        yield _Cluster(api, Kube(connection), writes)


def _run(story: Callable[[_Cluster], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _cluster() as cluster:
            await story(cluster)

    asyncio.run(run())


def _wanted(name: str = "hello-world", **more: Any) -> tuple[Obj, ...]:
    return children(plan_of(agent_with(example_agents()["hello-world"], name), **more), SETTINGS)


def _name_of(wanted: Sequence[Obj], kind: str) -> str:
    return next(name_of(child) for child in wanted if child["kind"] == kind)


def test_children_are_made_once() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        outcome = await cluster.become(wanted)
        assert outcome.against is None
        assert [(child["kind"], name_of(child)) for child in outcome.applied] == [
            (child["kind"], name_of(child)) for child in wanted
        ]
        assert len(cluster.writes) == len(wanted)
        assert not (await cluster.become(wanted)).changed, "known from the answers, before any news"
        cluster.hear_all()
        assert not (await cluster.become(wanted)).changed
        assert len(cluster.writes) == len(wanted)

    _run(story)


def test_an_operator_that_knows_nothing_but_what_there_is_writes_nothing() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        await cluster.become(wanted)
        after = _Cluster(cluster.api, cluster.kube, cluster.writes)
        after.hear_all()
        cluster.writes.clear()
        assert not (await after.become(wanted)).changed
        assert cluster.writes == []

    _run(story)


def test_what_was_spoilt_is_written_alone() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        await cluster.become(wanted)
        name = _name_of(wanted, "ConfigMap")
        cluster.world.put(CONFIG_MAPS, await cluster.edit(CONFIG_MAPS, name, {"data": {"runtime.yaml": "spoilt"}}))
        outcome = await cluster.become(wanted)
        assert [child["kind"] for child in outcome.applied] == ["ConfigMap"]
        assert "spoilt" not in cluster.the(CONFIG_MAPS, name)["data"]["runtime.yaml"]

    _run(story)


def test_a_list_that_cannot_hold_ours_beside_theirs_becomes_ours() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        await cluster.become(wanted)
        ports = {"spec": {"ports": [{"name": "voice", "port": 1}]}}
        cluster.world.put(SERVICES, await cluster.edit(SERVICES, "hello-world", ports))
        outcome = await cluster.become(wanted)
        assert outcome.against is None
        assert [port["port"] for port in cluster.the(SERVICES, "hello-world")["spec"]["ports"]] == [8080]
        assert not (await cluster.become(wanted)).changed

    _run(story)


def test_a_foreign_object_is_left_as_it_is() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        name = _name_of(wanted, "ConfigMap")
        cluster.api.create(
            "configmaps", {"metadata": {"name": name, "namespace": "default"}, "data": {"runtime.yaml": "x"}}
        )
        before = cluster.the(CONFIG_MAPS, name)
        outcome = await cluster.become(wanted)
        assert outcome.against is not None
        assert outcome.against.reason is reasons.NAME_TAKEN
        assert name in outcome.against.message
        assert cluster.the(CONFIG_MAPS, name) == before
        assert cluster.api.list("deployments.apps", "default") == []

    _run(story)


def test_a_foreign_object_with_nothing_in_common_gets_nothing_of_ours() -> None:
    """Server-side apply would add to it without a conflict, and it would go with the agent."""

    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        name = _name_of(wanted, "ConfigMap")
        cluster.api.create("configmaps", {"metadata": {"name": name, "namespace": "default"}, "data": {"theirs": "x"}})
        outcome = await cluster.become(wanted)
        assert outcome.against is not None
        assert outcome.against.reason is reasons.NAME_TAKEN
        left = cluster.the(CONFIG_MAPS, name)
        assert left["data"] == {"theirs": "x"}
        assert not {"labels", "annotations", "ownerReferences"} & left["metadata"].keys()

    _run(story)


def test_the_child_of_another_agent_is_left_as_it_is() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        await cluster.become(wanted)
        name = _name_of(wanted, "Deployment")
        stolen = copy.deepcopy(wanted)
        for child in stolen:
            child["metadata"]["labels"]["antiphon.dev/agent"] = "other"
        before, writes = cluster.the(DEPLOYMENTS, name), len(cluster.writes)
        outcome = await cluster.become(stolen, "another-uid")
        assert outcome.against is not None
        assert outcome.against.reason is reasons.NAME_TAKEN
        assert "agent hello-world" in outcome.against.message
        assert (cluster.the(DEPLOYMENTS, name), len(cluster.writes)) == (before, writes)

    _run(story)


def test_agents_that_make_a_child_of_one_name_at_once_do_not_take_it_from_each_other() -> None:
    """Both are written by the same field manager: the API server sees nothing wrong in it."""

    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        other = copy.deepcopy(wanted)
        for child in other:
            child["metadata"]["labels"]["antiphon.dev/agent"] = "other"
        outcomes = await asyncio.gather(cluster.become(wanted), cluster.become(other, "another-uid"))
        assert [outcome.against is None for outcome in outcomes] == [True, False]
        assert outcomes[1].applied == []
        for resource, child in _known(cluster):
            labels = cluster.the(resource, name_of(child))["metadata"]["labels"]
            assert labels["antiphon.dev/agent"] == "hello-world"

    _run(story)


def test_what_is_left_of_an_older_agent_goes_first() -> None:
    async def story(cluster: _Cluster) -> None:
        old = _wanted()
        await cluster.become(old)
        new = copy.deepcopy(old)
        for child in new:
            child["metadata"]["ownerReferences"][0]["uid"] = "made-anew"
        before = {uid_of(cluster.the(resource, name_of(child))) for resource, child in _known(cluster)}
        for _ in range(2 * len(new)):
            outcome = await cluster.become(new, "made-anew")
            assert outcome.against is None
            if not outcome.again:
                break
            for resource, child in _known(cluster):
                if cluster.api.get(str(resource), "default", name_of(child)) is None:
                    cluster.world.drop(resource, child)
        after = {uid_of(cluster.the(resource, name_of(child))) for resource, child in _known(cluster)}
        assert len(after) == len(new)
        assert not before & after

    _run(story)


def _known(cluster: _Cluster) -> list[tuple[Resource, Obj]]:
    return cluster.world.children_of(("default", "hello-world"))


# --- deleting ------------------------------------------------------------------------------------------------------


def test_only_what_is_owned_and_not_wanted_is_deleted() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        uid = wanted[0]["metadata"]["ownerReferences"][0]["uid"]
        await cluster.become(wanted)
        labels = {"antiphon.dev/agent": "hello-world"}
        theirs = {"metadata": {"name": "theirs", "namespace": "default", "labels": labels}}
        cluster.api.create("configmaps", theirs)
        cluster.hear_all()
        kept = [child for child in wanted if child["kind"] != "Service"]
        gone = await cluster.applier.delete(uid, kept, _known(cluster))
        assert {name_of(child) for child in gone} == {name_of(child) for child in wanted if child["kind"] == "Service"}
        assert cluster.api.list("services", "default") == []
        assert cluster.the(CONFIG_MAPS, "theirs")["metadata"]["labels"] == labels

    _run(story)


def test_what_changed_since_it_was_seen_is_not_deleted() -> None:
    async def story(cluster: _Cluster) -> None:
        wanted = _wanted()
        uid = wanted[0]["metadata"]["ownerReferences"][0]["uid"]
        await cluster.become(wanted)
        seen = [(resource, child) for resource, child in _known(cluster) if resource is CONFIG_MAPS]
        name = name_of(seen[0][1])
        await cluster.edit(CONFIG_MAPS, name, {"data": {"theirs": "a note"}})
        await cluster.applier.delete(uid, [], seen)
        assert cluster.the(CONFIG_MAPS, name)["data"]["theirs"] == "a note"
        await cluster.kube.delete(CONFIG_MAPS, name, "default")
        cluster.api.create("configmaps", {"metadata": {"name": name, "namespace": "default"}})
        await cluster.applier.delete(uid, [], seen)
        assert cluster.the(CONFIG_MAPS, name), "another object of the name"

    _run(story)


def test_before_a_deployment_gets_fewer_pods_it_is_said() -> None:
    async def story(cluster: _Cluster) -> None:
        for replicas in (3, 3, 1, 2, 0):
            await cluster.become(_wanted(replicas=replicas))
        name = _name_of(_wanted(), "Deployment")
        assert cluster.fewer == [(name, 1), (name, 0)]

    _run(story)
