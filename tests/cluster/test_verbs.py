"""What each verb of the API does, and how it says no."""

from __future__ import annotations

import pytest
from cluster_objects import agent, config_map, deployment, names, pod
from watching import Obj

from cluster import MERGE, Cluster, collection, object_path

_FINALIZER = "example.com/wait"


@pytest.fixture
def stored(cluster: Cluster, namespace: str) -> Obj:
    """A ConfigMap `one`."""
    return cluster.make(config_map("one", {"app": "shop"}, color="red"), namespace)


class TestCreate:
    def test_the_server_fills_in_what_identifies_an_object(self, stored: Obj, namespace: str) -> None:
        metadata = stored["metadata"]
        assert metadata["namespace"] == namespace
        assert metadata["uid"]
        assert int(metadata["resourceVersion"]) > 0
        assert metadata["creationTimestamp"].endswith("Z")
        assert stored["data"] == {"color": "red"}

    @pytest.mark.usefixtures("stored")
    def test_a_name_is_taken_once(self, cluster: Cluster, namespace: str) -> None:
        cluster.create(config_map("one"), namespace).must_refuse(
            409, "AlreadyExists", 'configmaps "one" already exists'
        )

    def test_a_namespace_must_be_there(self, cluster: Cluster) -> None:
        answer = cluster.create(config_map("one"), "there-is-no-such")
        answer.must_refuse(404, "NotFound", 'namespaces "there-is-no-such" not found')

    def test_the_namespace_in_the_object_is_that_of_the_request(self, cluster: Cluster, namespace: str) -> None:
        manifest = config_map("one")
        manifest["metadata"]["namespace"] = "default"
        cluster.create(manifest, namespace).must_refuse(400, "BadRequest", "does not match the namespace")

    def test_a_name_that_is_none(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.create(config_map("One_"), namespace)
        answer.must_refuse(422, "Invalid", 'ConfigMap "One_" is invalid: metadata.name: Invalid value: "One_"')
        assert answer.body["details"]["causes"][0]["field"] == "metadata.name"

    def test_no_name(self, cluster: Cluster, namespace: str) -> None:
        manifest: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}
        cluster.create(manifest, namespace).must_refuse(422, "Invalid", "name or generateName is required")

    @pytest.mark.parametrize("manifest", [config_map("one"), agent("one")], ids=lambda one: one["kind"])
    def test_generate_name(self, cluster: Cluster, namespace: str, manifest: Obj) -> None:
        metadata = {"generateName": "some-"}
        made = {cluster.make({**manifest, "metadata": metadata}, namespace)["metadata"]["name"] for _ in range(3)}
        assert len(made) == 3
        assert all(name.startswith("some-") and len(name) == 10 for name in made)

    def test_another_kind_than_that_of_the_path(self, cluster: Cluster, namespace: str) -> None:
        manifest = {**config_map("one"), "kind": "Secret"}
        cluster.request("POST", collection("ConfigMap", namespace), manifest).must_refuse(400, "BadRequest")

    @pytest.mark.parametrize("manifest", [config_map("one"), agent("one")], ids=lambda one: one["kind"])
    def test_an_unknown_field_is_refused_when_strict(self, cluster: Cluster, namespace: str, manifest: Obj) -> None:
        odd = {**manifest, "oddity": 1}
        answer = cluster.create(odd, namespace, fieldValidation="Strict")
        answer.must_refuse(400, "BadRequest", 'unknown field "oddity"')
        assert "oddity" not in cluster.create(odd, namespace, fieldValidation="Ignore").body

    def test_a_secret_takes_text(self, cluster: Cluster, namespace: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}, "stringData": {"a": "b"}}
        made = cluster.make(manifest, namespace)
        assert made["data"] == {"a": "Yg=="}
        assert made["type"] == "Opaque"
        assert "stringData" not in made

    def test_a_pod_needs_a_container(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.create(pod("one", containers=[]), namespace)
        answer.must_refuse(422, "Invalid", "spec.containers: Required value")


class TestUpdate:
    def test_a_change_gets_a_new_revision(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        answer = cluster.update({**stored, "data": {"size": "1"}}, namespace)
        assert answer.status == 200, answer
        assert answer.body["data"] == {"size": "1"}
        assert int(answer.revision) > int(stored["metadata"]["resourceVersion"])
        assert answer.body["metadata"]["uid"] == stored["metadata"]["uid"]

    def test_no_change_keeps_the_revision(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        assert cluster.update(stored, namespace).revision == stored["metadata"]["resourceVersion"]

    def test_an_old_revision_is_refused(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        assert cluster.update({**stored, "data": {"size": "1"}}, namespace).status == 200
        answer = cluster.update({**stored, "data": {"size": "2"}}, namespace)
        answer.must_refuse(409, "Conflict", 'Operation cannot be fulfilled on configmaps "one"')

    @pytest.mark.usefixtures("stored")
    def test_without_a_revision_it_overwrites(self, cluster: Cluster, namespace: str) -> None:
        assert cluster.update(config_map("one", size="1"), namespace).body["data"] == {"size": "1"}

    def test_a_custom_resource_must_tell_its_revision(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one"), namespace)
        answer = cluster.update(agent("one", description="a"), namespace)
        answer.must_refuse(422, "Invalid", "metadata.resourceVersion: Invalid value")

    def test_another_uid_is_refused(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        metadata = {**stored["metadata"], "uid": "7b3c6c44-0000-0000-0000-000000000000"}
        del metadata["resourceVersion"]
        cluster.update({**stored, "metadata": metadata}, namespace).must_refuse(409, "Conflict", "UID in precondition")

    def test_what_is_not_there(self, cluster: Cluster, namespace: str) -> None:
        cluster.update(config_map("none"), namespace).must_refuse(404, "NotFound")

    @pytest.mark.usefixtures("stored")
    def test_the_name_is_that_of_the_request(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.request("PUT", object_path("ConfigMap", "one", namespace), config_map("two"))
        answer.must_refuse(400, "BadRequest", "the name of the object (two) does not match the name on the URL (one)")

    def test_what_must_not_change(self, cluster: Cluster, namespace: str) -> None:
        cluster.make({**config_map("fixed", a="b"), "immutable": True}, namespace)
        answer = cluster.patch("ConfigMap", "fixed", namespace, {"data": {"a": "c"}})
        answer.must_refuse(422, "Invalid", "data: Forbidden: field is immutable when `immutable` is set")
        cluster.make(pod("one"), namespace)
        moved = cluster.patch("Pod", "one", namespace, {"spec": {"nodeSelector": {"a": "b"}}})
        moved.must_refuse(422, "Invalid", "spec: Forbidden: pod updates may not change fields other than")


class TestGeneration:
    @pytest.mark.parametrize(
        ("manifest", "change"),
        [
            (agent("one"), {"spec": {"description": "other"}}),
            (deployment("one", paused=True), {"spec": {"minReadySeconds": 3}}),
        ],
        ids=lambda one: one.get("kind"),
    )
    def test_it_counts_changes_of_the_spec(self, cluster: Cluster, namespace: str, manifest: Obj, change: Obj) -> None:
        kind = manifest["kind"]
        assert cluster.make(manifest, namespace)["metadata"]["generation"] == 1
        labelled = cluster.patch(kind, "one", namespace, {"metadata": {"labels": {"a": "b"}}})
        assert labelled.body["metadata"]["generation"] == 1
        assert cluster.patch(kind, "one", namespace, change).body["metadata"]["generation"] == 2
        assert cluster.patch(kind, "one", namespace, change).body["metadata"]["generation"] == 2

    def test_the_ends_of_spec_and_status_do_not_touch_each_other(self, cluster: Cluster, namespace: str) -> None:
        made = cluster.make({**agent("one"), "status": {"phase": "Ready"}}, namespace)
        assert "status" not in made
        both = {**made, "spec": {**made["spec"], "description": "new"}, "status": {"phase": "Ready"}}
        through_status = cluster.update(both, namespace, "status")
        assert through_status.body["status"]["phase"] == "Ready"
        assert "description" not in through_status.body["spec"]
        assert through_status.body["metadata"]["generation"] == 1
        current = through_status.body
        through_main = cluster.update({**current, "status": {"phase": "Degraded"}}, namespace)
        assert through_main.body["status"]["phase"] == "Ready"
        assert through_main.revision == current["metadata"]["resourceVersion"]


class TestDryRun:
    def test_nothing_is_stored(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        assert cluster.create(config_map("two"), namespace, dryRun="All").status == 201
        assert cluster.read("ConfigMap", "two", namespace).status == 404
        patched = cluster.patch("ConfigMap", "one", namespace, {"data": {"color": "blue"}}, dryRun="All")
        assert patched.body["data"] == {"color": "blue"}
        assert cluster.delete("ConfigMap", "one", namespace, dryRun=["All"]).status == 200
        assert cluster.get("ConfigMap", "one", namespace) == {"kind": "ConfigMap", "apiVersion": "v1", **stored}

    def test_only_all_of_it(self, cluster: Cluster, namespace: str) -> None:
        cluster.create(config_map("two"), namespace, dryRun="Some").must_refuse(422, "Invalid", "supported values")


class TestDelete:
    @pytest.mark.parametrize("manifest", [config_map("one"), agent("one")], ids=lambda one: one["kind"])
    def test_it_says_what_it_deleted(self, cluster: Cluster, namespace: str, manifest: Obj) -> None:
        uid = cluster.make(manifest, namespace)["metadata"]["uid"]
        answer = cluster.delete(manifest["kind"], "one", namespace)
        assert answer.status == 200
        assert answer.body["status"] == "Success"
        assert answer.body["details"]["name"] == "one"
        assert answer.body["details"]["uid"] == uid
        cluster.delete(manifest["kind"], "one", namespace).must_refuse(404, "NotFound")

    @pytest.mark.parametrize("manifest", [config_map("one"), agent("one")], ids=lambda one: one["kind"])
    def test_finalizers_hold_it_up(self, cluster: Cluster, namespace: str, manifest: Obj) -> None:
        kind, metadata = manifest["kind"], {"name": "one", "finalizers": [_FINALIZER]}
        cluster.make({**manifest, "metadata": metadata}, namespace)
        assert cluster.delete(kind, "one", namespace).status == 200
        leaving = cluster.get(kind, "one", namespace)
        assert leaving["metadata"]["deletionTimestamp"]
        assert leaving["metadata"]["deletionGracePeriodSeconds"] == 0
        more = {"metadata": {"finalizers": [_FINALIZER, "example.com/more"]}}
        refused = cluster.patch(kind, "one", namespace, more)
        refused.must_refuse(422, "Invalid", "no new finalizers can be added if the object is being deleted")
        assert cluster.patch(kind, "one", namespace, {"metadata": {"finalizers": None}}).status == 200
        assert cluster.read(kind, "one", namespace).status == 404

    def test_preconditions(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        uid, revision = stored["metadata"]["uid"], stored["metadata"]["resourceVersion"]
        for wrong in ({"uid": "7b3c6c44-0000-0000-0000-000000000000"}, {"resourceVersion": "1"}):
            cluster.delete("ConfigMap", "one", namespace, preconditions=wrong).must_refuse(409, "Conflict")
        right = {"uid": uid, "resourceVersion": revision}
        assert cluster.delete("ConfigMap", "one", namespace, preconditions=right).status == 200

    def test_a_collection_by_labels(self, cluster: Cluster, namespace: str) -> None:
        for name, app in (("a", "shop"), ("b", "shop"), ("c", "desk")):
            cluster.make(config_map(name, {"app": app}), namespace)
        path = collection("ConfigMap", namespace)
        answer = cluster.request("DELETE", path, query={"labelSelector": "app=shop"})
        assert answer.status == 200, answer
        assert names(cluster.items("ConfigMap", namespace, labelSelector="app")) == ["c"]

    def test_a_pod_on_no_node_goes_at_once(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(pod("one", nodeSelector={"example.com/nowhere": "yes"}), namespace)
        assert cluster.delete("Pod", "one", namespace).status == 200
        cluster.wait_gone("Pod", "one", namespace)


class TestScale:
    def test_of_a_deployment(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(deployment("one", paused=True, replicas=2), namespace)
        scale = cluster.read("Deployment", "one", namespace, "scale").body
        assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
        assert scale["spec"] == {"replicas": 2}
        assert scale["status"]["selector"] == "app=one"
        path = object_path("Deployment", "one", namespace, "scale")
        assert cluster.request("PUT", path, {**scale, "spec": {"replicas": 3}}).status in (200, 409)
        assert cluster.request("PATCH", path, {"spec": {"replicas": 0}}, content_type=MERGE).status == 200
        assert cluster.get("Deployment", "one", namespace)["spec"]["replicas"] == 0

    def test_of_an_agent(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(agent("one", scaling={"mode": "External", "minReplicas": 1, "maxReplicas": 4}), namespace)
        changed = cluster.patch("VoiceAgent", "one", namespace, {"spec": {"replicas": 3}}, subresource="scale")
        assert changed.body["kind"] == "Scale"
        assert changed.body["spec"] == {"replicas": 3}
        refused = cluster.patch("VoiceAgent", "one", namespace, {"spec": {"replicas": 9}}, subresource="scale")
        refused.must_refuse(422, "Invalid", "replicas is 9; it must be at most maxReplicas, 4")
