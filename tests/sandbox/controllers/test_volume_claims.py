"""A claim that names a volume is bound to it."""

from typing import Any

from controlled_world import controlled_world, quiet, the
from prompt_node import NAMESPACE
from virtual_time import in_virtual_time

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.objects import Obj


def claim(api: Api, name: str, **spec: Any) -> Obj:
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    body = {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": wanted | spec}
    return api.create("persistentvolumeclaims", body)


def volume(api: Api, **spec: Any) -> Obj:
    disk = {"capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteMany"], "hostPath": {"path": "/models"}}
    return api.create("persistentvolumes", {"metadata": {"name": "disk"}, "spec": disk | spec})


def phase(api: Api, name: str) -> str:
    return str(the(api, "persistentvolumeclaims", name)["status"]["phase"])


def the_volume(api: Api) -> Obj:
    found = api.get("persistentvolumes", "", "disk")
    assert found is not None
    return found


@in_virtual_time
async def test_bound_once_the_volume_is_there() -> None:
    async with controlled_world() as api:
        made = claim(api, "models", volumeName="disk")
        await quiet(api)
        assert phase(api, "models") == "Pending"
        volume(api)
        await quiet(api)
        status = the(api, "persistentvolumeclaims", "models")["status"]
        assert status == {"phase": "Bound", "accessModes": ["ReadWriteMany"], "capacity": {"storage": "2Gi"}}
        disk = the_volume(api)
        assert disk["status"]["phase"] == "Bound"
        assert disk["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
        revision = api.store.revision
        await quiet(api)
        assert api.store.revision == revision


@in_virtual_time
async def test_a_volume_is_bound_to_one_claim() -> None:
    async with controlled_world() as api:
        volume(api, claimRef={"namespace": NAMESPACE, "name": "models"})
        claim(api, "others", volumeName="disk")
        claim(api, "models", volumeName="disk")
        await quiet(api)
        assert (phase(api, "models"), phase(api, "others")) == ("Bound", "Pending")


@in_virtual_time
async def test_a_claim_that_names_none_waits() -> None:
    async with controlled_world() as api:
        volume(api)
        claim(api, "models")
        await quiet(api)
        assert phase(api, "models") == "Pending"


@in_virtual_time
async def test_a_claim_whose_volume_went_is_lost() -> None:
    async with controlled_world() as api:
        volume(api)
        claim(api, "models", volumeName="disk")
        await quiet(api)
        api.delete("persistentvolumes", "", "disk")
        await quiet(api)
        assert phase(api, "models") == "Lost"
