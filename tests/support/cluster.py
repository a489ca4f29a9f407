"""A Kubernetes API server under test: requests as they are, and kubectl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline_apiserver import committed_crds

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class Answer:
    """What the API server answered."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))


class Cluster:
    """The cluster that KUBECONFIG names."""

    def __init__(self, kubeconfig: Path) -> None:
        from kubernetes import config

        self.kubeconfig = kubeconfig
        client = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]
        self._http = client.rest_client.pool_manager
        self._host = client.configuration.host
        self._headers: dict[str, str] = dict(client.default_headers)
        if token := client.configuration.get_api_key_with_prefix("authorization"):
            self._headers["authorization"] = token

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Answer:
        url = self._host + path + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")
        headers = {**self._headers, "Accept": JSON, "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        response = self._http.request(method, url, body=data, headers=headers)
        return Answer(response.status, json.loads(response.data))

    def create_dry(self, manifest: Any, namespace: str) -> Answer:
        """What a strict `create` would do; nothing is stored."""
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        return self.request("POST", collection(manifest["kind"], namespace), manifest, query)

    def apply(self, manifest: Any, namespace: str, manager: str) -> Answer:
        path = f"{collection(manifest['kind'], namespace)}/{manifest['metadata']['name']}"
        return self.request("PATCH", path, manifest, {"fieldManager": manager, "fieldValidation": "Strict"}, APPLY)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        answer = self.request("GET", f"{collection(kind, namespace)}/{name}")
        assert answer.status == 200, answer
        return answer.body

    def kubectl(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        beside = Path(sys.executable).with_name("kubectl")
        command = [str(beside) if beside.exists() else "kubectl", *arguments]
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, input=stdin)
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done


def collection(kind: str, namespace: str) -> str:
    """Path of a kind's collection."""
    spec = committed_crds()[kind]["spec"]
    middle = f"/namespaces/{namespace}" if spec["scope"] == "Namespaced" else ""
    return f"/apis/{spec['group']}/{spec['versions'][0]['name']}{middle}/{spec['names']['plural']}"
