"""Keeps the process on the cores and in the memory that are next to its GPU."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from antiphon_runtime.machine.memory_policy import take_memory_from

Mode: TypeAlias = Literal["Pin", "Prefer", "Ignore"]
"""As `machine.numa` of the configuration."""

_TASKS = Path("/proc/self/task")


class PinningError(Exception):
    """Pin was wanted and can't be had; the text says why."""


class _NotPossibleError(Exception):
    """The text ends a sentence that says what could not be done."""


@dataclass(frozen=True, slots=True)
class Pinning:
    """What was done."""

    node: int | None
    """NUMA node that the process's threads run on. None: they run anywhere they may."""
    sentence: str


@dataclass(frozen=True, slots=True)
class _Node:
    number: int
    why: str
    cores: frozenset[int]
    """Those of it that the process may use."""


def pin(mode: Mode, pci_bus_id: str | None, sysfs: Path = Path("/sys")) -> Pinning:
    """`pci_bus_id` of the GPU, as sysfs writes it; None: there is no GPU.

    Called before other threads allocate: cores are set for all threads, memory for the calling one and those it starts.
    Pin binds memory to the node, and raises PinningError where any of it fails; Prefer does what it can.
    """
    if mode == "Ignore":
        return Pinning(None, "not pinned: machine.numa is Ignore")
    try:
        node = _node_for(pci_bus_id, sysfs)
        _run_on(node)
    except _NotPossibleError as reason:
        if mode == "Pin":
            raise PinningError(f"machine.numa is Pin, but {reason}") from reason
        return Pinning(None, f"not pinned: {reason}")
    return Pinning(node.number, f"{_on(node)}; {_memory(mode, node.number)}")


def _node_for(pci_bus_id: str | None, sysfs: Path) -> _Node:
    """The GPU's node; where that can't be told, the one that has all cores that the process may use."""
    allowed = os.sched_getaffinity(0)
    nodes = _nodes(sysfs)
    number = _node_of_gpu(pci_bus_id, sysfs)
    if number is not None:
        return _Node(number, "the GPU's", _allowed_of(number, nodes, allowed))
    for number, cores in nodes.items():
        if allowed <= cores:
            return _Node(number, "which has all cores it may use", frozenset(allowed))
    whose = "there is no GPU" if pci_bus_id is None else f"the node of GPU {pci_bus_id} is not known"
    raise _NotPossibleError(f"{whose} and the machine has {len(nodes)} NUMA nodes")


def _allowed_of(number: int, nodes: dict[int, frozenset[int]], allowed: set[int]) -> frozenset[int]:
    if number not in nodes:
        raise _NotPossibleError(f"the GPU's NUMA node {number} has no cores that are known")
    if not (cores := nodes[number] & allowed):
        raise _NotPossibleError(
            f"the process may use cores {as_list(allowed)} only, and none of them is of the GPU's"
            f" NUMA node {number} ({as_list(nodes[number])})"
        )
    return cores


def _on(node: _Node) -> str:
    return f"pinned to NUMA node {node.number}, {node.why}: cores {as_list(node.cores)}"


def _memory(mode: Mode, node: int) -> str:
    try:
        take_memory_from(node, "bind" if mode == "Pin" else "preferred")
    except OSError as error:
        if mode == "Pin":
            raise PinningError(
                f"machine.numa is Pin, but memory can't be bound to NUMA node {node}: {error}"
            ) from error
        return f"memory comes from anywhere: {error.strerror or error}"
    return "memory comes from it only" if mode == "Pin" else "memory comes from it first"


# --- threads ---------------------------------------------------------------------------------------------------------


def _run_on(node: _Node) -> None:
    """Again until no new thread is found: one may be started by another that was not reached yet."""
    done: set[int] = set()
    while new := {int(task.name) for task in _TASKS.iterdir()} - done:
        for thread in new:
            _run_thread_on(thread, node)
        done |= new


def _run_thread_on(thread: int, node: _Node) -> None:
    try:
        os.sched_setaffinity(thread, node.cores)
    except ProcessLookupError:
        return  # it has ended
    except OSError as error:
        raise _NotPossibleError(f"threads can't be put on cores {as_list(node.cores)}: {error}") from error


# --- sysfs -----------------------------------------------------------------------------------------------------------


def _node_of_gpu(pci_bus_id: str | None, sysfs: Path) -> int | None:
    """None: not known, which the kernel writes as -1."""
    if not pci_bus_id:
        return None
    text = _text(sysfs / "bus/pci/devices" / pci_bus_id / "numa_node")
    return int(text) if text.isdigit() else None


def _nodes(sysfs: Path) -> dict[int, frozenset[int]]:
    """Cores by node; a node of memory alone is left out."""
    folders = sorted((sysfs / "devices/system/node").glob("node[0-9]*"))
    found = {int(folder.name[len("node") :]): cores_of(_text(folder / "cpulist")) for folder in folders}
    return {number: cores for number, cores in sorted(found.items()) if cores}


def cores_of(text: str) -> frozenset[int]:
    """Of a list as the kernel writes it, such as 0-15,32-47."""
    ranges = (re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip()) for part in text.split(","))
    return frozenset(core for found in ranges if found for core in range(int(found[1]), int(found[2] or found[1]) + 1))


def as_list(cores: frozenset[int] | set[int]) -> str:
    """As the kernel writes it."""
    parts: list[tuple[int, int]] = []
    for core in sorted(cores):
        if parts and core == parts[-1][1] + 1:
            parts[-1] = (parts[-1][0], core)
        else:
            parts.append((core, core))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
