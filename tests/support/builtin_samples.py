"""Objects of built-in kinds as people write them, and what an API server makes of them when they are created."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from kubeconfig import Connection, read_kubeconfig

from antiphon_sandbox.api.defaults import plural_of
from antiphon_sandbox.objects import Obj

SAMPLES = Path(__file__).parents[1] / "sandbox" / "api" / "samples"
ANSWERS = SAMPLES / "defaulted.json"
NAMESPACE = "samples"
CLUSTER_SCOPED = frozenset(
    [
        "Namespace",
        "Node",
        "PersistentVolume",
        "IngressClass",
        "ClusterRole",
        "ClusterRoleBinding",
        "PriorityClass",
        "StorageClass",
        "CSIDriver",
        "RuntimeClass",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "CustomResourceDefinition",
        "DeviceClass",
        "ResourceSlice",
    ]
)


def samples() -> list[Obj]:
    texts = [path.read_text(encoding="utf-8") for path in sorted(SAMPLES.glob("*.yaml"))]
    return [sample for text in texts for sample in yaml.safe_load_all(text)]


def resource_of(sample: Obj) -> str:
    """As kubectl names it in full."""
    group, _, _ = sample["apiVersion"].rpartition("/")
    return f"{plural_of(sample['kind'])}.{group}".rstrip(".")


def key_of(sample: Obj) -> str:
    return f"{sample['kind']}/{sample['metadata']['name']}"


def create(connection: Connection, sample: Obj) -> Any:
    """The answer to a dry run: the object, or the Status that refuses it."""
    folder = "apis" if "/" in sample["apiVersion"] else "api"
    place = "" if sample["kind"] in CLUSTER_SCOPED else f"namespaces/{NAMESPACE}/"
    url = f"{connection.server}/{folder}/{sample['apiVersion']}/{place}{plural_of(sample['kind'])}?dryRun=All"
    headers = {**connection.headers, "Content-Type": "application/json", "User-Agent": "tests"}
    request = urllib.request.Request(url, json.dumps(sample).encode(), headers)
    try:
        with urllib.request.urlopen(request, context=connection.tls) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


def ensure_namespace(connection: Connection) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    headers = {**connection.headers, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{connection.server}/api/v1/namespaces", json.dumps(body).encode(), headers)
    try:
        urllib.request.urlopen(request, context=connection.tls).close()
    except urllib.error.HTTPError as error:
        error.close()


def _lasting(answer: Obj) -> Obj:
    """Without what differs from time to time; the uid is needed, for Jobs are labelled with it."""
    for name in ("managedFields", "creationTimestamp"):
        answer["metadata"].pop(name, None)
    return answer


def main() -> None:
    """`python builtin_samples.py KUBECONFIG` asks a server, and writes its answers down."""
    connection = read_kubeconfig(Path(sys.argv[1]))
    ensure_namespace(connection)
    answers = {key_of(sample): _lasting(create(connection, sample)) for sample in samples()}
    lines = [f"{json.dumps(key)}: {json.dumps(answer, sort_keys=True)}" for key, answer in sorted(answers.items())]
    ANSWERS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
