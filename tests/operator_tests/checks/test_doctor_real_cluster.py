"""The doctor at a real API server, where KUBECONFIG names one: real RBAC, real admission."""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from antiphon_operator.commands.doctor_command import doctor
from cluster import Cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not os.environ.get("KUBECONFIG"), reason="needs a real API server: KUBECONFIG names none"),
]


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(Path(os.environ["KUBECONFIG"]))


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"doctor-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    cluster.delete("Namespace", name)


def examined(*arguments: str) -> dict[str, Any]:
    app = typer.Typer()
    app.command()(doctor)
    result = CliRunner().invoke(app, [*arguments, "-o", "json"])
    return {check["check"]: check for check in json.loads(result.stdout)["checks"]}


def test_every_check_comes_to_a_result(namespace: str) -> None:
    found = examined("-n", namespace)
    assert found["api-server"]["result"] == "ok"
    assert found["clock"]["result"] == "ok"
    assert found["pod-security"]["message"] == f"a pod like an agent's is taken in {namespace} (restricted)"
    assert not [check for check in found.values() if "not as expected" in check["message"]]


def test_an_admission_policy_that_refuses_our_pods_is_told(cluster: Cluster, namespace: str) -> None:
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {"resourceRules": rules, "namespaceSelector": selector},
            "validations": [{"expression": "false", "message": "nothing may run here"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    }
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([policy, binding]))
    try:
        check = _until_refused(namespace)
    finally:
        kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy"
        cluster.kubectl("delete", kinds, namespace)
    assert check["result"] == "failed"
    assert "nothing may run here" in check["message"]


def _until_refused(namespace: str) -> Any:
    """API servers take a moment to hear of a policy; the dry run is what tells."""
    for _ in range(20):
        check = examined("-n", namespace, "--only", "pod-security")["pod-security"]
        if check["result"] != "ok":
            break
    return check


def test_one_who_may_see_nothing_is_told_which_rights_are_missing(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "stranger")
    token = cluster.kubectl("-n", namespace, "create", "token", "stranger").stdout.strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    for each in config["clusters"]:
        _inline_authority(each["cluster"], cluster.kubeconfig.parent)
    file = tmp_path / "stranger"
    file.write_text(yaml.safe_dump(config))
    found = examined("--kubeconfig", str(file), "-n", namespace)
    assert found["api-server"]["result"] == "ok"
    assert found["your-rights"]["result"] == "warning"
    assert found["gpu-nodes"]["message"] == "you may not list nodes, at the cluster scope"
    assert found["operator-rights"]["result"] == "skipped"


def _inline_authority(cluster: Any, folder: Path) -> None:
    if path := cluster.pop("certificate-authority", None):
        cluster["certificate-authority-data"] = base64.b64encode((folder / path).read_bytes()).decode()
