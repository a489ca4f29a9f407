"""Helm's own library installs, upgrades, rolls back and uninstalls a chart that has a bit of everything, and waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest

from cluster import Cluster

CHART = Path(__file__).with_name("charts") / "small"
CRD = "widgets.helm.example.com"
NO_NODE_HAS = {"memory": "900Ti"}
ENOUGH_SECONDS, TOO_FEW_SECONDS = 60, 3


@pytest.fixture(scope="module", autouse=True)
def _no_crd_is_left(cluster: Cluster) -> Iterator[None]:
    """Helm installs CRDs and never removes them."""
    yield
    cluster.kubectl("delete", "crd", CRD, "--ignore-not-found", "--timeout=60s")


class Release:
    """The chart as one release, and what the cluster has of it."""

    def __init__(self, cluster: Cluster, namespace: str, config: helm.Config) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.config = config
        self.name = "demo"

    def install(self, values: dict[str, Any], timeout: int = ENOUGH_SECONDS, **more: Any) -> dict[str, Any]:
        return self.config.install(
            CHART, self.name, values, namespace=self.namespace, wait="watcher", timeout=timeout, **more
        )

    def upgrade(self, values: dict[str, Any], timeout: int = ENOUGH_SECONDS, **more: Any) -> dict[str, Any]:
        return self.config.upgrade(
            CHART, self.name, values, namespace=self.namespace, wait="watcher", timeout=timeout, **more
        )

    def of_kind(self, kind: str) -> dict[str, Any]:
        return self.cluster.get(kind, self.name, self.namespace)

    def widgets(self) -> list[dict[str, Any]]:
        answer = self.cluster.request("GET", f"/apis/helm.example.com/v1/namespaces/{self.namespace}/widgets")
        assert answer.status == 200, answer
        return list(answer.body["items"])

    def stored(self) -> dict[int, str]:
        """Revision -> status, from the Secrets in which Helm keeps them."""
        secrets = self.cluster.items("Secret", self.namespace, labelSelector=f"owner=helm,name={self.name}")
        assert all(secret["type"] == "helm.sh/release.v1" and secret["data"]["release"] for secret in secrets)
        labels = [secret["metadata"]["labels"] for secret in secrets]
        return {int(label["version"]): label["status"] for label in labels}

    def world(self) -> tuple[int, int, str, int]:
        """Replicas asked for and ready, the greeting, and the size of the only widget."""
        deployment, (widget,) = self.of_kind("Deployment"), self.widgets()
        assert deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
        ready = deployment["status"].get("readyReplicas", 0)
        greeting = self.of_kind("ConfigMap")["data"]["greeting"]
        return deployment["spec"]["replicas"], ready, greeting, widget["spec"]["size"]

    def is_gone(self) -> bool:
        """Nothing of the chart is left but pods on their way out."""
        listed = [self.cluster.items(kind, self.namespace) for kind in ("Deployment", "Service")]
        config_maps = [found["metadata"]["name"] for found in self.cluster.items("ConfigMap", self.namespace)]
        return not any(listed) and self.name not in config_maps and not self.widgets()


@pytest.fixture
def release(cluster: Cluster, namespace: str) -> Iterator[Release]:
    with helm.Config(kubeconfig_path=cluster.kubeconfig, namespace=namespace) as config:
        yield Release(cluster, namespace, config)


def test_a_chart_is_installed_upgraded_rolled_back_and_uninstalled(release: Release) -> None:
    assert release.install({"replicas": 2})["status"] == "deployed"
    assert release.world() == (2, 2, "hello", 2)
    assert release.stored() == {1: "deployed"}
    assert release.of_kind("Service")["spec"]["clusterIP"]
    assert release.widgets()[0]["spec"]["colour"] == "grey", "the default of the chart's CRD"

    assert release.upgrade({"replicas": 3, "greeting": "good day"})["revision"] == 2
    assert release.world() == (3, 3, "good day", 3)
    assert release.stored() == {1: "superseded", 2: "deployed"}
    assert release.config.get_values(release.name) == {"replicas": 3, "greeting": "good day"}

    release.config.rollback(release.name, version=1, wait="watcher", timeout=ENOUGH_SECONDS)
    assert release.world() == (2, 2, "hello", 2)
    assert release.stored() == {1: "superseded", 2: "superseded", 3: "deployed"}
    assert release.config.get_values(release.name) == {"replicas": 2}

    release.config.uninstall(release.name, wait="watcher", timeout=ENOUGH_SECONDS)
    assert release.is_gone()
    assert release.stored() == {}
    release.cluster.wait_all("Pod", release.namespace, lambda pods: not pods)


def test_an_upgrade_that_changes_nothing_restarts_no_pod(release: Release) -> None:
    release.install({})
    (pod,) = release.cluster.items("Pod", release.namespace)
    release.upgrade({})
    (same,) = release.cluster.items("Pod", release.namespace)
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]
    assert release.stored() == {1: "superseded", 2: "deployed"}


def test_releases_are_listed_with_their_history(release: Release) -> None:
    release.install({"greeting": "one"})
    release.upgrade({"greeting": "two"})
    (listed,) = release.config.list()
    assert (listed["name"], listed["revision"], listed["status"]) == (release.name, 2, "deployed")
    history = [(found["revision"], found["status"]) for found in release.config.history(release.name)]
    assert history == [(1, "superseded"), (2, "deployed")]
    assert release.config.get_values(release.name, revision=1) == {"greeting": "one"}


def test_a_dry_run_on_the_server_changes_nothing(release: Release) -> None:
    release.install({})
    before = release.world()
    assert "good day" in release.upgrade({"greeting": "good day"}, dry_run="server")["manifest"]
    assert release.world() == before
    assert release.stored() == {1: "deployed"}


def test_a_hook_runs_before_the_rest(release: Release) -> None:
    release.install({"hook": True})
    hook = release.cluster.get("Job", f"{release.name}-hook", release.namespace)
    assert hook["status"]["succeeded"] == 1
    assert hook["status"]["completionTime"] <= release.of_kind("Deployment")["metadata"]["creationTimestamp"]
    assert release.world() == (1, 1, "hello", 1)


def test_waiting_for_pods_that_fit_nowhere_ends_and_says_so(release: Release) -> None:
    with pytest.raises(helm.HelmError, match=rf"Deployment/{release.namespace}/demo not ready"):
        release.install({"requests": NO_NODE_HAS}, TOO_FEW_SECONDS)
    assert release.stored() == {1: "failed"}
    assert release.world() == (1, 0, "hello", 1)


def test_a_failed_upgrade_is_rolled_back_where_that_was_asked(release: Release) -> None:
    release.install({"replicas": 2})
    with pytest.raises(helm.HelmError, match="has been rolled back"):
        release.upgrade({"requests": NO_NODE_HAS, "greeting": "good day"}, TOO_FEW_SECONDS, rollback_on_failure=True)
    assert release.stored() == {1: "superseded", 2: "failed", 3: "deployed"}
    assert release.world() == (2, 2, "hello", 2)


def test_a_failed_install_is_removed_where_that_was_asked(release: Release) -> None:
    with pytest.raises(helm.HelmError, match="has been uninstalled"):
        release.install({"requests": NO_NODE_HAS}, TOO_FEW_SECONDS, rollback_on_failure=True)
    assert release.is_gone()
    assert release.stored() == {}


def test_values_that_the_crd_refuses_fail_the_install(release: Release) -> None:
    with pytest.raises(helm.HelmError, match=r"spec\.size"):
        release.install({"replicas": 0})
    assert release.stored() == {1: "failed"}
    assert not release.widgets()


def test_no_second_release_takes_what_belongs_to_the_first(release: Release) -> None:
    release.install({})
    release.cluster.kubectl("create", "configmap", "other", "-n", release.namespace)
    with pytest.raises(helm.HelmError, match="invalid ownership metadata"):
        release.config.install(CHART, "other", {}, namespace=release.namespace)
    assert release.world() == (1, 1, "hello", 1)
