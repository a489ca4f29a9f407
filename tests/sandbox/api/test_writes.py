"""Creating and changing: what the system sets, what a client may, and when nothing changes at all."""

from __future__ import annotations

from typing import Any

import pytest
from small_kinds import THINGS, api_with_things, applied, config_map, crd, resource_of, thing

from antiphon_sandbox.api.decoding import WriteOptions
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj


@pytest.fixture
def api() -> Api:
    return api_with_things()


def created(api: Api, obj: Obj, **options: Any) -> tuple[Obj, list[str]]:
    """The object, and the warnings."""
    told = WriteOptions("test", **options)
    return api.writer.create(resource_of(api, obj), obj["metadata"].get("namespace", ""), obj, told), told.warnings


def refusal(api: Api, obj: Obj, **options: Any) -> ApiError:
    with pytest.raises(ApiError) as refused:
        created(api, obj, **options)
    return refused.value


# --- create --------------------------------------------------------------------------------------------------------


def test_what_the_system_sets(api: Api) -> None:
    given: Obj = {"uid": "mine", "creationTimestamp": "2000-01-01T00:00:00Z", "generation": 7, "selfLink": "/x"}
    made, _ = created(api, {**thing(**given), "status": {"phase": "mine"}})
    metadata = made["metadata"]
    assert metadata["uid"] != "mine"
    assert (metadata["creationTimestamp"], metadata["generation"]) == ("2026-01-01T00:00:00Z", 1)
    assert "selfLink" not in metadata
    assert "status" not in made


def test_a_name_may_be_made_up(api: Api) -> None:
    made, _ = created(api, {**config_map(), "metadata": {"generateName": "some-", "namespace": "default"}})
    assert made["metadata"]["name"].startswith("some-")
    assert len(made["metadata"]["name"]) == len("some-") + 5


def test_without_a_name_it_is_refused(api: Api) -> None:
    error = refusal(api, {**config_map(), "metadata": {"namespace": "default"}})
    assert (error.code, error.details["causes"][0]["field"]) == (422, "metadata.name")


def test_a_name_is_taken_once(api: Api) -> None:
    created(api, config_map())
    assert (refusal(api, config_map()).code, refusal(api, config_map()).reason) == (409, "AlreadyExists")


def test_only_where_there_is_a_namespace_that_stays(api: Api) -> None:
    assert refusal(api, config_map(namespace="none")).code == 404
    api.create("namespaces", {"metadata": {"name": "going"}})
    api.delete("namespaces", "", "going")
    assert refusal(api, config_map(namespace="going")).code == 403


def test_a_dry_run_stores_nothing(api: Api) -> None:
    revision = api.store.revision
    made, _ = created(api, config_map(), dry_run=True)
    assert made["metadata"]["uid"]
    assert (api.get("configmaps", "default", "it"), api.store.revision) == (None, revision)


def test_unknown_fields_are_told_of_refused_or_passed_over(api: Api) -> None:
    odd = {"size": 1, "odd": 1}
    _, warnings = created(api, thing("a", odd), validation="Warn")
    assert warnings == ['unknown field "spec.odd"']
    _, warnings = created(api, thing("b", dict(odd, odd=1)), validation="Ignore")
    assert warnings == []
    assert refusal(api, thing("c", dict(odd, odd=1)), validation="Strict").code == 400


def test_finalizers_without_a_domain_and_twin_owners_are_warned_of(api: Api) -> None:
    owner = api.create("configmaps", config_map("owner"))["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner}
    made, warnings = created(api, config_map(finalizers=["mine"], ownerReferences=[reference, dict(reference)]))
    assert made["metadata"]["ownerReferences"] == [reference]
    assert len(warnings) == 2


# --- update --------------------------------------------------------------------------------------------------------


def test_an_update_that_changes_nothing_keeps_its_revision(api: Api) -> None:
    made = api.create(THINGS, thing())
    assert api.update(THINGS, made) is made
    assert api.patch(THINGS, "default", "it", {"spec": {"size": 1}}) is made


def test_a_generation_counts_changes_of_what_is_wanted(api: Api) -> None:
    api.create(THINGS, thing())

    def generation(change: Obj) -> int:
        return int(api.patch(THINGS, "default", "it", change)["metadata"]["generation"])

    assert generation({"spec": {"size": 2}}) == 2
    assert generation({"metadata": {"labels": {"a": "b"}}}) == 2
    assert api.update_status(THINGS, {**thing(), "status": {"phase": "on"}})["metadata"]["generation"] == 2


def test_configuration_has_no_generation(api: Api) -> None:
    api.create("configmaps", config_map())
    assert "generation" not in api.patch("configmaps", "default", "it", {"data": {"a": "1"}})["metadata"]


def test_status_and_the_rest_are_written_apart(api: Api) -> None:
    api.create(THINGS, thing())
    api.update_status(THINGS, {**thing(spec={"size": 9}), "status": {"phase": "on"}})
    found = api.patch(THINGS, "default", "it", {"spec": {"size": 3}, "status": {"phase": "off"}})
    assert (found["spec"]["size"], found["status"]) == (3, {"phase": "on"})


def test_without_a_status_subresource_they_are_written_together(api: Api) -> None:
    plain = crd("plains", "Plain")
    del plain["spec"]["versions"][0]["subresources"]
    api.create("customresourcedefinitions.apiextensions.k8s.io", plain)
    made = api.create("plains.test.dev", {**thing(), "kind": "Plain", "status": {"phase": "on"}})
    assert made["status"] == {"phase": "on"}
    assert api.patch("plains.test.dev", "default", "it", {"status": {"phase": "off"}})["metadata"]["generation"] == 2


def test_who_saw_another_state_is_refused(api: Api) -> None:
    old = api.create(THINGS, thing())
    api.patch(THINGS, "default", "it", {"spec": {"size": 2}})
    with pytest.raises(ApiError) as refused:
        api.update(THINGS, {**old, "spec": {"size": 3}})
    assert (refused.value.code, refused.value.reason) == (409, "Conflict")


@pytest.mark.parametrize("field", ["uid", "deletionTimestamp"])
def test_what_nobody_may_change(api: Api, field: str) -> None:
    api.create(THINGS, thing())
    with pytest.raises(ApiError) as refused:
        api.patch(THINGS, "default", "it", {"metadata": {field: "2030-01-01T00:00:00Z"}})
    assert refused.value.code == 422
    assert refused.value.message.endswith("field is immutable")


def test_what_a_client_leaves_out_of_the_metadata_stays(api: Api) -> None:
    made = api.create(THINGS, thing())["metadata"]
    found = api.update(THINGS, thing(spec={"size": 2}))["metadata"]
    assert [found[name] for name in ("uid", "creationTimestamp")] == [
        made[name] for name in ("uid", "creationTimestamp")
    ]


def test_what_is_stored_is_never_changed(api: Api) -> None:
    made = api.create(THINGS, thing())
    before = str(made)
    api.patch(THINGS, "default", "it", {"spec": {"size": 2, "labels": {"a": "b"}}, "metadata": {"labels": {"a": "b"}}})
    applied(api, thing(spec={"size": 3}), force=True)
    api.delete(THINGS, "default", "it")
    assert str(made) == before


# --- definitions ---------------------------------------------------------------------------------------------------


def test_a_definition_is_served_at_once_and_so_is_its_change(api: Api) -> None:
    name = "customresourcedefinitions.apiextensions.k8s.io"
    found = api.get(name, "", THINGS)
    assert found is not None
    assert [condition["type"] for condition in found["status"]["conditions"]] == ["NamesAccepted", "Established"]
    changed = crd()
    changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"brandNew": {"type": "string"}}}},
    }
    api.update(name, changed)
    assert api.create(THINGS, thing(spec={"brandNew": "x", "size": 1}))["spec"] == {"brandNew": "x"}


def test_what_was_wrong_before_the_schema_changed_is_let_pass_while_it_stays(api: Api) -> None:
    api.create(THINGS, thing(spec={"size": 50}))
    changed = crd()
    changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"size": {"type": "integer", "maximum": 10}, "note": {"type": "string"}},
            }
        },
    }
    api.update("customresourcedefinitions.apiextensions.k8s.io", changed)
    assert api.patch(THINGS, "default", "it", {"spec": {"note": "x"}})["spec"]["size"] == 50
    with pytest.raises(ApiError):
        api.patch(THINGS, "default", "it", {"spec": {"size": 51}})
