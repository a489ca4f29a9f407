"""Which GPU is the process's own, and what it tells. No driver is asked: RecordedNvml answers as listings show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from antiphon_runtime.machine.devices import Gpu, GpuReading, cpu_name, describe, open_gpu, sysfs_bus_id
from antiphon_runtime.machine.nvml import load_nvml
from antiphon_runtime.machine.watching import GpuWatch

T = TypeVar("T")
MIB = 1 << 20
H200_MIB, SLICE_MIB = 143771, 16384


class RecordedNvml:
    """What NVML says of a node with `boards` H200, some of them cut into partitions of 1g.18gb.

    Names, sizes and what is refused where are as `nvidia-smi` lists them; nothing was read from a driver here.
    """

    class NVMLError(Exception):
        pass

    def __init__(self, boards: int = 1, cut: dict[int, int] | None = None) -> None:
        """`cut`: partitions by board."""
        self.boards = boards
        self.cut = cut or {}
        self.lost = False
        self.started = False

    def nvmlInit(self) -> None:  # noqa: N802
        self.started = True

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return self._told(self.boards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return self._told(f"board-{index}")

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:  # noqa: N802
        return self._told([int(_board(handle) in self.cut)] * 2)

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:  # noqa: N802
        return self._told(7 if _board(handle) in self.cut else 0)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: str, index: int) -> str:  # noqa: N802
        """The first place is empty, as it is where a partition was removed."""
        if not 1 <= index <= self.cut[_board(device)]:
            raise self.NVMLError("Not Found")
        return self._told(f"{device}/slice-{index}")

    def nvmlDeviceGetUUID(self, handle: str) -> str:  # noqa: N802
        return self._told(("MIG-" if "slice" in handle else "GPU-") + handle)

    def nvmlDeviceGetName(self, handle: str) -> str:  # noqa: N802
        return self._told("NVIDIA H200 MIG 1g.18gb" if "slice" in handle else "NVIDIA H200")

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:  # noqa: N802
        total = (SLICE_MIB if "slice" in handle else H200_MIB) * MIB
        return self._told(SimpleNamespace(total=total, used=1000 * MIB, free=total - 1000 * MIB))

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:  # noqa: N802
        if _board(handle) in self.cut:
            raise self.NVMLError("Not Supported")
        return self._told(SimpleNamespace(gpu=37, memory=5))

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:  # noqa: N802
        if "slice" in handle or sensor != 0:
            raise self.NVMLError("Invalid Argument")
        return self._told(41)

    def nvmlDeviceGetPciInfo(self, handle: str) -> Any:  # noqa: N802
        return self._told(SimpleNamespace(busId=f"00000000:{0x3B + _board(handle):02X}:00.0"))

    def _told(self, answer: T) -> T:
        if self.lost:
            raise self.NVMLError("GPU is lost")
        return answer


def _board(handle: str) -> int:
    return int(handle.split("/")[0].removeprefix("board-"))


def opened(nvml: RecordedNvml, **environment: str) -> Gpu:
    gpu = open_gpu(environment, nvml)
    assert gpu is not None
    return gpu


# --- whose it is -------------------------------------------------------------------------------------------------------

ONE_CUT = {1: 3}


@pytest.mark.parametrize(
    ("environment", "uuid"),
    [
        ({}, "GPU-board-0"),
        ({"CUDA_VISIBLE_DEVICES": "0"}, "GPU-board-0"),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, "GPU-board-2"),
        ({"CUDA_VISIBLE_DEVICES": " 1 "}, "MIG-board-1/slice-1"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-board-2"}, "GPU-board-2"),
        ({"CUDA_VISIBLE_DEVICES": "MIG-board-1/slice-3"}, "MIG-board-1/slice-3"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-board-1"}, "MIG-board-1/slice-1"),
        ({"CUDA_VISIBLE_DEVICES": "2", "NVIDIA_VISIBLE_DEVICES": "GPU-board-0"}, "GPU-board-2"),
        ({"NVIDIA_VISIBLE_DEVICES": "MIG-board-1/slice-2"}, "MIG-board-1/slice-2"),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-board-2,GPU-board-0"}, "GPU-board-2"),
        ({"NVIDIA_VISIBLE_DEVICES": "GPU-of-another-node"}, "GPU-board-0"),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, "GPU-board-0"),
        ({"NVIDIA_VISIBLE_DEVICES": "void"}, "GPU-board-0"),
        ({"NVIDIA_VISIBLE_DEVICES": "6"}, "GPU-board-0"),
    ],
)
def test_the_environment_names_the_device(environment: dict[str, str], uuid: str) -> None:
    assert opened(RecordedNvml(3, ONE_CUT), **environment).facts.uuid == uuid


@pytest.mark.parametrize("hidden", ["", "-1", "NoDevFiles", "7", "GPU-unknown", "MIG-unknown", "\u0663"])
def test_what_cuda_does_not_see_is_not_there(hidden: str) -> None:
    assert open_gpu({"CUDA_VISIBLE_DEVICES": hidden}, RecordedNvml(2)) is None


@pytest.mark.parametrize("nvml", [RecordedNvml(0), RecordedNvml(1, cut={0: 0})])
def test_without_a_device_or_a_partition_there_is_none(nvml: RecordedNvml) -> None:
    assert open_gpu({}, nvml) is None


# --- what it tells ---------------------------------------------------------------------------------------------------


def test_a_whole_gpu() -> None:
    reading = opened(RecordedNvml()).read()
    device = describe(reading, pinning="pinned to NUMA node 0", numa_node=0)
    assert (device.kind, device.name, device.profile) == ("gpu", "NVIDIA H200", None)
    assert device.memory_total_bytes == H200_MIB * MIB
    assert (device.memory_used_bytes, reading.memory_free_bytes) == (1000 * MIB, (H200_MIB - 1000) * MIB)
    assert (device.temperature_celsius, reading.utilisation_ratio) == (41, 0.37)
    assert (device.numa_node, device.pinning) == (0, "pinned to NUMA node 0")
    assert reading.facts.pci_bus_id == "0000:3b:00.0"


def test_a_partition_tells_its_own_memory_and_its_boards_temperature() -> None:
    reading = opened(RecordedNvml(1, cut={0: 2})).read()
    device = describe(reading)
    assert (device.kind, device.name, device.profile) == ("mig", "NVIDIA H200", "1g.18gb")
    assert (device.memory_total_bytes, reading.facts.board_memory_bytes) == (SLICE_MIB * MIB, H200_MIB * MIB)
    assert (device.temperature_celsius, reading.utilisation_ratio) == (41, None)


def test_a_gpu_that_is_lost_tells_nothing_and_breaks_nothing() -> None:
    nvml = RecordedNvml()
    gpu = opened(nvml)
    nvml.lost = True
    assert gpu.read() == GpuReading(gpu.facts)
    assert describe(gpu.read()).memory_used_bytes is None
    assert open_gpu({}, nvml) is None


def test_without_a_gpu_it_is_the_cpu() -> None:
    device = describe(None, pinning="x" * 1000)
    assert (device.kind, device.name, len(device.pinning)) == ("cpu", cpu_name(), 256)


def test_the_cpus_name_is_the_kernels(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC 9V84: the 2nd\n")
    assert cpu_name(tmp_path) == "AMD EPYC 9V84: the 2nd"
    assert cpu_name(tmp_path / "nothing-here")


@pytest.mark.parametrize(
    ("of_nvml", "of_sysfs"),
    [("00000000:3B:00.0", "0000:3b:00.0"), ("00010000:01:00.0", "10000:01:00.0"), ("odd", "odd")],
)
def test_sysfs_writes_the_bus_its_own_way(of_nvml: str, of_sysfs: str) -> None:
    assert sysfs_bus_id(of_nvml) == of_sysfs


def test_the_machines_own_library_answers_or_is_not_there() -> None:
    nvml = load_nvml()
    gpu = open_gpu({})
    assert nvml is not None or gpu is None
    if gpu is not None:
        assert describe(gpu.read()).kind in ("gpu", "mig")


# --- again and again ---------------------------------------------------------------------------------------------------


def watched(nvml: RecordedNvml, enough: Callable[[list[GpuReading]], bool]) -> list[GpuReading]:
    """Readings until there are enough."""

    async def watch() -> list[GpuReading]:
        readings: list[GpuReading] = []
        done = asyncio.Event()

        def take(reading: GpuReading) -> None:
            readings.append(reading)
            nvml.lost = True
            if enough(readings):
                done.set()

        with GpuWatch(opened(nvml), take, every_seconds=0.001) as watch:
            await asyncio.wait_for(done.wait(), 10)
        assert watch.latest == readings[-1]
        return readings

    return asyncio.run(watch())


def test_it_is_read_again_and_again_also_after_it_was_lost() -> None:
    readings = watched(RecordedNvml(), lambda readings: len(readings) >= 5)
    assert readings[0].temperature_celsius == 41
    assert readings[-1].temperature_celsius is None


def test_after_its_end_nothing_is_told() -> None:
    async def story() -> list[GpuReading]:
        readings: list[GpuReading] = []
        with GpuWatch(opened(RecordedNvml()), readings.append, every_seconds=0.001):
            pass
        await asyncio.sleep(0.05)
        return readings

    assert asyncio.run(story()) == []
