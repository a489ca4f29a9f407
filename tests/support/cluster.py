"""A Kubernetes API server under test: requests as they are, objects by kind and name, waiting by watch, and kubectl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import watching
from offline_apiserver import committed_crds
from watching import Event, Obj

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_BUILT_IN = {
    "v1": "configmaps secrets pods services endpoints events serviceaccounts namespaces nodes persistentvolumeclaims",
    "apps/v1": "deployments replicasets statefulsets daemonsets",
    "batch/v1": "jobs cronjobs",
    "coordination.k8s.io/v1": "leases",
    "discovery.k8s.io/v1": "endpointslices",
    "policy/v1": "poddisruptionbudgets",
}
_GROUP = {resource: group for group, resources in _BUILT_IN.items() for resource in resources.split()}
_CLUSTER_SCOPED = {"namespaces", "nodes"}


@dataclass(frozen=True)
class Answer:
    """What the API server answered."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        return str(self.body.get("message", ""))

    @property
    def reason(self) -> str:
        return str(self.body.get("reason", ""))

    @property
    def revision(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])

    def must_refuse(self, status: int, reason: str, says: str = "") -> None:
        """It must be a Status of that code and reason, with `says` in its message."""
        assert (self.status, self.reason) == (status, reason), self
        assert (self.body["kind"], self.body["status"], self.body["code"]) == ("Status", "Failure", status)
        assert says in self.message


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
        accept: str = JSON,
    ) -> Answer:
        url = self._host + path + ("?" + urlencode(query) if query else "")
        headers = {**self._headers, "Accept": accept, "Content-Type": content_type}
        data = None if body is None else json.dumps(body).encode()
        response = self._http.request(method, url, body=data, headers=headers)
        return Answer(response.status, json.loads(response.data))

    def create(self, manifest: Any, namespace: str = "", **query: str) -> Answer:
        return self.request("POST", collection(manifest["kind"], namespace), manifest, query)

    def make(self, manifest: Any, namespace: str = "") -> Obj:
        """The object as created; it must be created."""
        answer = self.create(manifest, namespace)
        assert answer.status == 201, answer
        return answer.body

    def create_dry(self, manifest: Any, namespace: str) -> Answer:
        """What a strict `create` would do; nothing is stored."""
        return self.create(manifest, namespace, dryRun="All", fieldValidation="Strict")

    def apply(self, manifest: Any, namespace: str, manager: str, subresource: str = "", **query: str) -> Answer:
        path = object_path(manifest["kind"], manifest["metadata"]["name"], namespace, subresource)
        return self.request(
            "PATCH", path, manifest, {"fieldManager": manager, "fieldValidation": "Strict", **query}, APPLY
        )

    def read(self, kind: str, name: str, namespace: str = "", subresource: str = "") -> Answer:
        return self.request("GET", object_path(kind, name, namespace, subresource))

    def get(self, kind: str, name: str, namespace: str = "") -> Obj:
        answer = self.read(kind, name, namespace)
        assert answer.status == 200, answer
        return answer.body

    def listing(self, kind: str, namespace: str = "", **query: str) -> Answer:
        return self.request("GET", collection(kind, namespace), query=query)

    def items(self, kind: str, namespace: str = "", **query: str) -> list[Obj]:
        answer = self.listing(kind, namespace, **query)
        assert answer.status == 200, answer
        return list(answer.body["items"])

    def update(self, manifest: Any, namespace: str = "", subresource: str = "", **query: str) -> Answer:
        path = object_path(manifest["kind"], manifest["metadata"]["name"], namespace, subresource)
        return self.request("PUT", path, manifest, query)

    def patch(
        self,
        kind: str,
        name: str,
        namespace: str,
        change: Any,
        how: str = MERGE,
        subresource: str = "",
        **query: str,
    ) -> Answer:
        return self.request("PATCH", object_path(kind, name, namespace, subresource), change, query, how)

    def delete(self, kind: str, name: str, namespace: str = "", **options: Any) -> Answer:
        """`options` are those of DeleteOptions."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options}
        return self.request("DELETE", object_path(kind, name, namespace), body)

    def watch(
        self, kind: str, namespace: str = "", since: str = "", timeout: float = watching.TIMEOUT, **query: str
    ) -> Generator[Event, None, None]:
        """The changes after revision `since`; it ends when the server ends it, at the latest after `timeout` seconds."""
        return watching.changes(self, collection(kind, namespace), since, timeout, query)

    def wait(
        self,
        kind: str,
        name: str,
        namespace: str,
        holds: Callable[[Obj], Any],
        timeout: float = watching.TIMEOUT,
    ) -> Obj:
        """The object, as soon as it is there and `holds` says yes to it."""
        query = {"fieldSelector": f"metadata.name={name}"}
        path = collection(kind, namespace)
        return watching.wait(self, path, lambda found: bool(found) and holds(found[0]), timeout, query)[0]

    def wait_gone(self, kind: str, name: str, namespace: str = "", timeout: float = watching.TIMEOUT) -> None:
        query = {"fieldSelector": f"metadata.name={name}"}
        watching.wait(self, collection(kind, namespace), lambda found: not found, timeout, query)

    def wait_all(
        self,
        kind: str,
        namespace: str,
        holds: Callable[[list[Obj]], Any],
        timeout: float = watching.TIMEOUT,
        **query: str,
    ) -> list[Obj]:
        """All objects of the collection, as soon as `holds` says yes to them."""
        return watching.wait(self, collection(kind, namespace), holds, timeout, query)

    def stream(self, path: str, query: Mapping[str, str], timeout: float) -> Any:
        """An open response, for `watching`; the caller closes it."""
        headers = {**self._headers, "Accept": JSON}
        return self._http.request(
            "GET", f"{self._host}{path}?{urlencode(query)}", headers=headers, preload_content=False, timeout=timeout
        )

    def kubectl(
        self, *arguments: str, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        beside = Path(sys.executable).with_name("kubectl")
        command = [str(beside) if beside.exists() else "kubectl", *arguments]
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, input=stdin)
        assert not check or done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
        return done


def collection(kind: str, namespace: str = "") -> str:
    """Path of a kind's collection; of all namespaces without one."""
    if kind in committed_crds():
        spec = committed_crds()[kind]["spec"]
        group, resource = f"{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["plural"]
        namespaced = spec["scope"] == "Namespaced"
    else:
        resource = kind.lower() if kind.endswith("s") else f"{kind.lower()}s"
        group, namespaced = _GROUP[resource], resource not in _CLUSTER_SCOPED
    middle = f"/namespaces/{namespace}" if namespaced and namespace else ""
    return f"/{'apis' if '/' in group else 'api'}/{group}{middle}/{resource}"


def object_path(kind: str, name: str, namespace: str = "", subresource: str = "") -> str:
    return f"{collection(kind, namespace)}/{name}" + (f"/{subresource}" if subresource else "")
