"""What `kubectl get` shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from builtin_samples import samples

from antiphon_sandbox.api.builtin_kinds import builtin_resources
from antiphon_sandbox.api.crds import resources_of
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.tables import table
from antiphon_sandbox.objects import Obj, timestamp

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BUILTIN = {resource.name: resource for resource in builtin_resources()}


def ago(**elapsed: float) -> str:
    return timestamp(NOW - timedelta(**elapsed))


def an_object(name: str = "it", **fields: Any) -> Obj:
    return {"metadata": {"name": name, "creationTimestamp": ago(minutes=5, seconds=12)}, **fields}


def shown(resource: str | Resource, obj: Obj) -> dict[str, Any]:
    """Column -> cell."""
    resource = BUILTIN[resource] if isinstance(resource, str) else resource
    answer = table(resource, [obj], {}, now=NOW)
    names = [column["name"] for column in answer["columnDefinitions"]]
    return dict(zip(names, answer["rows"][0]["cells"], strict=True))


def gadgets(*columns: Obj) -> Resource:
    version = {"name": "v1", "served": True, "storage": True, "additionalPrinterColumns": list(columns)}
    names = {"plural": "gadgets", "kind": "Gadget"}
    (resource,) = resources_of(
        {"spec": {"group": "demo.dev", "scope": "Namespaced", "names": names, "versions": [version]}}
    )
    return resource


SIZE = {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
GADGET = an_object("big", apiVersion="demo.dev/v1", kind="Gadget", spec={"size": 9})


def test_a_table_of_custom_resources() -> None:
    phase = {"name": "Phase", "type": "string", "jsonPath": ".status.phase", "description": "How it is.", "priority": 1}
    answer = table(gadgets(SIZE, phase), [GADGET], {"resourceVersion": "7"}, now=NOW)
    name, *columns = answer.pop("columnDefinitions")
    assert (name["name"], name["type"], name["format"]) == ("Name", "string", "name")
    assert name["description"].startswith("Name must be unique within a namespace.")
    size_about = "Custom resource definition column (in JSONPath format): .spec.size"
    assert columns == [
        {"name": "Size", "type": "integer", "format": "", "description": size_about, "priority": 0},
        {"name": "Phase", "type": "string", "format": "", "description": "How it is.", "priority": 1},
    ]
    metadata = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": GADGET["metadata"]}
    assert answer == {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "7"},
        "rows": [{"cells": ["big", 9, None], "object": metadata}],
    }


def test_without_printer_columns_there_is_the_age() -> None:
    answer = table(gadgets(), [GADGET], {}, now=NOW)
    assert [(column["name"], column["type"]) for column in answer["columnDefinitions"]] == [
        ("Name", "string"),
        ("Age", "date"),
    ]
    assert answer["rows"][0]["cells"] == ["big", "5m12s"]


def test_columns_end_at_the_first_that_cannot_be_read() -> None:
    unreadable = {"name": "Wrong", "type": "string", "jsonPath": '.spec["size"]'}
    assert shown(gadgets(SIZE, unreadable, SIZE | {"name": "Again"}), GADGET) == {"Name": "big", "Size": 9}


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("integer", 3, 3),
        ("integer", 3.7, 3),
        ("integer", "text", None),
        ("integer", True, None),
        ("number", 3.7, 3.7),
        ("number", 3, 3),
        ("number", "text", None),
        ("boolean", False, False),
        ("boolean", 3, None),
        ("string", "text", "text"),
        ("string", "", ""),
        ("string", 12345678901, "12345678901"),
        ("string", 3.7, "3.7"),
        ("string", 1.0, "1"),
        ("string", 1e20, "100000000000000000000"),
        ("string", 1e21, "1e+21"),
        ("string", 1e-7, "1e-07"),
        ("string", True, "true"),
        ("string", None, "<no value>"),
        ("string", [1, 2], "[1,2]"),
        ("string", {"z": "x<y&", "a": []}, '{"a":[],"z":"x\\u003cy\\u0026"}'),
        ("date", "2025-12-31T23:59:00Z", "60s"),
        ("date", "yesterday", "<invalid>"),
        ("date", "", "<unknown>"),
        ("date", 3, None),
        ("other", "text", None),
    ],
)
def test_values_in_columns_of_a_type(kind: str, value: Any, cell: Any) -> None:
    column = {"name": "It", "type": kind, "jsonPath": ".spec.it"}
    assert shown(gadgets(column), an_object(spec={"it": value}))["It"] == cell
    assert shown(gadgets(column), an_object(spec={}))["It"] is None


def test_the_object_of_a_row() -> None:
    resource = gadgets(SIZE)
    whole = table(resource, [GADGET], {}, now=NOW, include_object="Object")
    nothing = table(resource, [GADGET], {}, now=NOW, include_object="None")
    assert whole["rows"][0]["object"] == GADGET
    assert nothing["rows"][0]["object"] is None


def test_a_whole_builtin_says_what_it_is() -> None:
    stored = an_object(data={})
    answer = table(BUILTIN["configmaps"], [stored], {}, now=NOW, include_object="Object")
    assert answer["rows"][0]["object"] == stored | {"apiVersion": "v1", "kind": "ConfigMap"}


def test_later_events_have_no_column_definitions() -> None:
    assert table(gadgets(SIZE), [GADGET], {}, now=NOW, with_columns=False)["columnDefinitions"] is None


@pytest.mark.parametrize("resource", BUILTIN.values(), ids=lambda resource: resource.name)
def test_a_bookmark_has_a_row(resource: Resource) -> None:
    """Bookmarks of a watch are objects with a revision and nothing else."""
    answer = table(resource, [{"metadata": {"resourceVersion": "7"}}], {}, now=NOW)
    assert len(answer["rows"][0]["cells"]) == len(answer["columnDefinitions"])


KINDS = {(resource.api_version, resource.kind): resource for resource in BUILTIN.values()}
SAMPLES = [sample for sample in samples() if (sample["apiVersion"], sample["kind"]) in KINDS]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample['kind']}-{sample['metadata']['name']}")
def test_every_sample_has_a_row(sample: Obj) -> None:
    resource = KINDS[sample["apiVersion"], sample["kind"]]
    assert sample["metadata"]["name"] in str(shown(resource, sample)["Name"])


def test_columns_of_builtins_are_described() -> None:
    for resource in BUILTIN.values():
        columns = table(resource, [], {}, now=NOW)["columnDefinitions"]
        undescribed = {column["name"] for column in columns if not column["description"]}
        assert undescribed <= {"Handler"}, resource.name  # Kubernetes forgot it


def test_a_config_map() -> None:
    obj = an_object(data={"a": "1"}, binaryData={"b": "Mg=="})
    assert shown("configmaps", obj) == {"Name": "it", "Data": 2, "Age": "5m12s"}


def test_kinds_without_a_printer_show_when_they_were_created() -> None:
    for resource in ("roles.rbac.authorization.k8s.io", "customresourcedefinitions.apiextensions.k8s.io"):
        assert shown(resource, an_object()) == {"Name": "it", "Created At": "2025-12-31T23:54:48Z"}


def test_an_event() -> None:
    event = an_object(
        "web.17",
        lastTimestamp=ago(seconds=10),
        firstTimestamp=ago(minutes=3),
        count=4,
        type="Warning",
        reason="BackOff",
        message="Back-off restarting\n",
        involvedObject={"kind": "Pod", "name": "web", "fieldPath": "spec.containers{app}"},
        source={"component": "kubelet", "host": "cpu-0"},
    )
    assert shown("events", event) == {
        "Last Seen": "10s",
        "Type": "Warning",
        "Reason": "BackOff",
        "Object": "pod/web",
        "Subobject": "spec.containers{app}",
        "Source": "kubelet, cpu-0",
        "Message": "Back-off restarting",
        "First Seen": "3m",
        "Count": 4,
        "Name": "web.17",
    }


def test_an_event_in_a_series() -> None:
    event = an_object(
        eventTime=ago(minutes=4),
        series={"count": 3, "lastObservedTime": ago(seconds=5)},
        note="told",
        regarding={"kind": "Node", "name": "cpu-0"},
        reportingController="scheduler",
    )
    cells = shown("events.events.k8s.io", event)
    assert [cells[name] for name in ("Last Seen", "First Seen", "Count", "Object", "Source", "Message")] == [
        "5s",
        "4m",
        3,
        "node/cpu-0",
        "scheduler",
        "told",
    ]


def test_a_node() -> None:
    node = an_object(
        spec={"unschedulable": True},
        status={
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.36.0"},
            "addresses": [{"type": "InternalIP", "address": "127.0.0.2"}],
        },
    )
    node["metadata"]["labels"] = {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "gpu"}
    cells = shown("nodes", node)
    assert list(cells.values())[:7] == [
        "it",
        "Ready,SchedulingDisabled",
        "gpu,worker",
        "5m12s",
        "v1.36.0",
        "127.0.0.2",
        "<none>",
    ]
    assert cells["Kernel-Version"] == "<unknown>"


@pytest.mark.parametrize(("status", "word"), [("True", "Ready"), ("False", "NotReady"), ("Unknown", "NotReady")])
def test_whether_a_node_is_ready(status: str, word: str) -> None:
    assert shown("nodes", an_object(status={"conditions": [{"type": "Ready", "status": status}]}))["Status"] == word


def test_a_role_binding() -> None:
    subjects = [
        {"kind": "User", "name": "ann"},
        {"kind": "ServiceAccount", "namespace": "ns", "name": "sa"},
        {"kind": "User", "name": "bob"},
    ]
    binding = an_object(roleRef={"kind": "ClusterRole", "name": "view"}, subjects=subjects)
    assert shown("rolebindings.rbac.authorization.k8s.io", binding) == {
        "Name": "it",
        "Role": "ClusterRole/view",
        "Age": "5m12s",
        "Users": "ann, bob",
        "Groups": "",
        "ServiceAccounts": "ns/sa",
    }


def test_a_resource_quota() -> None:
    status = {"hard": {"pods": "5", "limits.cpu": "4", "cpu": "2"}, "used": {"pods": "1", "limits.cpu": "1"}}
    cells = shown("resourcequotas", an_object(status=status))
    assert (cells["Request"], cells["Limit"]) == ("cpu: 0/2, pods: 1/5", "limits.cpu: 1/4")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, "pending"),
        ({"allocation": {}}, "allocated"),
        ({"allocation": {}, "reservedFor": [{"name": "pod"}]}, "allocated,reserved"),
    ],
)
def test_the_state_of_a_resource_claim(status: Obj, state: str) -> None:
    assert shown("resourceclaims.resource.k8s.io", an_object(status=status))["State"] == state


def test_the_default_storage_class() -> None:
    storage_class = an_object(provisioner="local")
    storage_class["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    assert list(shown("storageclasses.storage.k8s.io", storage_class).values()) == [
        "it (default)",
        "local",
        "Delete",
        "Immediate",
        False,
        "5m12s",
    ]


def test_a_claim_shows_its_volume_once_bound() -> None:
    status = {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}
    bound = shown("persistentvolumeclaims", an_object(spec={"volumeName": "pv"}, status=status))
    waiting = shown("persistentvolumeclaims", an_object(spec={}, status={"phase": "Pending"}))
    assert (bound["Status"], bound["Capacity"], bound["Access Modes"]) == ("Bound", "1Gi", "RWO,RWX")
    assert (waiting["Status"], waiting["Capacity"], waiting["Access Modes"]) == ("Pending", "", "")
