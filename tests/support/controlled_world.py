"""The API with its garbage collector, all the controllers and a node that is prompt, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prompt_node import NAMESPACE, PromptNode
from virtual_time import virtual_now

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.controllers.all import run_controllers
from antiphon_sandbox.objects import Obj, name_of


@asynccontextmanager
async def controlled_world(*, node: bool = True, api: Api | None = None) -> AsyncIterator[Api]:
    """Without a node, pods stay Pending until the test says otherwise."""
    api = api or Api(now=virtual_now)
    parts = [api.run(), run_controllers(api)]
    if node:
        api.create("nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "prompt"}})
        parts.append(PromptNode(api).run())
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await quiet(api)
        yield api
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}, ends


async def quiet(api: Api) -> None:
    """Returns when nothing has been written for a while: what was to be done has been done, but for long timers."""
    revision = -1
    while revision != api.store.revision:
        revision = api.store.revision
        await asyncio.sleep(0.5)


def the(api: Api, resource: str, name: str) -> Obj:
    """The object, which has to be there."""
    found = api.get(resource, NAMESPACE, name)
    assert found is not None, f"no {resource} {name}; there are {[name_of(each) for each in api.list(resource)]}"
    return found


def pods_of(api: Api, app: str) -> list[Obj]:
    return api.list("pods", NAMESPACE, {"matchLabels": {"app": app}})


def images_of(pods: list[Obj]) -> list[str]:
    return sorted(pod["spec"]["containers"][0]["image"] for pod in pods)


def events_about(api: Api, name: str) -> list[tuple[str, str]]:
    """Reason and message of each Event that regards something of that name, as they happened."""
    about = [each for each in api.list("events", NAMESPACE) if (each.get("involvedObject") or {}).get("name") == name]
    ordered = sorted(about, key=lambda each: int(each["metadata"]["resourceVersion"]))
    return [(each["reason"], each.get("message") or "") for each in ordered]


def label(api: Api, resource: str, obj: Obj, **labels: str | None) -> Obj:
    return api.patch(resource, NAMESPACE, name_of(obj), {"metadata": {"labels": labels}})
