from controlled_world import controlled_world, quiet
from virtual_time import in_virtual_time

ACCOUNTS = "serviceaccounts"


@in_virtual_time
async def test_every_namespace_has_a_default_account() -> None:
    async with controlled_world() as api:
        api.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}})
        await quiet(api)
        assert api.get(ACCOUNTS, "default", "default")
        assert api.get(ACCOUNTS, "new", "default")
        api.delete(ACCOUNTS, "new", "default")
        await quiet(api)
        assert api.get(ACCOUNTS, "new", "default")


@in_virtual_time
async def test_a_namespace_that_goes_gets_no_new_one() -> None:
    async with controlled_world() as api:
        api.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}})
        await quiet(api)
        api.delete("namespaces", "", "new")
        await quiet(api)
        assert api.get(ACCOUNTS, "new", "default") is None
        assert api.get("namespaces", "", "new") is None
