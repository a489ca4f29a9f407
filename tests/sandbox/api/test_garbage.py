"""What goes when its owner, its namespace or its definition goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from small_kinds import THINGS, api_with_things, config_map, thing
from virtual_time import in_virtual_time, virtual_now

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.objects import Obj, name_of


@asynccontextmanager
async def collected() -> AsyncIterator[Api]:
    api = api_with_things(now=virtual_now)
    task = asyncio.create_task(api.run())
    await quiet()
    yield api
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def quiet() -> None:
    """Longer than anything here takes."""
    await asyncio.sleep(30)


def owned_by(owner: Obj, name: str, **more: Any) -> Obj:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name_of(owner), "uid": owner["metadata"]["uid"]}
    return config_map(name, ownerReferences=[{**reference, **more}])


def there(api: Api, resource: str = "configmaps") -> list[str]:
    return [name_of(obj) for obj in api.list(resource, "default")]


@in_virtual_time
async def test_dependents_go_in_the_background() -> None:
    async with collected() as api:
        owner = api.create("configmaps", config_map("owner"))
        child = api.create("configmaps", owned_by(owner, "child"))
        api.create("configmaps", owned_by(child, "grandchild"))
        api.delete("configmaps", "default", "owner")
        assert there(api) == ["child", "grandchild"]
        await quiet()
        assert there(api) == []


@in_virtual_time
async def test_an_owner_waits_for_dependents_that_block_it() -> None:
    async with collected() as api:
        owner = api.create("configmaps", config_map("owner"))
        held = owned_by(owner, "held", blockOwnerDeletion=True)
        held["metadata"]["finalizers"] = ["x.y/z"]
        api.create("configmaps", held)
        api.create("configmaps", owned_by(owner, "free", blockOwnerDeletion=True))
        api.delete("configmaps", "default", "owner", propagation="Foreground")
        await quiet()
        assert there(api) == ["held", "owner"]
        api.patch("configmaps", "default", "held", {"metadata": {"finalizers": None}})
        await quiet()
        assert there(api) == []


@in_virtual_time
async def test_an_owner_does_not_wait_for_those_that_do_not_block() -> None:
    async with collected() as api:
        owner = api.create("configmaps", config_map("owner"))
        held = owned_by(owner, "held")
        held["metadata"]["finalizers"] = ["x.y/z"]
        api.create("configmaps", held)
        api.delete("configmaps", "default", "owner", propagation="Foreground")
        await quiet()
        assert there(api) == ["held"]


@in_virtual_time
async def test_orphans_stay_and_forget_their_owner() -> None:
    async with collected() as api:
        owner = api.create("configmaps", config_map("owner"))
        api.create("configmaps", owned_by(owner, "child"))
        api.delete("configmaps", "default", "owner", propagation="Orphan")
        await quiet()
        assert there(api) == ["child"]
        child = api.get("configmaps", "default", "child")
        assert child is not None
        assert "ownerReferences" not in child["metadata"]


@in_virtual_time
async def test_another_owner_keeps_it() -> None:
    async with collected() as api:
        one, other = (api.create("configmaps", config_map(name)) for name in ("one", "other"))
        child = owned_by(one, "child")
        child["metadata"]["ownerReferences"] += owned_by(other, "child")["metadata"]["ownerReferences"]
        api.create("configmaps", child)
        api.delete("configmaps", "default", "one")
        await quiet()
        assert there(api) == ["child", "other"]


@in_virtual_time
async def test_what_is_made_for_an_owner_that_is_not_there_goes() -> None:
    async with collected() as api:
        nobody = config_map("nobody", uid="never-was")
        api.create("configmaps", owned_by(nobody, "child"))
        await quiet()
        assert there(api) == []


@in_virtual_time
async def test_a_namespace_takes_all_in_it_along() -> None:
    async with collected() as api:
        api.create("namespaces", {"metadata": {"name": "going"}})
        api.create("configmaps", config_map("in", namespace="going"))
        api.create(THINGS, thing("in", namespace="going"))
        api.create("configmaps", config_map("out"))
        api.delete("namespaces", "", "going")
        await quiet()
        assert api.get("namespaces", "", "going") is None
        assert (api.list(THINGS), there(api)) == ([], ["out"])


@in_virtual_time
async def test_a_namespace_waits_for_what_is_held_in_it() -> None:
    async with collected() as api:
        api.create("namespaces", {"metadata": {"name": "going"}})
        api.create("configmaps", config_map("held", namespace="going", finalizers=["x.y/z"]))
        api.delete("namespaces", "", "going")
        await quiet()
        going = api.get("namespaces", "", "going")
        assert going is not None
        assert going["status"]["phase"] == "Terminating"
        api.patch("configmaps", "going", "held", {"metadata": {"finalizers": None}})
        await quiet()
        assert api.get("namespaces", "", "going") is None


@in_virtual_time
async def test_a_definition_takes_its_objects_along() -> None:
    async with collected() as api:
        api.create(THINGS, thing())
        api.delete("customresourcedefinitions.apiextensions.k8s.io", "", THINGS)
        await quiet()
        assert api.list(THINGS) == []
        assert api.registry.of_kind("test.dev/v1", "Thing") is None
