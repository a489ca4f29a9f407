"""`helm install` gives a running operator that reconciles; an upgrade and an uninstall leave the voices running."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import helm_python as helm
import pytest
from operated import Operated, runs_pods
from rendered_chart import CHART

from cluster import Cluster

OPERATOR_LABELS = "app.kubernetes.io/name=antiphon-operator"


def values(namespace: str, **more: Any) -> dict[str, Any]:
    """Images of this Python environment; agents of one namespace alone."""
    return {
        "image": {"repository": "antiphon-operator"},
        "runtime": {"image": {"repository": "antiphon-runtime"}},
        "watchNamespaces": [namespace],
        "crds": {"install": False},
        **more,
    }


@pytest.fixture
def corner(cluster: Cluster, namespace: str) -> Iterator[Operated]:
    if not runs_pods(cluster):
        pytest.skip("this cluster has no node that runs pods")
    found = Operated(cluster, namespace)
    found.make_models()
    yield found
    found.remove_models()


@pytest.fixture
def helm_config(cluster: Cluster, namespace: str) -> Iterator[helm.Config]:
    with helm.Config(kubeconfig_path=cluster.kubeconfig, namespace=namespace) as config:
        yield config
        config.uninstall(f"antiphon-{namespace}", ignore_not_found=True)


def operator_pods(corner: Operated) -> set[str]:
    """Those that are ready."""
    found = corner.cluster.items("pods", corner.namespace, labelSelector=OPERATOR_LABELS)
    return {pod["metadata"]["name"] for pod in found if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]}


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def wait_operators(corner: Operated, number: int, other_than: set[str] = frozenset()) -> set[str]:  # type: ignore[assignment]
    last = time.monotonic() + 60
    while len(found := operator_pods(corner)) != number or found & other_than:
        assert time.monotonic() < last, f"{number} ready operators are wanted, there are {found or 'none'}"
        time.sleep(0.2)
    return found


def voices(corner: Operated) -> dict[str, str]:
    """Uid and address of each pod of the agent."""
    return {pod["metadata"]["uid"]: pod["status"]["podIP"] for pod in corner.children("pods").values()}


def answers(address: str) -> bool:
    with urllib.request.urlopen(f"http://{address}:9100/readyz", timeout=5) as answer:
        return bool(answer.status == 200)


def test_install_upgrade_uninstall(corner: Operated, helm_config: helm.Config) -> None:
    release = f"antiphon-{corner.namespace}"
    helm_config.install(CHART, release, values(corner.namespace), namespace=corner.namespace)
    first = wait_operators(corner, 2)
    corner.make(corner.agent())
    corner.wait_condition("hello", "Ready", "True")
    running = voices(corner)

    other = values(corner.namespace, operator={"resync": "5m", "verbose": True})
    helm_config.upgrade(CHART, release, other, namespace=corner.namespace)
    wait_operators(corner, 2, other_than=first)
    assert voices(corner) == running
    corner.cluster.kubectl("scale", "-n", corner.namespace, "va/hello", "--replicas=2")
    corner.cluster.wait(
        "VoiceAgent", "hello", corner.namespace, lambda agent: agent["status"].get("ready") == "2/2", timeout=60
    )
    assert voices(corner).items() >= running.items()

    running = voices(corner)
    helm_config.uninstall(release)
    corner.cluster.wait_all("pods", corner.namespace, lambda found: not found, 60, labelSelector=OPERATOR_LABELS)
    assert voices(corner) == running
    assert all(answers(address) for address in running.values())
