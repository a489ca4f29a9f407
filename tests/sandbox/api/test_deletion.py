"""Deleting: at once, after a pod's grace, or when the last finalizer lets go."""

from __future__ import annotations

from typing import Any

import pytest
from small_kinds import THINGS, api_with_things, config_map, thing

from antiphon_sandbox.api.deletion import DeleteOptions
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj


@pytest.fixture
def api() -> Api:
    return api_with_things()


def pod(name: str = "p", **spec: Any) -> Obj:
    containers = [{"name": "c", "image": "i"}]
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def test_what_nothing_holds_is_gone_at_once(api: Api) -> None:
    api.create("configmaps", config_map())
    api.delete("configmaps", "default", "it")
    assert api.get("configmaps", "default", "it") is None


def test_what_is_not_there_is_404(api: Api) -> None:
    with pytest.raises(ApiError) as refused:
        api.delete("configmaps", "default", "it")
    assert refused.value.code == 404


def test_finalizers_hold_until_the_last_lets_go(api: Api) -> None:
    api.create(THINGS, thing(finalizers=["x.y/a", "x.y/b"]))
    api.delete(THINGS, "default", "it")
    dying = api.get(THINGS, "default", "it")
    assert dying is not None
    assert dying["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:00Z"
    assert dying["metadata"]["generation"] == 2
    api.patch(THINGS, "default", "it", {"metadata": {"finalizers": ["x.y/b"]}})
    assert api.get(THINGS, "default", "it")
    api.patch(THINGS, "default", "it", {"metadata": {"finalizers": None}})
    assert api.get(THINGS, "default", "it") is None


def test_deleting_twice_changes_nothing(api: Api) -> None:
    api.create(THINGS, thing(finalizers=["x.y/a"]))
    api.delete(THINGS, "default", "it")
    revision = api.store.revision
    api.delete(THINGS, "default", "it")
    assert api.store.revision == revision


def test_a_dying_object_gets_no_new_finalizers(api: Api) -> None:
    api.create(THINGS, thing(finalizers=["x.y/a"]))
    api.delete(THINGS, "default", "it")
    with pytest.raises(ApiError) as refused:
        api.patch(THINGS, "default", "it", {"metadata": {"finalizers": ["x.y/a", "x.y/new"]}})
    assert refused.value.code == 422
    assert "no new finalizers can be added" in refused.value.message


@pytest.mark.parametrize("options", [{"uid": "other"}, {"revision": "1"}])
def test_preconditions(api: Api, options: Any) -> None:
    made = api.create("configmaps", config_map())
    with pytest.raises(ApiError) as refused:
        api.deleter.delete(api.registry.stored("configmaps"), made, DeleteOptions(**options))
    assert (refused.value.code, refused.value.reason) == (409, "Conflict")
    uid, revision = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    api.deleter.delete(api.registry.stored("configmaps"), made, DeleteOptions(uid=uid, revision=revision))
    assert api.get("configmaps", "default", "it") is None


def test_a_dry_run_deletes_nothing(api: Api) -> None:
    made = api.create("configmaps", config_map())
    _, gone = api.deleter.delete(api.registry.stored("configmaps"), made, DeleteOptions(dry_run=True))
    assert gone
    assert api.get("configmaps", "default", "it") is made


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_some_namespaces_stay(api: Api, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        api.delete("namespaces", "", name)
    assert refused.value.code == 403


# --- pods ----------------------------------------------------------------------------------------------------------


def test_a_pod_that_runs_nowhere_is_gone_at_once(api: Api) -> None:
    api.create("pods", pod())
    api.delete("pods", "default", "p")
    assert api.get("pods", "default", "p") is None


def test_a_pod_on_a_node_has_its_grace(api: Api) -> None:
    api.create("pods", pod(nodeName="n", terminationGracePeriodSeconds=7))
    api.delete("pods", "default", "p")
    dying = api.get("pods", "default", "p")
    assert dying is not None
    assert dying["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:07Z"
    assert dying["metadata"]["deletionGracePeriodSeconds"] == 7


def test_grace_may_be_made_shorter_not_longer_and_zero_ends_it(api: Api) -> None:
    api.create("pods", pod(nodeName="n"))

    def grace(seconds: int | None) -> int | None:
        api.delete("pods", "default", "p", grace_seconds=seconds)
        dying = api.get("pods", "default", "p")
        return None if dying is None else int(dying["metadata"]["deletionGracePeriodSeconds"])

    assert [grace(None), grace(5), grace(50), grace(None), grace(0)] == [30, 5, 5, 5, None]


def test_a_pod_that_has_ended_needs_no_grace(api: Api) -> None:
    api.create("pods", pod(nodeName="n"))
    api.update_status("pods", {**pod(), "status": {"phase": "Succeeded"}})
    api.delete("pods", "default", "p")
    assert api.get("pods", "default", "p") is None


# --- what a client may say -----------------------------------------------------------------------------------------


def test_the_query_and_the_body_say_the_same() -> None:
    query = {"gracePeriodSeconds": "5", "propagationPolicy": "Foreground", "dryRun": "All"}
    body = {"gracePeriodSeconds": 5, "propagationPolicy": "Foreground", "dryRun": ["All"]}
    expected = DeleteOptions(grace_seconds=5, propagation="Foreground", dry_run=True)
    assert DeleteOptions.from_body({}, query) == DeleteOptions.from_body(body, {}) == expected
    assert DeleteOptions.from_body({"orphanDependents": True}, {}).propagation == "Orphan"


@pytest.mark.parametrize(
    ("body", "query", "code"),
    [
        ({"propagationPolicy": "Bogus"}, {}, 422),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, {}, 422),
        ({"dryRun": ["Some"]}, {}, 422),
        ({}, {"gracePeriodSeconds": "x"}, 400),
        ({"kind": "Bogus"}, {}, 400),
        ([], {}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(body: Any, query: dict[str, str], code: int) -> None:
    with pytest.raises(ApiError) as refused:
        DeleteOptions.from_body(body, query)
    assert refused.value.code == code
