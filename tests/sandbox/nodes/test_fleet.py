"""The file of nodes: what it may say, and what is said when it says something else."""

from __future__ import annotations

from pathlib import Path

import pytest

import antiphon_sandbox
from antiphon_sandbox.nodes.fleet import FleetError, default_fleet, load_fleet, machine
from antiphon_sandbox.nodes.node_objects import status
from antiphon_sandbox.objects import parse_time

_SHIPPED = sorted((Path(antiphon_sandbox.__file__).parent / "fleets").glob("*.yaml"))


def _load(folder: Path, text: str) -> list[str]:
    file = folder / "nodes.yaml"
    file.write_text(text)
    return load_fleet(file).node_names


def test_the_default_is_this_machine() -> None:
    fleet = default_fleet()
    assert [(node.name, node.kind) for node in fleet.nodes] == [("local", "process")]
    capacity = status(fleet.nodes[0], "127.0.0.1", parse_time("2026-01-01T00:00:00Z"))["capacity"]
    assert capacity == machine()


@pytest.mark.parametrize("file", _SHIPPED, ids=lambda file: file.stem)
def test_what_is_shipped_can_be_used(file: Path) -> None:
    assert load_fleet(file).nodes


def test_the_ten_partitioned_nodes_have_seventy_slices() -> None:
    [file] = [file for file in _SHIPPED if file.stem == "ten-mig-nodes"]
    slices = [int(node.spec.capacity.get("nvidia.com/mig-1g.18gb", 0)) for node in load_fleet(file).nodes]
    assert (sum(slices), len(list(filter(None, slices)))) == (70, 10)


def test_many_alike_are_numbered(tmp_path: Path) -> None:
    names = _load(tmp_path, "nodes: [{name: gpu, count: 3}, {name: local, kind: process}, {name: one, count: 1}]")
    assert names == ["gpu-0", "gpu-1", "gpu-2", "local", "one-0"]


def test_allocatable_is_capacity_but_for_what_is_said(tmp_path: Path) -> None:
    file = tmp_path / "nodes.yaml"
    file.write_text("nodes: [{name: a, capacity: {cpu: 8, x.io/y: 7}, allocatable: {cpu: 7500m}}]")
    [node] = load_fleet(file).nodes
    found = status(node, "10.0.0.1", parse_time("2026-01-01T00:00:00Z"))
    assert (found["capacity"]["cpu"], found["allocatable"]["cpu"]) == ("8", "7500m")
    assert found["capacity"]["x.io/y"] == found["allocatable"]["x.io/y"] == "7"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nodes: []", "nodes: [] list should have at least 1 item"),
        ("", "nodes: field required"),
        ("[1]", "the file: [1] input should be"),
        ("nodes: [{name: A_b}]", "nodes[0].name: 'A_b' string should match pattern"),
        ("nodes: [{name: a, kind: gpu}]", "nodes[0].kind: 'gpu' input should be 'process' or 'hollow'"),
        ("nodes: [{name: a, count: 0}]", "nodes[0].count: 0 input should be greater than or equal to 1"),
        ("nodes: [{name: a, capacity: {cpu: many}}]", "nodes[0].capacity.cpu"),
        ("nodes: [{name: a, capacity: {cpu: -1}}]", "is no amount; write a number of zero or more"),
        ("nodes: [{name: a, colour: red}]", "nodes[0].colour: 'red' is no field here"),
        ("nodes: [{name: a, taints: [{key: k, effect: Never}]}]", "nodes[0].taints[0].effect: 'Never'"),
        ("nodes: [{name: a, taints: [{key: a b, effect: NoExecute}]}]", "nodes[0].taints[0].key: 'a b' is no key"),
        ("nodes: [{name: a, labels: {a b: c}}]", "nodes[0].labels.a b: 'a b' is no key; write a word"),
        ("nodes: [{name: a, labels: {gpu: H200 NVL}}]", "nodes[0].labels.gpu: 'H200 NVL' is no value of a label"),
        ("nodes: [{name: a, labels: {gpus: 8}}]", "nodes[0].labels.gpus: 8 is no text; write it in quotes"),
        ("nodes: [{name: a, capacity: {ram: 1Gi}}]", "nodes[0].capacity.ram: 'ram' is no resource; there are cpu,"),
        ("nodes: [{name: a, capacity: {x.io/y: 1.5}}]", "has 1.5 of x.io/y, which comes in whole pieces only"),
        ("nodes: [{name: a}, {name: a}]", "'a' is the name of two nodes; give each its own"),
        ("nodes: [{name: a, count: 2}, {name: a-1}]", "'a-1' is the name of two nodes"),
        ("nodes: [{name: a, count: 5000}, {name: b}]", "5001 nodes; it must be at most 5000"),
        ("nodes: [{name: a", "is no YAML"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(FleetError) as refused:
        _load(tmp_path, text)
    assert str(tmp_path / "nodes.yaml") in str(refused.value)
    assert says in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="cannot be read"):
        load_fleet(tmp_path / "none.yaml")
