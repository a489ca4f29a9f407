"""The verbs that controllers, scheduler and nodes have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from small_kinds import NOW, THINGS, api_with_things, config_map, thing

from antiphon_sandbox.api.deletion import DeleteOptions
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import ApiError, Event, LogOptions
from antiphon_sandbox.objects import Obj, is_true, name_of


@pytest.fixture
def api() -> Api:
    return api_with_things()


def pod(name: str = "p", **labels: str) -> Obj:
    metadata = {"name": name, "namespace": "default", "labels": labels}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def test_get_and_list(api: Api) -> None:
    for name, app in (("b", "x"), ("a", "x"), ("c", "y")):
        api.create("pods", pod(name, app=app))
    assert api.get("pods", "default", "none") is None
    assert [name_of(each) for each in api.list("pods", "default", {"matchLabels": {"app": "x"}})] == ["a", "b"]
    in_y = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["y"]}]}
    assert [name_of(each) for each in api.list("pods", labels=in_y)] == ["c"]
    assert api.list("pods", "kube-system") == []


def test_kind_and_version_go_without_saying(api: Api) -> None:
    made = api.create("pods", pod())
    assert (made["apiVersion"], made["kind"]) == ("v1", "Pod")


def test_what_is_given_stays_the_callers(api: Api) -> None:
    given = config_map(data={"a": "1"})
    api.create("configmaps", given)
    assert given == config_map(data={"a": "1"})


def test_owned_objects_are_found_by_owner(api: Api) -> None:
    uid = api.create("configmaps", config_map("owner"))["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    owned = pod()
    owned["metadata"]["ownerReferences"] = [reference]
    api.create("pods", owned)
    assert [name_of(each) for each in api.owned("pods", uid)] == ["p"]
    assert api.owned("configmaps", uid) == []


def test_a_status_that_stays_is_not_written(api: Api) -> None:
    api.create(THINGS, thing())
    once = api.update_status(THINGS, {**thing(), "status": {"phase": "on"}})
    assert api.update_status(THINGS, {**thing(), "status": {"phase": "on"}}) is once


def test_binding_sets_the_node_once(api: Api) -> None:
    made = api.create("pods", pod())
    api.bind(made, "here")
    bound = api.get("pods", "default", "p")
    assert bound is not None
    assert bound["spec"]["nodeName"] == "here"
    assert is_true(bound, "PodScheduled")
    with pytest.raises(ApiError) as refused:
        api.bind(made, "there")
    assert refused.value.code == 409


def test_a_repeated_event_is_counted() -> None:
    moment = NOW
    api = Api(now=lambda: moment)
    made = api.create("pods", pod())
    for _ in range(3):
        api.record(made, "Warning", "Unready", "it is not ready", "test")
        moment += timedelta(minutes=1)
    (event,) = api.list("events")
    assert (event["count"], event["reason"], event["involvedObject"]["name"]) == (3, "Unready", "p")
    assert (event["firstTimestamp"], event["lastTimestamp"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:02:00Z")


def test_an_event_that_cannot_be_written_is_no_failure(api: Api) -> None:
    made = api.create("pods", pod())
    nowhere = {**made, "metadata": {**made["metadata"], "namespace": "none"}}
    api.record(nowhere, "Normal", "Any", "thing", "test")
    assert api.list("events") == []


def test_subscribers_hear_of_changes_until_they_leave(api: Api) -> None:
    heard: list[Event] = []
    leave = api.subscribe(["pods", THINGS], heard.append)
    api.create("pods", pod())
    api.create(THINGS, thing())
    api.create("configmaps", config_map())
    api.delete("pods", "default", "p")
    leave()
    api.delete(THINGS, "default", "it")
    assert [(event.type, event.resource) for event in heard] == [
        ("ADDED", "pods"),
        ("ADDED", THINGS),
        ("DELETED", "pods"),
    ]


def test_what_is_not_served_is_404(api: Api) -> None:
    with pytest.raises(ApiError) as refused:
        api.create("nosuch", {"metadata": {"name": "a"}})
    assert refused.value.code == 404


def test_the_log_of_a_pod_that_nobody_runs_is_400(api: Api) -> None:
    with pytest.raises(ApiError, match="not scheduled yet") as refused:
        api.logs(api.create("pods", pod()), LogOptions("c"))
    assert refused.value.code == 400


def test_evictions_spend_the_budget(api: Api) -> None:
    budget = {
        "metadata": {"name": "b", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}},
    }
    api.create("poddisruptionbudgets.policy", budget)
    allowed = {"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2}
    api.update_status("poddisruptionbudgets.policy", {**budget, "status": {"observedGeneration": 1, **allowed}})
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    for name in ("p", "q"):
        api.create("pods", pod(name, app="x"))
        api.update_status("pods", {**pod(name), "status": ready})
    one, other = api.list("pods")
    api.evictions.evict(one, DeleteOptions())
    with pytest.raises(ApiError) as refused:
        api.evictions.evict(other, DeleteOptions())
    assert (refused.value.code, [name_of(each) for each in api.list("pods")]) == (429, ["q"])
