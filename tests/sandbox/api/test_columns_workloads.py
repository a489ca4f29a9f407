"""What `kubectl get` shows of Deployments, Jobs, Services and their like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from antiphon_sandbox.api.builtin_kinds import builtin_resources
from antiphon_sandbox.api.tables import table
from antiphon_sandbox.objects import Obj, timestamp

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BUILTIN = {resource.name: resource for resource in builtin_resources()}
TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "a", "image": "one"}, {"name": "b", "image": "two"}]},
}


def ago(**elapsed: float) -> str:
    return timestamp(NOW - timedelta(**elapsed))


def row(resource: str, **fields: Any) -> list[Any]:
    obj = {"metadata": {"name": "web", "creationTimestamp": ago(minutes=5)}, **fields}
    cells: list[Any] = table(BUILTIN[resource], [obj], {}, now=NOW)["rows"][0]["cells"]
    return cells


def test_a_deployment() -> None:
    selector = {
        "matchLabels": {"tier": "front", "app": "web"},
        "matchExpressions": [
            {"key": "env", "operator": "In", "values": ["b", "a"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }
    spec = {"replicas": 3, "template": TEMPLATE, "selector": selector}
    status = {"replicas": 3, "updatedReplicas": 2, "readyReplicas": 1, "availableReplicas": 1}
    assert row("deployments.apps", spec=spec, status=status) == [
        "web",
        "1/3",
        2,
        1,
        "5m",
        "a,b",
        "one,two",
        "app=web,env in (a,b),!old,tier=front",
    ]


@pytest.mark.parametrize("resource", ["replicasets.apps", "replicationcontrollers"])
def test_a_replica_set(resource: str) -> None:
    labels = {"app": "web"}
    selector = {"matchLabels": labels} if resource == "replicasets.apps" else labels
    spec = {"replicas": 3, "template": TEMPLATE, "selector": selector}
    expected = ["web", 3, 2, 1, "5m", "a,b", "one,two", "app=web"]
    assert row(resource, spec=spec, status={"replicas": 2, "readyReplicas": 1}) == expected


def test_a_stateful_set() -> None:
    spec = {"replicas": 2, "template": TEMPLATE}
    assert row("statefulsets.apps", spec=spec, status={}) == ["web", "0/2", "5m", "a,b", "one,two"]


def test_a_daemon_set() -> None:
    status = {"desiredNumberScheduled": 3, "currentNumberScheduled": 2, "numberReady": 1}
    spec = {"template": TEMPLATE, "selector": {"matchLabels": {"app": "web"}}}
    assert row("daemonsets.apps", spec=spec, status=status)[:8] == ["web", 3, 2, 1, 0, 0, "<none>", "5m"]


def condition_of(kind: str) -> Obj:
    return {"conditions": [{"type": kind, "status": "True"}]}


@pytest.mark.parametrize(
    ("spec", "status", "cells"),
    [
        ({"completions": 1}, {"startTime": ago(seconds=40)}, ["Running", "0/1", "40s"]),
        (
            {"completions": 3},
            {
                **condition_of("Complete"),
                "succeeded": 3,
                "startTime": ago(minutes=4),
                "completionTime": ago(minutes=3),
            },
            ["Complete", "3/3", "60s"],
        ),
        ({"parallelism": 4}, condition_of("Failed"), ["Failed", "0/1 of 4", ""]),
        ({"parallelism": 1}, condition_of("Suspended"), ["Suspended", "0/1", ""]),
    ],
)
def test_a_job(spec: Obj, status: Obj, cells: list[str]) -> None:
    assert row("jobs.batch", spec=spec, status=status)[1:4] == cells


def test_a_cron_job() -> None:
    spec = {"schedule": "*/5 * * * *", "suspend": False, "jobTemplate": {"spec": {"template": TEMPLATE}}}
    status = {"active": [{"name": "web-1"}], "lastScheduleTime": ago(minutes=2)}
    assert row("cronjobs.batch", spec=spec, status=status) == [
        "web",
        "*/5 * * * *",
        "<none>",
        "False",
        1,
        "2m",
        "5m",
        "a,b",
        "one,two",
        "<none>",
    ]


def test_a_pod_disruption_budget() -> None:
    cells = row("poddisruptionbudgets.policy", spec={"minAvailable": "50%"}, status={"disruptionsAllowed": 1})
    assert cells == ["web", "50%", "N/A", 1, "5m"]
    assert row("poddisruptionbudgets.policy", spec={"maxUnavailable": 0})[1:3] == ["N/A", "0"]


def test_an_autoscaler() -> None:
    def cpu(name: str, **values: Any) -> Obj:
        return {"type": "Resource", "resource": {"name": "cpu", name: values}}

    pods = {"type": "Pods", "pods": {"target": {"averageValue": "10"}}}
    external = {"type": "External", "external": {"target": {"value": "5"}}}
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "minReplicas": 2,
        "maxReplicas": 9,
        "metrics": [cpu("target", averageUtilization=80), pods, external],
    }
    status = {"currentReplicas": 3, "currentMetrics": [cpu("current", averageUtilization=55)]}
    assert row("horizontalpodautoscalers.autoscaling", spec=spec, status=status) == [
        "web",
        "Deployment/web",
        "cpu: 55%/80%, <unknown>/10 + 1 more...",
        "2",
        9,
        3,
        "5m",
    ]


def test_a_controller_revision() -> None:
    obj = {
        "metadata": {
            "name": "web-1",
            "creationTimestamp": ago(minutes=5),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "web", "controller": True}],
        },
        "revision": 4,
    }
    answer = table(BUILTIN["controllerrevisions.apps"], [obj], {}, now=NOW)
    assert answer["rows"][0]["cells"] == ["web-1", "daemonset.apps/web", 4, "5m"]


PORTS = [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]


def test_a_service() -> None:
    spec = {"type": "NodePort", "clusterIPs": ["10.0.0.7"], "ports": PORTS, "selector": {"b": "2", "a": "1"}}
    assert row("services", spec=spec) == [
        "web",
        "NodePort",
        "10.0.0.7",
        "<none>",
        "80:30080/TCP,53/UDP",
        "5m",
        "a=1,b=2",
    ]


@pytest.mark.parametrize(
    ("spec", "status", "external"),
    [
        ({"type": "ClusterIP", "externalIPs": ["1.1.1.1", "2.2.2.2"]}, {}, "1.1.1.1,2.2.2.2"),
        ({"type": "LoadBalancer"}, {}, "<pending>"),
        (
            {"type": "LoadBalancer", "externalIPs": ["1.1.1.1"]},
            {"loadBalancer": {"ingress": [{"ip": "9.9.9.9"}, {"hostname": "lb.example"}]}},
            "9.9.9.9,lb.example,1.1.1.1",
        ),
        ({"type": "ExternalName", "externalName": "example.org"}, {}, "example.org"),
    ],
)
def test_where_a_service_is_from_outside(spec: Obj, status: Obj, external: str) -> None:
    assert row("services", spec=spec, status=status)[3] == external


def test_endpoints() -> None:
    addresses = [{"ip": f"127.0.0.{n}"} for n in range(1, 4)]
    ports = [{"port": 80}, {"port": 81}]
    cells = row("endpoints", subsets=[{"addresses": addresses, "ports": ports}])
    assert cells[1] == "127.0.0.1:80,127.0.0.2:80,127.0.0.3:80 + 3 more..."
    assert row("endpoints", subsets=[{"addresses": addresses[:1]}])[1] == "127.0.0.1"
    assert row("endpoints", subsets=[{"addresses": [{"ip": "::1"}], "ports": ports[:1]}])[1] == "[::1]:80"
    assert row("endpoints")[1] == "<none>"


def test_an_endpoint_slice() -> None:
    endpoints = [{"addresses": [f"127.0.0.{n}"]} for n in range(1, 6)]
    ports = [{"port": 80}, {"name": "any"}]
    cells = row("endpointslices.discovery.k8s.io", addressType="IPv4", ports=ports, endpoints=endpoints)
    assert cells == ["web", "IPv4", "80,any", "127.0.0.1,127.0.0.2,127.0.0.3 + 2 more...", "5m"]
    assert row("endpointslices.discovery.k8s.io", addressType="IPv4")[2:4] == ["<unset>", "<unset>"]


def test_an_ingress() -> None:
    rules = [{"host": f"{n}.example"} for n in range(5)]
    spec = {"ingressClassName": "front", "rules": rules, "tls": [{}]}
    status = {"loadBalancer": {"ingress": [{"ip": "9.9.9.9"}]}}
    assert row("ingresses.networking.k8s.io", spec=spec, status=status) == [
        "web",
        "front",
        "0.example,1.example,2.example + 2 more...",
        "9.9.9.9",
        "80, 443",
        "5m",
    ]
    assert row("ingresses.networking.k8s.io", spec={"rules": [{}]})[1:5] == ["<none>", "*", "", "80"]


def test_an_ingress_class() -> None:
    parameters = {"apiGroup": "demo.dev", "kind": "Gadget", "name": "g"}
    spec = {"controller": "demo.dev/front", "parameters": parameters}
    assert row("ingressclasses.networking.k8s.io", spec=spec) == ["web", "demo.dev/front", "Gadget.demo.dev/g", "5m"]
