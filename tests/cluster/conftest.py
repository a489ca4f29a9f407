"""One fixture decides what the cluster suite runs against: the cluster of KUBECONFIG."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from offline_apiserver import REPOSITORY

from cluster import Cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster, with our CRDs established and none of our objects in it."""
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig:
        pytest.skip("KUBECONFIG names no cluster; `scripts/do cluster` starts one where it can")
    found = Cluster(Path(kubeconfig))
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
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
