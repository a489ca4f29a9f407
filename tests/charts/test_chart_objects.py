"""What the chart renders: valid objects that fit together, and a pod that any cluster takes."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
from pod_security import restricted_violations
from rendered_chart import CHART, MONITORED, NAMESPACE, Obj, chart, of_kind, rendered, the_only
from typer.main import get_command

from antiphon_operator import cli
from antiphon_operator.names import NAME_LABEL
from antiphon_operator.rendering import network_policy

DIGEST = "sha256:" + "0a" * 32
EVERYTHING: Obj = {
    **MONITORED,
    "fullnameOverride": "hands",
    "image": {"repository": "registry.example.com:5000/operator", "digest": DIGEST, "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry-key"}],
    "runtime": {"image": {"tag": "2.1"}, "pullPolicy": "Always"},
    "watchNamespaces": ["calls", "support"],
    "replicas": 3,
    "operator": {
        "workers": 32,
        "resync": "5m",
        "verbose": True,
        "healthHost": "0.0.0.0",
        "healthPort": 9081,
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    },
    "podAnnotations": {"example.com/a": "b"},
    "podLabels": {"team": "voice"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "gpu", "operator": "DoesNotExist"}]}]
            }
        }
    },
    "priorityClassName": "system-cluster-critical",
    "podDisruptionBudget": {"maxUnavailable": "50%"},
    "serviceAccount": {"annotations": {"example.com/role": "hands"}},
}
AS_LITTLE_AS_CAN_BE: Obj = {
    "replicas": 1,
    "topologySpread": [],
    "podDisruptionBudget": {"enabled": False},
    "serviceAccount": {"create": False, "name": "mine"},
    "rbac": {"create": False},
    "crds": {"install": False},
    "networkPolicy": {"enabled": False},
}
VALUES = {"default": {}, "monitored": MONITORED, "everything": EVERYTHING, "little": AS_LITTLE_AS_CAN_BE}


@pytest.fixture(params=VALUES)
def objects(request: pytest.FixtureRequest) -> list[Obj]:
    return rendered(VALUES[request.param])


def test_the_objects_are_valid(objects: list[Obj]) -> None:
    for obj in objects:
        if "monitoring.coreos.com" not in obj["apiVersion"]:
            kubernetes_validate.validate(obj, "1.36", strict=True)


def test_no_two_objects_are_the_same_one(objects: list[Obj]) -> None:
    keys = [(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"]) for obj in objects]
    assert len(keys) == len(set(keys))


def test_namespaced_objects_say_where_they_are(objects: list[Obj]) -> None:
    somewhere = {obj["metadata"].get("namespace") for obj in objects if not _is_cluster_scoped(obj)}
    assert somewhere <= {NAMESPACE, "calls", "support"}


def _is_cluster_scoped(obj: Obj) -> bool:
    return obj["kind"] in ("CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding")


def test_the_pod_meets_pod_security_restricted(objects: list[Obj]) -> None:
    assert restricted_violations(_pod(objects)) == []


def test_all_selectors_find_the_pod(objects: list[Obj]) -> None:
    deployment = the_only("Deployment", objects)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [
        deployment["spec"]["selector"]["matchLabels"],
        the_only("Service", objects)["spec"]["selector"],
        *(budget["spec"]["selector"]["matchLabels"] for budget in of_kind("PodDisruptionBudget", objects)),
        *(policy["spec"]["podSelector"]["matchLabels"] for policy in of_kind("NetworkPolicy", objects)),
        *(spread["labelSelector"]["matchLabels"] for spread in _pod(objects).get("topologySpreadConstraints", ())),
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)


def test_the_voices_admit_the_operator_whatever_it_is_called(objects: list[Obj]) -> None:
    labels = the_only("Deployment", objects)["spec"]["template"]["metadata"]["labels"]
    assert network_policy._OPERATOR.items() <= labels.items()
    assert set(network_policy._OPERATOR) == {NAME_LABEL}


def test_the_operator_has_the_options_that_it_is_given(objects: list[Obj]) -> None:
    """The command line is parsed as the operator parses it, and nothing is run."""
    (container,) = _pod(objects)["containers"]
    name, *arguments = container["args"]
    command = get_command(cli.app).get_command(None, name)  # type: ignore[attr-defined]
    parsed = command.make_context(name, [_expanded(each) for each in arguments]).params
    assert parsed["health_host"] in ("10.0.0.7", "0.0.0.0")
    assert parsed["health_port"] == container["ports"][0]["containerPort"]


def _expanded(argument: str) -> str:
    return argument.replace("$(POD_IP)", "10.0.0.7")


def test_variables_in_the_arguments_are_set(objects: list[Obj]) -> None:
    (container,) = _pod(objects)["containers"]
    wanted = {name for argument in container["args"] for name in re.findall(r"\$\((\w+)\)", argument)}
    assert wanted <= {variable["name"] for variable in container["env"]}


def test_probes_ask_a_port_that_is_there(objects: list[Obj]) -> None:
    (container,) = _pod(objects)["containers"]
    ports = {port["name"] for port in container["ports"]}
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert [probe["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
    assert {probe["port"] for probe in probes} <= ports
    assert the_only("Service", objects)["spec"]["ports"][0]["targetPort"] in ports


def test_values_arrive() -> None:
    objects = rendered(EVERYTHING)
    pod, deployment = _pod(objects), the_only("Deployment", objects)
    (container,) = pod["containers"]
    assert (deployment["metadata"]["name"], deployment["spec"]["replicas"]) == ("hands", 3)
    assert container["image"] == f"registry.example.com:5000/operator@{DIGEST}"
    assert _options(container["args"]) >= {
        ("--namespace", "calls"), ("--namespace", "support"), ("--image-pull-policy", "Always"),
        ("--runtime-image", "ghcr.io/antiphon-dev/antiphon-runtime:2.1"), ("--workers", "32"), ("--resync", "5m"),
        ("--prometheus-namespace", "monitoring"), ("--lease", "hands"), ("--health-port", "9081"),
    }  # fmt: skip
    assert container["args"][-1] == "-v"
    assert {"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in container["env"]
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "imagePullSecrets"):
        assert pod[key] == EVERYTHING[key]


def _options(arguments: list[str]) -> set[tuple[str, str]]:
    return set(pairwise(arguments))


def test_nobody_reaches_the_operator_but_prometheus_its_metrics() -> None:
    nobody = the_only("NetworkPolicy", rendered())["spec"]
    assert "Ingress" in nobody["policyTypes"]
    assert "ingress" not in nobody
    (rule,) = the_only("NetworkPolicy", rendered(MONITORED))["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert rule["ports"] == [{"port": "health", "protocol": "TCP"}]


def test_what_was_left_out_is_out() -> None:
    kinds = {obj["kind"] for obj in rendered(AS_LITTLE_AS_CAN_BE)}
    assert kinds == {"Deployment", "Service"}
    assert _pod(rendered(AS_LITTLE_AS_CAN_BE))["serviceAccountName"] == "mine"


@pytest.mark.parametrize(
    ("release", "name"),
    [("antiphon", "antiphon-operator"), ("voice", "voice-antiphon-operator"), ("x" * 53, "x" * 53)],
)
def test_names_come_of_the_release_and_fit(release: str, name: str) -> None:
    found = the_only("Deployment", rendered(release=release))["metadata"]["name"]
    assert found.startswith(name)
    assert found.endswith("-operator")
    assert len(found) <= 63


def test_helm_lints_it() -> None:
    for values in VALUES.values():
        report = helm.lint(CHART, values, strict=True)
        assert report["errors"] == []
        assert [message for message in report["messages"] if message["severity"] > 1] == []


def test_the_notes_say_what_is_next() -> None:
    notes = chart().render({}, name="antiphon", namespace=NAMESPACE)["antiphon/templates/NOTES.txt"]
    assert f"kubectl -n {NAMESPACE} rollout status deployment/antiphon-operator" in notes


def _pod(objects: list[Obj]) -> dict[str, Any]:
    spec: dict[str, Any] = the_only("Deployment", objects)["spec"]["template"]["spec"]
    return spec
