"""Getting and listing: pages, selectors, and the forms in which objects come."""

from __future__ import annotations

import pytest
from cluster_objects import config_map, lease, names, pod
from watching import Obj

from cluster import Cluster, collection, object_path

_FINALIZER = "example.com/wait"


@pytest.fixture
def stored(cluster: Cluster, namespace: str) -> Obj:
    """A ConfigMap `one`."""
    return cluster.make(config_map("one", {"app": "shop"}, color="red"), namespace)


class TestRead:
    def test_what_is_not_there(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.read("ConfigMap", "none", namespace)
        answer.must_refuse(404, "NotFound", 'configmaps "none" not found')
        assert answer.body["details"] == {"name": "none", "kind": "configmaps"}
        custom = cluster.read("VoiceAgent", "none", namespace)
        custom.must_refuse(404, "NotFound", 'voiceagents.antiphon.dev "none" not found')

    def test_a_list_has_a_revision_to_watch_from(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        answer = cluster.listing("ConfigMap", namespace)
        assert answer.body["kind"] == "ConfigMapList"
        assert answer.body["apiVersion"] == "v1"
        assert int(answer.revision) >= int(stored["metadata"]["resourceVersion"])

    def test_a_list_of_all_namespaces(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        found = cluster.items("ConfigMap", labelSelector="app=shop")
        assert stored["metadata"]["uid"] in {one["metadata"]["uid"] for one in found}
        assert all("namespace" in one["metadata"] for one in found), namespace

    def test_pages(self, cluster: Cluster, namespace: str) -> None:
        for number in range(5):
            cluster.make(lease(f"lease-{number}", "me"), namespace)
        pages: list[list[str]] = []
        token, remaining = "", []
        while not pages or token:
            answer = cluster.listing("Lease", namespace, limit="2", **({"continue": token} if token else {}))
            pages.append(names(answer.body["items"]))
            token = answer.body["metadata"].get("continue", "")
            remaining.append(answer.body["metadata"].get("remainingItemCount"))
        assert pages == [["lease-0", "lease-1"], ["lease-2", "lease-3"], ["lease-4"]]
        assert remaining == [3, 1, None]

    @pytest.mark.parametrize(
        ("selector", "expected"),
        [
            ("tier=web", ["web"]),
            ("tier==web", ["web"]),
            ("tier!=web", ["bare", "db"]),
            ("tier in (web,db)", ["db", "web"]),
            ("tier notin (web)", ["bare", "db"]),
            ("tier", ["db", "web"]),
            ("!tier", ["bare"]),
            ("tier in (web,db),size=big", ["db"]),
            ("tier=none", []),
        ],
    )
    def test_label_selectors(self, cluster: Cluster, namespace: str, selector: str, expected: list[str]) -> None:
        cluster.make(config_map("web", {"suite": "yes", "tier": "web"}), namespace)
        cluster.make(config_map("db", {"suite": "yes", "tier": "db", "size": "big"}), namespace)
        cluster.make(config_map("bare", {"suite": "yes"}), namespace)
        found = cluster.items("ConfigMap", namespace, labelSelector=f"suite=yes,{selector}")
        assert names(found) == expected

    def test_field_selectors(self, cluster: Cluster, namespace: str) -> None:
        for name in ("one", "two"):
            cluster.make(pod(name, nodeSelector={"example.com/nowhere": name}), namespace)
        by_name = cluster.items("Pod", namespace, fieldSelector="metadata.name=two")
        assert names(by_name) == ["two"]
        pending = cluster.items("Pod", fieldSelector=f"status.phase=Pending,metadata.namespace={namespace}")
        assert names(pending) == ["one", "two"]
        assert names(cluster.items("Pod", namespace, fieldSelector="spec.nodeName=")) == ["one", "two"]
        assert not cluster.items("Pod", namespace, fieldSelector="spec.nodeName!=")

    @pytest.mark.parametrize(
        ("query", "says"),
        [
            ({"fieldSelector": "data.color=red"}, "data.color"),
            ({"labelSelector": "a in b"}, "unable to parse requirement"),
        ],
    )
    def test_selectors_that_are_none(self, cluster: Cluster, namespace: str, query: dict[str, str], says: str) -> None:
        cluster.listing("ConfigMap", namespace, **query).must_refuse(400, "BadRequest", says)

    def test_metadata_alone(self, cluster: Cluster, namespace: str, stored: Obj) -> None:
        accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
        answer = cluster.request("GET", object_path("ConfigMap", "one", namespace), accept=accept)
        assert answer.body["kind"] == "PartialObjectMetadata"
        assert answer.body["metadata"]["uid"] == stored["metadata"]["uid"]
        assert "data" not in answer.body

    def test_a_verb_that_a_collection_has_not(self, cluster: Cluster, namespace: str) -> None:
        answer = cluster.request("PUT", collection("ConfigMap", namespace), config_map("one"))
        answer.must_refuse(405, "MethodNotAllowed")
