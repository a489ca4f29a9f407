"""Node objects as a kubelet registers them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime

from antiphon_sandbox.nodes.fleet import Node, machine
from antiphon_sandbox.objects import Obj, timestamp, with_condition

KIND_LABEL = "antiphon.dev/node-kind"
_HOLLOW_HAS = {"cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti"}
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "the sandbox serves this node"),
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def node_object(node: Node, address: str, now: datetime) -> Obj:
    """As it is made."""
    spec = node.spec
    taints = [taint.model_dump(exclude_defaults=True) for taint in spec.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels(node), "annotations": dict(spec.annotations)},
        "spec": {"taints": taints} if taints else {},
        "status": status(node, address, now),
    }


def labels(node: Node) -> dict[str, str]:
    usual = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": _architecture(),
        KIND_LABEL: node.kind,
    }
    return usual | node.spec.labels


def status(node: Node, address: str, now: datetime) -> Obj:
    capacity = {**(machine() if node.kind == "process" else _HOLLOW_HAS), **_texts(node.spec.capacity)}
    conditions: list[Obj] = []
    for kind, value, reason, message in _CONDITIONS:
        told = {"type": kind, "status": value, "reason": reason, "message": message}
        conditions = with_condition(conditions, {**told, "lastHeartbeatTime": timestamp(now)}, now)
    return {
        "capacity": capacity,
        "allocatable": {**capacity, **_texts(node.spec.allocatable)},
        "conditions": conditions,
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": node.name}],
        "nodeInfo": _info(node),
    }


def _texts(amounts: Mapping[str, str | int | float]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}


def _info(node: Node) -> dict[str, str]:
    runs = "process" if node.kind == "process" else "hollow, runs nothing"
    return {
        "architecture": _architecture(),
        "bootID": node.name,
        "containerRuntimeVersion": f"antiphon-sandbox://{runs}",
        "kernelVersion": platform.release(),
        "kubeProxyVersion": "",
        "kubeletVersion": "v1.36.0+antiphon-sandbox",
        "machineID": node.name,
        "operatingSystem": "linux",
        "osImage": "Antiphon sandbox",
        "systemUUID": node.name,
    }


def _architecture() -> str:
    return _ARCHITECTURES.get(platform.machine(), platform.machine())
