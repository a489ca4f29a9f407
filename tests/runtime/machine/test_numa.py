"""The process ends up on the cores of its GPU's node, and says so; what can't be had is said too.

What changes the process is done in a child, on this machine's own cores; the machine's shape is a made-up sysfs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.machine.numa import as_list, cores_of, pin

GPU = "0000:3b:00.0"
MINE = sorted(os.sched_getaffinity(0))
FIRST, REST = {MINE[0]}, set(MINE[1:])
NOBODYS = {core + 4096 for core in MINE}
RUNTIME, CONTRACT = (str(Path(__file__).parents[3] / folder) for folder in ("runtime", "crds"))
needs_two_cores = pytest.mark.skipif(len(MINE) < 2, reason="this process may use one core only")

CHILD = """
import json, os, sys, threading
from pathlib import Path
from antiphon_runtime.machine.numa import PinningError, pin

end, started = threading.Event(), []
before = [threading.Thread(target=end.wait) for _ in range(5)]
[thread.start() for thread in before]
mode, bus, sysfs = sys.argv[1:]
try:
    pinning = pin(mode, bus or None, Path(sysfs))
    result = {"node": pinning.node, "sentence": pinning.sentence}
except PinningError as error:
    result = {"error": str(error)}
after = threading.Thread(target=end.wait)
after.start()
tasks = [int(task) for task in os.listdir("/proc/self/task")]
result["threads"] = [sorted(os.sched_getaffinity(task)) for task in tasks]
buffer = bytearray(64 << 20)
numa_maps = Path("/proc/self/numa_maps")
result["policies"] = sorted({line.split()[1] for line in numa_maps.read_text().splitlines()}) if numa_maps.exists() else None
end.set()
print(json.dumps(result))
"""


def machine(folder: Path, nodes: dict[int, set[int]], gpu_node: int | None = None) -> Path:
    """A sysfs of a machine with these cores by node, and a GPU."""
    for number, cores in nodes.items():
        (folder / f"devices/system/node/node{number}").mkdir(parents=True)
        (folder / f"devices/system/node/node{number}/cpulist").write_text(as_list(cores) + "\n")
    if gpu_node is not None:
        (folder / "bus/pci/devices" / GPU).mkdir(parents=True)
        (folder / "bus/pci/devices" / GPU / "numa_node").write_text(f"{gpu_node}\n")
    return folder


def pinned(mode: str, sysfs: Path, bus: str = GPU) -> dict[str, Any]:
    """What became of a child with seven threads."""
    run = subprocess.run(
        [sys.executable, "-c", CHILD, mode, bus, str(sysfs)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((RUNTIME, CONTRACT))},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, Any] = json.loads(run.stdout)
    assert len(found["threads"]) == 7
    return found


@needs_two_cores
def test_all_threads_run_on_the_gpus_node_and_memory_comes_from_there(tmp_path: Path) -> None:
    found = pinned("Prefer", machine(tmp_path, {0: FIRST, 1: REST}, gpu_node=0))
    assert found["threads"] == [sorted(FIRST)] * 7
    assert found["node"] == 0
    assert found["sentence"].startswith(f"pinned to NUMA node 0, the GPU's: cores {as_list(FIRST)}; memory comes from")
    if found["policies"] is not None and "it first" in found["sentence"]:
        assert "prefer:0" in " ".join(found["policies"])


@needs_two_cores
def test_pin_binds_memory_or_says_why_it_can_not(tmp_path: Path) -> None:
    found = pinned("Pin", machine(tmp_path, {0: FIRST, 1: REST}, gpu_node=0))
    if "error" in found:  # such as in a container that may not call set_mempolicy
        assert found["error"].startswith("machine.numa is Pin, but memory can't be bound to NUMA node 0: ")
        return
    assert found["sentence"].endswith("memory comes from it only")
    assert found["policies"] is None or "bind:0" in " ".join(found["policies"])


def test_memory_of_a_node_that_is_not_there(tmp_path: Path) -> None:
    """The made-up node 900 has this machine's cores; the kernel knows of no memory there."""
    sysfs = machine(tmp_path, {0: NOBODYS, 900: set(MINE)}, gpu_node=900)
    found = pinned("Prefer", sysfs)
    assert found["node"] == 900
    assert "memory comes from anywhere: " in found["sentence"]
    assert "memory can't be bound to NUMA node 900: " in pinned("Pin", sysfs)["error"]


def test_a_gpu_next_to_cores_that_the_process_may_not_use(tmp_path: Path) -> None:
    sysfs = machine(tmp_path, {0: set(MINE), 1: NOBODYS}, gpu_node=1)
    reason = (
        f"the process may use cores {as_list(set(MINE))} only, and none of them is of the GPU's"
        f" NUMA node 1 ({as_list(NOBODYS)})"
    )
    found = pinned("Prefer", sysfs)
    assert (found["node"], found["sentence"]) == (None, f"not pinned: {reason}")
    assert found["threads"] == [MINE] * 7
    assert pinned("Pin", sysfs)["error"] == f"machine.numa is Pin, but {reason}"


@needs_two_cores
@pytest.mark.parametrize(
    ("bus", "gpu_node", "reason"),
    [
        ("", None, "there is no GPU and the machine has 2 NUMA nodes"),
        (GPU, -1, f"the node of GPU {GPU} is not known and the machine has 2 NUMA nodes"),
        (GPU, None, f"the node of GPU {GPU} is not known and the machine has 2 NUMA nodes"),
        (GPU, 7, "the GPU's NUMA node 7 has no cores that are known"),
    ],
)
def test_where_no_node_is_the_right_one(tmp_path: Path, bus: str, gpu_node: int | None, reason: str) -> None:
    sysfs = machine(tmp_path, {0: FIRST, 1: REST}, gpu_node)
    found = pinned("Prefer", sysfs, bus)
    assert (found["node"], found["sentence"], found["threads"]) == (None, f"not pinned: {reason}", [MINE] * 7)
    assert pinned("Pin", sysfs, bus)["error"] == f"machine.numa is Pin, but {reason}"


@pytest.mark.parametrize("bus", ["", GPU])
def test_where_all_cores_are_of_one_node_it_is_that_one(tmp_path: Path, bus: str) -> None:
    found = pinned("Prefer", machine(tmp_path, {0: set(MINE), 1: NOBODYS}), bus)
    assert (found["node"], found["threads"]) == (0, [MINE] * 7)
    assert f"NUMA node 0, which has all cores it may use: cores {as_list(set(MINE))}" in found["sentence"]


def test_ignore_leaves_all_as_it_is(tmp_path: Path) -> None:
    assert (
        pin("Ignore", GPU, machine(tmp_path, {0: FIRST}, gpu_node=0)).sentence == "not pinned: machine.numa is Ignore"
    )
    assert sorted(os.sched_getaffinity(0)) == MINE


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    pinning = pin("Prefer", None, tmp_path)
    assert (pinning.node, pinning.sentence) == (None, "not pinned: there is no GPU and the machine has 0 NUMA nodes")


@given(st.frozensets(st.integers(0, 300)))
def test_core_lists_are_read_as_they_are_written(cores: frozenset[int]) -> None:
    assert cores_of(as_list(cores)) == cores


def test_core_lists_as_the_kernel_writes_them() -> None:
    assert cores_of("0-2, 8,10-11\n") == {0, 1, 2, 8, 10, 11}
    assert as_list({0, 1, 2, 8, 10, 11}) == "0-2,8,10-11"
    assert cores_of("") == cores_of("none") == frozenset()
