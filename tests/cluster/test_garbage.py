"""What goes with what: owners and dependents, and namespaces."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from cluster_objects import agent, condition, config_map, deployment, is_leaving, is_rolled_out, names
from watching import Obj

from cluster import Cluster

_FINALIZER = "example.com/wait"


def _owned_by(*owners: Obj, name: str = "child", finalizers: tuple[str, ...] = ()) -> Obj:
    """A ConfigMap with owner references."""
    child = config_map(name)
    child["metadata"]["ownerReferences"] = [_reference(owner) for owner in owners]
    child["metadata"]["finalizers"] = list(finalizers)
    return child


def _reference(owner: Obj) -> Obj:
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "blockOwnerDeletion": True,
    }


class TestOwners:
    @pytest.mark.parametrize("options", [{}, {"propagationPolicy": "Background"}], ids=["default", "background"])
    def test_in_the_background_dependents_go_after_the_owner(
        self, cluster: Cluster, namespace: str, options: dict[str, Any]
    ) -> None:
        owner = cluster.make(config_map("owner"), namespace)
        cluster.make(_owned_by(owner), namespace)
        assert cluster.delete("ConfigMap", "owner", namespace, **options).status == 200
        assert cluster.read("ConfigMap", "owner", namespace).status == 404
        cluster.wait_gone("ConfigMap", "child", namespace)

    def test_in_the_foreground_dependents_go_before_the_owner(self, cluster: Cluster, namespace: str) -> None:
        owner = cluster.make(config_map("owner"), namespace)
        cluster.make(_owned_by(owner, finalizers=(_FINALIZER,)), namespace)
        cluster.delete("ConfigMap", "owner", namespace, propagationPolicy="Foreground")
        cluster.wait("ConfigMap", "child", namespace, is_leaving)
        waiting = cluster.get("ConfigMap", "owner", namespace)
        assert waiting["metadata"]["finalizers"] == ["foregroundDeletion"]
        assert is_leaving(waiting)
        cluster.patch("ConfigMap", "child", namespace, {"metadata": {"finalizers": None}})
        cluster.wait_gone("ConfigMap", "child", namespace)
        cluster.wait_gone("ConfigMap", "owner", namespace)

    def test_orphans_lose_their_reference(self, cluster: Cluster, namespace: str) -> None:
        owner = cluster.make(config_map("owner"), namespace)
        cluster.make(_owned_by(owner), namespace)
        cluster.delete("ConfigMap", "owner", namespace, propagationPolicy="Orphan")
        cluster.wait_gone("ConfigMap", "owner", namespace)
        orphan = cluster.get("ConfigMap", "child", namespace)
        assert "ownerReferences" not in orphan["metadata"]

    def test_two_owners(self, cluster: Cluster, namespace: str) -> None:
        first = cluster.make(config_map("first"), namespace)
        second = cluster.make(config_map("second"), namespace)
        cluster.make(_owned_by(first, second), namespace)
        cluster.delete("ConfigMap", "first", namespace)
        kept = cluster.wait("ConfigMap", "child", namespace, lambda one: len(one["metadata"]["ownerReferences"]) == 1)
        assert kept["metadata"]["ownerReferences"][0]["name"] == "second"
        cluster.delete("ConfigMap", "second", namespace)
        cluster.wait_gone("ConfigMap", "child", namespace)

    def test_an_owner_that_is_not_there(self, cluster: Cluster, namespace: str) -> None:
        owner = {**config_map("nobody"), "metadata": {"name": "nobody", "uid": str(uuid.uuid4())}}
        cluster.make(_owned_by(owner), namespace)
        cluster.wait_gone("ConfigMap", "child", namespace)

    def test_an_owner_of_the_same_name_is_another(self, cluster: Cluster, namespace: str) -> None:
        owner = cluster.make(config_map("owner"), namespace)
        cluster.delete("ConfigMap", "owner", namespace)
        cluster.make(config_map("owner"), namespace)
        cluster.make(_owned_by(owner), namespace)
        cluster.wait_gone("ConfigMap", "child", namespace)
        assert cluster.read("ConfigMap", "owner", namespace).status == 200

    def test_grandchildren_too(self, cluster: Cluster, namespace: str) -> None:
        owner = cluster.make(config_map("owner"), namespace)
        child = cluster.make(_owned_by(owner), namespace)
        cluster.make(_owned_by(child, name="grandchild"), namespace)
        cluster.delete("ConfigMap", "owner", namespace)
        cluster.wait_gone("ConfigMap", "grandchild", namespace)

    def test_an_agent_takes_its_own_with_it(self, cluster: Cluster, namespace: str) -> None:
        owner = cluster.make(agent("shop"), namespace)
        cluster.make(_owned_by(owner), namespace)
        cluster.delete("VoiceAgent", "shop", namespace)
        cluster.wait_gone("ConfigMap", "child", namespace)


class TestDeployments:
    @pytest.fixture
    def up(self, cluster: Cluster, namespace: str) -> None:
        """The Deployment `web` of two pods."""
        cluster.make(deployment("web"), namespace)
        cluster.wait("Deployment", "web", namespace, is_rolled_out)

    @pytest.mark.usefixtures("up")
    @pytest.mark.parametrize("policy", ["Background", "Foreground"])
    def test_all_of_it_goes(self, cluster: Cluster, namespace: str, policy: str) -> None:
        cluster.delete("Deployment", "web", namespace, propagationPolicy=policy)
        for kind in ("Pod", "ReplicaSet", "Deployment"):
            cluster.wait_all(kind, namespace, lambda found: not found)

    @pytest.mark.usefixtures("up")
    def test_a_deployment_made_again_adopts_what_was_left(self, cluster: Cluster, namespace: str) -> None:
        pods = names(cluster.items("Pod", namespace))
        cluster.delete("Deployment", "web", namespace, propagationPolicy="Orphan")
        cluster.wait_gone("Deployment", "web", namespace)
        (left,) = cluster.items("ReplicaSet", namespace)
        assert "ownerReferences" not in left["metadata"]
        again = cluster.make(deployment("web"), namespace)
        cluster.wait("Deployment", "web", namespace, is_rolled_out)
        (adopted,) = cluster.items("ReplicaSet", namespace)
        assert adopted["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]
        assert names(cluster.items("Pod", namespace)) == pods


class TestNamespaces:
    @pytest.fixture
    def leaving(self, cluster: Cluster) -> str:
        """The name of a namespace for the test to delete."""
        name = f"leaving-{uuid.uuid4().hex[:6]}"
        cluster.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name

    def test_it_takes_all_with_it(self, cluster: Cluster, leaving: str) -> None:
        cluster.make(deployment("web"), leaving)
        cluster.make(agent("shop"), leaving)
        cluster.wait("Deployment", "web", leaving, is_rolled_out)
        assert cluster.delete("Namespace", leaving).status == 200
        cluster.wait_gone("Namespace", leaving)
        for kind in ("Deployment", "ReplicaSet", "Pod", "VoiceAgent"):
            assert not cluster.items(kind, leaving)

    def test_it_waits_for_finalizers_and_takes_nothing_new(self, cluster: Cluster, leaving: str) -> None:
        held = config_map("held")
        held["metadata"]["finalizers"] = [_FINALIZER]
        cluster.make(held, leaving)
        cluster.delete("Namespace", leaving)
        waiting = cluster.wait("Namespace", leaving, "", lambda one: _remains(one) == "True")
        assert waiting["status"]["phase"] == "Terminating"
        assert waiting["spec"]["finalizers"] == ["kubernetes"]
        refused = cluster.create(config_map("late"), leaving)
        refused.must_refuse(403, "Forbidden", f"unable to create new content in namespace {leaving}")
        cluster.patch("ConfigMap", "held", leaving, {"metadata": {"finalizers": None}})
        cluster.wait_gone("ConfigMap", "held", leaving)


def _remains(namespace: Obj) -> str:
    return str(condition(namespace, "NamespaceFinalizersRemaining")["status"])
