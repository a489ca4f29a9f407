"""When a controller visits what."""

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from controlled_world import pods_of
from prompt_node import deployment, described
from virtual_time import in_virtual_time, virtual_now

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.controllers.all import run_controllers
from antiphon_sandbox.controllers.controller import Controller, Key, key_of
from antiphon_sandbox.objects import Obj


class Visits(Controller):
    """Writes down what each visit finds."""

    name: ClassVar[str] = "visits"
    watched: ClassVar[tuple[str, ...]] = ("configmaps",)
    found: list[Obj | None]

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        assert resource == "configmaps"
        return [key_of(obj)]

    def reconcile(self, key: Key) -> None:
        self.found.append(self.kube.get("configmaps", *key))


def config_map(text: str) -> Obj:
    made = described("ConfigMap", "one", {}, "v1")
    return {**{field: made[field] for field in ("apiVersion", "kind", "metadata")}, "data": {"text": text}}


@in_virtual_time
async def test_what_is_there_is_visited_at_the_start() -> None:
    api = Api(now=virtual_now)
    api.create("deployments.apps", deployment("web", 3))
    running = asyncio.create_task(run_controllers(api))
    await asyncio.sleep(1)
    assert len(pods_of(api, "web")) == 3
    running.cancel()
    await asyncio.wait([running])


@in_virtual_time
async def test_a_rush_of_changes_is_few_visits_and_the_last_sees_the_end() -> None:
    api = Api(now=virtual_now)
    api.create("configmaps", config_map("0"))
    visits = Visits(api)
    visits.found = []
    running = asyncio.create_task(visits.run())
    for number in range(1, 100):
        await asyncio.sleep(0.001)
        api.update("configmaps", config_map(str(number)))
    await asyncio.sleep(1)
    assert len(visits.found) < 10
    assert visits.found[-1] == api.get("configmaps", "default", "one")
    api.delete("configmaps", "default", "one")
    await asyncio.sleep(1)
    assert visits.found[-1] is None
    running.cancel()
    await asyncio.wait([running])


@in_virtual_time
async def test_a_controller_that_was_ended_visits_no_more() -> None:
    api = Api(now=virtual_now)
    visits = Visits(api)
    visits.found = []
    running = asyncio.create_task(visits.run())
    await asyncio.sleep(1)
    running.cancel()
    await asyncio.wait([running])
    api.create("configmaps", config_map("late"))
    await asyncio.sleep(1)
    assert visits.found == []
