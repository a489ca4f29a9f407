"""Each test here runs with the packaged kubectl, and with the machine's own where it has another."""

from __future__ import annotations

import os
from pathlib import Path

import kubectl_cli
import pytest
from cluster_objects import deployment, is_rolled_out
from kubectl_cli import Kubectl

from cluster import Cluster

_BINARIES = {"packaged": kubectl_cli.packaged, "machine": kubectl_cli.of_the_machine}


@pytest.fixture(scope="session")
def kubectl_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A discovery cache of the session's own: another cluster may have had this address before."""
    return tmp_path_factory.mktemp("kubectl-cache")


@pytest.fixture(params=_BINARIES)
def kubectl(request: pytest.FixtureRequest, cluster: Cluster, namespace: str, kubectl_cache: Path) -> Kubectl:
    binary = _BINARIES[request.param]()
    if binary is None:
        pytest.skip(f"no {request.param} kubectl, or it is the other one")
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig), "KUBECACHEDIR": str(kubectl_cache)}
    return Kubectl(binary, namespace, environment)


@pytest.fixture
def web(cluster: Cluster, namespace: str) -> str:
    """The Deployment `web` of two pods, rolled out."""
    cluster.make(deployment("web"), namespace)
    cluster.wait("Deployment", "web", namespace, is_rolled_out)
    return "deployment/web"
