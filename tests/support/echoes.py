"""Echoes as tests make and change them, what must become of them, and the operator that sees to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import watching
from echo_operator import CRD, GROUP, PLURAL, VERSION

from cluster import MERGE, Cluster

OPERATOR = Path(__file__).with_name("echo_operator.py")
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRD_NAME = str(CRD["metadata"]["name"])


@contextmanager
def echo_crd(cluster: Cluster) -> Iterator[None]:
    """The kind Echo, while it lasts."""
    answer = cluster.request("POST", CRD_PATH, CRD)
    assert answer.status in (201, 409), answer
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{CRD_NAME}")
    yield
    cluster.request("DELETE", f"{CRD_PATH}/{CRD_NAME}")
    cluster.kubectl("wait", "--for=delete", "--timeout=60s", f"crd/{CRD_NAME}")


@contextmanager
def running_operator(kubeconfig: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The operator as a process of its own; what it says goes to `log`."""
    command = [sys.executable, "-m", "kopf", "run", "--all-namespaces", "--standalone", "--verbose", str(OPERATOR)]
    path = os.pathsep.join([str(OPERATOR.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": path}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Echoes:
    """The Echoes of one namespace; `texts` is what their ConfigMaps must hold."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace
        self.path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}"
        self.texts: dict[str, str] = {}

    def make(self, *names: str) -> None:
        for name in names:
            echo = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Echo", "metadata": {"name": name}}
            answer = self._cluster.request("POST", self.path, {**echo, "spec": {"text": f"first {name}"}})
            assert answer.status == 201, answer
            self.texts[name] = f"first {name}"

    def change(self, text: str, *names: str) -> None:
        for name in names:
            answer = self._cluster.request("PATCH", f"{self.path}/{name}", {"spec": {"text": text}}, content_type=MERGE)
            assert answer.status == 200, answer
            self.texts[name] = text

    def delete(self, *names: str) -> None:
        for name in names:
            answer = self._cluster.request("DELETE", f"{self.path}/{name}")
            assert answer.status == 200, answer
            del self.texts[name]

    def wait(self, timeout_seconds: float = 45) -> list[dict[str, Any]]:
        """The ConfigMaps, when they are what they must be: none missing, none wrong, none too many."""
        found = self._cluster.wait_all(
            "ConfigMap", self.namespace, self._are_right, timeout_seconds, labelSelector="echo=yes"
        )
        self.wait_gone(timeout_seconds)
        return found

    def wait_gone(self, timeout_seconds: float = 45) -> None:
        """Until no Echo is left but those that must be: what is deleted has lost its finalizer."""
        watching.wait(
            self._cluster,
            self.path,
            lambda found: {echo["metadata"]["name"] for echo in found} == self.texts.keys(),
            timeout_seconds,
            {},
        )

    def _are_right(self, config_maps: list[dict[str, Any]]) -> bool:
        return {found["metadata"]["name"]: found["data"]["text"] for found in config_maps} == self.texts
