"""One fixture decides what the cluster suite runs against: the cluster of KUBECONFIG, else a sandbox of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline_apiserver import REPOSITORY

import sandbox
from cluster import Cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The way to the cluster."""
    if given := os.environ.get("KUBECONFIG"):
        yield Path(given)
        return
    file = tmp_path_factory.mktemp("sandbox") / "kubeconfig"
    with sandbox.running("up", "--kubeconfig", file):
        yield file


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> Cluster:
    """The cluster, with our CRDs established and none of our objects in it."""
    found = Cluster(kubeconfig)
    found.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(REPOSITORY / "crds"))
    found.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(REPOSITORY / "crds"))
    _refuse_a_cluster_in_use(found)
    return found


def _refuse_a_cluster_in_use(cluster: Cluster) -> None:
    """The suite applies and deletes presets, which are cluster-scoped: it must not meet somebody's own."""
    in_use = cluster.kubectl("get", "slapolicies,voicemodels,gpupools", "-o", "name").stdout.split()
    if in_use:
        pytest.exit(f"the cluster of KUBECONFIG has {', '.join(in_use)}; delete them, or use another cluster", 1)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    cluster.delete("Namespace", name)
