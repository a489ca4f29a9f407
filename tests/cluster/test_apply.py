"""Server-side apply: who owns which field, who may change it, and what goes when nobody owns it any more."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_objects import agent, config_map, container, deployment
from watching import Obj

from cluster import APPLY, STRATEGIC, Cluster, object_path


def _deployment(name: str, **spec: Any) -> Obj:
    """An intent that names only these fields."""
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _agent_status(name: str, **status: Any) -> Obj:
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceAgent",
        "metadata": {"name": name},
        "status": status,
    }


def _owned(stored: Obj, manager: str) -> Obj:
    """The one entry of the manager in managedFields."""
    entries = [entry for entry in stored["metadata"]["managedFields"] if entry["manager"] == manager]
    assert len(entries) == 1, entries
    return dict(entries[0])


_INTENTS: list[tuple[Obj, Obj, str]] = [
    (config_map("one", color="red"), config_map("one", color="blue"), ".data.color"),
    (deployment("one", paused=True), _deployment("one", replicas=5), ".spec.replicas"),
    (agent("one", description="a"), agent("one", description="b"), ".spec.description"),
]


class TestOwnership:
    @pytest.fixture(params=_INTENTS, ids=lambda one: one[0]["kind"])
    def intents(self, request: pytest.FixtureRequest, cluster: Cluster, namespace: str) -> tuple[Obj, Obj, str]:
        """What the team has applied; what another wants; the field in which they differ."""
        first, other, field = request.param
        answer = cluster.apply(first, namespace, "team")
        assert answer.status == 201, answer
        return first, other, field

    def test_another_value_is_a_conflict(self, cluster: Cluster, namespace: str, intents: tuple[Obj, Obj, str]) -> None:
        _, other, field = intents
        answer = cluster.apply(other, namespace, "other")
        answer.must_refuse(409, "Conflict", f'conflict with "team": {field}')
        causes = answer.body["details"]["causes"]
        assert [(one["reason"], one["field"]) for one in causes] == [("FieldManagerConflict", field)]

    def test_force_takes_the_field_over(self, cluster: Cluster, namespace: str, intents: tuple[Obj, Obj, str]) -> None:
        first, other, _ = intents
        assert cluster.apply(other, namespace, "other", force="true").status == 200
        cluster.apply(first, namespace, "team").must_refuse(409, "Conflict", 'conflict with "other"')

    def test_the_same_value_is_shared(self, cluster: Cluster, namespace: str, intents: tuple[Obj, Obj, str]) -> None:
        first, *_ = intents
        assert cluster.apply(first, namespace, "other").status == 200
        stored = cluster.get(first["kind"], "one", namespace)
        assert _owned(stored, "team")["fieldsV1"] == _owned(stored, "other")["fieldsV1"]

    def test_applying_again_changes_nothing(
        self, cluster: Cluster, namespace: str, intents: tuple[Obj, Obj, str]
    ) -> None:
        first, *_ = intents
        before = cluster.get(first["kind"], "one", namespace)
        answer = cluster.apply(first, namespace, "team")
        assert answer.status == 200
        assert _owned(answer.body, "team") == _owned(before, "team")
        if first["kind"] != "Deployment":  # whose controller may have written a status in between
            assert answer.revision == before["metadata"]["resourceVersion"]


class TestDropping:
    def test_a_field_goes_with_its_last_owner(self, cluster: Cluster, namespace: str) -> None:
        both, less = config_map("one", a="1", b="2"), config_map("one", a="1")
        assert cluster.apply(both, namespace, "team").status == 201
        assert cluster.apply(both, namespace, "other").status == 200
        assert cluster.apply(less, namespace, "team").body["data"] == {"a": "1", "b": "2"}
        assert cluster.apply(less, namespace, "other").body["data"] == {"a": "1"}

    def test_what_an_update_set_stays(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(config_map("one", a="1"), namespace, "team")
        cluster.patch("ConfigMap", "one", namespace, {"data": {"b": "2"}}, fieldManager="hand")
        assert cluster.apply(config_map("one"), namespace, "team").body["data"] == {"b": "2"}

    def test_a_default_comes_back(self, cluster: Cluster, namespace: str) -> None:
        wanted = agent("one", audio={"frameMs": 40})
        assert cluster.apply(wanted, namespace, "team").body["spec"]["audio"]["frameMs"] == 40
        assert cluster.apply(agent("one"), namespace, "team").body["spec"]["audio"]["frameMs"] == 20

    def test_an_owner_who_drops_all_is_gone(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(config_map("one", a="1"), namespace, "team")
        cluster.apply(config_map("one", b="2"), namespace, "other")
        nothing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
        stored = cluster.apply(nothing, namespace, "other").body
        assert stored["data"] == {"a": "1"}
        assert {entry["manager"] for entry in stored["metadata"]["managedFields"]} == {"team"}

    def test_the_replicas_can_be_left_to_a_scaler(self, cluster: Cluster, namespace: str) -> None:
        """The team lets go of the replicas while another owns them: they stay as they are."""
        cluster.apply(deployment("one", replicas=2, paused=True), namespace, "team")
        assert cluster.apply(_deployment("one", replicas=3), namespace, "scaler", force="true").status == 200
        without = deployment("one", paused=True)
        del without["spec"]["replicas"]
        assert cluster.apply(without, namespace, "team").body["spec"]["replicas"] == 3


class TestLists:
    def test_containers_by_name(self, cluster: Cluster, namespace: str) -> None:
        assert cluster.apply(deployment("one", paused=True), namespace, "team").status == 201
        side = _deployment("one", template={"spec": {"containers": [container("side")]}})
        stored = cluster.apply(side, namespace, "injector").body
        assert [one["name"] for one in stored["spec"]["template"]["spec"]["containers"]] == ["main", "side"]
        stored = cluster.apply(_deployment("one"), namespace, "injector").body
        assert [one["name"] for one in stored["spec"]["template"]["spec"]["containers"]] == ["main"]

    def test_environment_by_name_and_ports_by_number(self, cluster: Cluster, namespace: str) -> None:
        def with_env(**values: str) -> Obj:
            env = [{"name": name, "value": value} for name, value in values.items()]
            return container(env=env, ports=[{"containerPort": 80}])

        cluster.apply(deployment("one", paused=True, pod={"containers": [with_env(A="1")]}), namespace, "team")
        more = {"name": "main", "env": [{"name": "B", "value": "2"}], "ports": [{"containerPort": 81}]}
        template = {"spec": {"containers": [more]}}
        answer = cluster.apply(_deployment("one", template=template), namespace, "other")
        assert answer.status == 200, answer
        merged = answer.body["spec"]["template"]["spec"]["containers"][0]
        assert [one["name"] for one in merged["env"]] == ["A", "B"]
        assert [(one["containerPort"], one["protocol"]) for one in merged["ports"]] == [(80, "TCP"), (81, "TCP")]

    def test_finalizers_as_a_set(self, cluster: Cluster, namespace: str) -> None:
        def intent(*finalizers: str) -> Obj:
            manifest = config_map("one", color="red")
            manifest["metadata"]["finalizers"] = list(finalizers)
            return manifest

        cluster.apply(intent("example.com/a"), namespace, "team")
        stored = cluster.apply(intent("example.com/b"), namespace, "other").body
        assert stored["metadata"]["finalizers"] == ["example.com/a", "example.com/b"]
        stored = cluster.apply(intent(), namespace, "team").body
        assert stored["metadata"]["finalizers"] == ["example.com/b"]
        assert "finalizers" not in cluster.apply(intent(), namespace, "other").body["metadata"]

    def test_an_atomic_list_has_one_owner(self, cluster: Cluster, namespace: str) -> None:
        def with_command(word: str) -> Obj:
            return _deployment("one", template={"spec": {"containers": [{"name": "main", "command": [word]}]}})

        cluster.apply(deployment("one", paused=True), namespace, "team")
        answer = cluster.apply(with_command("other"), namespace, "other")
        answer.must_refuse(409, "Conflict", '.spec.template.spec.containers[name="main"].command')

    def test_a_key_given_twice_is_refused(self, cluster: Cluster, namespace: str) -> None:
        twice = deployment("one", paused=True, pod={"containers": [container(), container()]})
        answer = cluster.apply(twice, namespace, "team")
        assert answer.status in (400, 422, 500), answer
        assert "duplicate" in answer.message.lower()


class TestStatus:
    def test_it_has_owners_of_its_own(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(agent("one"), namespace, "team")
        answer = cluster.apply(_agent_status("one", phase="Ready", sessions=3), namespace, "operator", "status")
        assert answer.status == 200, answer
        assert (answer.body["status"]["phase"], answer.body["status"]["sessions"]) == ("Ready", 3)
        assert answer.body["metadata"]["generation"] == 1
        assert _owned(answer.body, "operator")["subresource"] == "status"
        refused = cluster.apply(_agent_status("one", phase="Degraded"), namespace, "other", "status")
        refused.must_refuse(409, "Conflict", 'conflict with "operator"')
        dropped = cluster.apply(_agent_status("one", phase="Ready"), namespace, "operator", "status")
        assert dropped.body["status"]["phase"] == "Ready"
        assert "sessions" not in dropped.body["status"]

    def test_conditions_by_type(self, cluster: Cluster, namespace: str) -> None:
        def one(kind: str, status: str) -> Obj:
            return _agent_status("one", conditions=[{"type": kind, "status": status, "reason": "ForATest"}])

        cluster.apply(agent("one"), namespace, "team")
        for kind in ("Ready", "Placed"):
            answer = cluster.apply(one(kind, "True"), namespace, kind.lower(), "status")
            assert answer.status == 200, answer
        assert [one["type"] for one in answer.body["status"]["conditions"]] == ["Ready", "Placed"]

    def test_it_must_be_there(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.apply(_agent_status("none", phase="Ready"), namespace, "operator", "status")
        answer.must_refuse(404, "NotFound")

    def test_the_main_end_passes_over_a_status(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.apply({**agent("one"), "status": {"phase": "Ready"}}, namespace, "team")
        assert "status" not in answer.body
        assert "f:status" not in _owned(answer.body, "team")["fieldsV1"]


class TestManagedFields:
    def test_of_an_apply(self, cluster: Cluster, namespace: str) -> None:
        stored = cluster.apply(config_map("one", {"app": "shop"}, color="red"), namespace, "team").body
        entry = _owned(stored, "team")
        assert entry.pop("time").endswith("Z")
        assert entry == {
            "manager": "team",
            "operation": "Apply",
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:color": {}}, "f:metadata": {"f:labels": {"f:app": {}}}},
        }

    def test_of_an_update(self, cluster: Cluster, namespace: str) -> None:
        stored = cluster.create(config_map("one", color="red"), namespace, fieldManager="hand").body
        entry = _owned(stored, "hand")
        assert entry["operation"] == "Update"
        assert entry["fieldsV1"] == {"f:data": {".": {}, "f:color": {}}}

    def test_of_containers(self, cluster: Cluster, namespace: str) -> None:
        stored = cluster.apply(deployment("one", paused=True), namespace, "team").body
        template = _owned(stored, "team")["fieldsV1"]["f:spec"]["f:template"]
        named: Obj = {".": {}, "f:command": {}, "f:image": {}, "f:name": {}}
        assert template["f:spec"]["f:containers"] == {'k:{"name":"main"}': named}

    def test_an_update_takes_what_it_changes(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(config_map("one", a="1", b="2"), namespace, "team")
        patched = cluster.patch("ConfigMap", "one", namespace, {"data": {"b": "3"}}, STRATEGIC, fieldManager="hand")
        assert _owned(patched.body, "team")["fieldsV1"] == {"f:data": {"f:a": {}}}
        assert _owned(patched.body, "hand")["fieldsV1"] == {"f:data": {"f:b": {}}}
        answer = cluster.apply(config_map("one", a="1", b="2"), namespace, "team")
        answer.must_refuse(409, "Conflict", 'conflict with "hand"')
        assert ".data.b" in answer.message

    def test_the_scale_subresource_owns_the_replicas(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(deployment("one", paused=True), namespace, "team")
        query = {"fieldManager": "scaler"}
        changed = cluster.patch("Deployment", "one", namespace, {"spec": {"replicas": 3}}, subresource="scale", **query)
        assert changed.status == 200, changed
        stored = cluster.get("Deployment", "one", namespace)
        entry = _owned(stored, "scaler")
        assert entry["subresource"] == "scale"
        assert entry["fieldsV1"] == {"f:spec": {"f:replicas": {}}}
        assert "f:replicas" not in _owned(stored, "team")["fieldsV1"]["f:spec"]

    def test_emptying_them_starts_afresh(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(config_map("one", a="1"), namespace, "team")
        change: Obj = {"metadata": {"managedFields": [{}]}}
        assert "managedFields" not in cluster.patch("ConfigMap", "one", namespace, change).body["metadata"]


class TestRefusals:
    def test_it_needs_a_manager(self, cluster: Cluster, namespace: str) -> None:
        path = object_path("ConfigMap", "one", namespace)
        answer = cluster.request("PATCH", path, config_map("one"), content_type=APPLY)
        answer.must_refuse(422, "Invalid", "fieldManager: Required value: is required for apply patch")

    def test_managed_fields_are_not_applied(self, cluster: Cluster, namespace: str) -> None:
        manifest = config_map("one")
        manifest["metadata"]["managedFields"] = [{"manager": "x", "operation": "Apply", "apiVersion": "v1"}]
        answer = cluster.apply(manifest, namespace, "team")
        answer.must_refuse(400, "BadRequest", "metadata.managedFields must be nil")

    def test_an_old_revision(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(config_map("one", a="1"), namespace, "team")
        manifest = config_map("one", a="2")
        manifest["metadata"]["resourceVersion"] = "1"
        cluster.apply(manifest, namespace, "team").must_refuse(409, "Conflict")

    def test_dry_run_tells_of_conflicts_too(self, cluster: Cluster, namespace: str) -> None:
        cluster.apply(config_map("one", a="1"), namespace, "team")
        answer = cluster.apply(config_map("one", a="2"), namespace, "other", dryRun="All")
        answer.must_refuse(409, "Conflict")
        forced = cluster.apply(config_map("one", a="2"), namespace, "other", dryRun="All", force="true")
        assert forced.body["data"] == {"a": "2"}
        assert cluster.get("ConfigMap", "one", namespace)["data"] == {"a": "1"}
