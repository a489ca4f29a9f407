"""What the process runs on: facts of its GPU or partition, or of the CPU where it has none."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon_crds.control import Device
from antiphon_runtime.machine.nvml import Nvml, load_nvml, tried
from antiphon_runtime.machine.visible import Found, find

_LONGEST_NAME = 256
_CORE_TEMPERATURE = 0
_MIG_NAME = re.compile(r"^(?P<gpu>.*?)\s+MIG\s+(?P<profile>[1-7](?:c\.[1-7])?g\.\S+)$")


@dataclass(frozen=True, slots=True)
class GpuFacts:
    """What stays the same."""

    uuid: str
    name: str
    """Product name of the whole GPU."""
    profile: str | None
    """MIG profile; empty where it is not told. None: it is a whole GPU."""
    pci_bus_id: str
    """As sysfs writes it, such as 0000:3b:00.0; empty where unknown."""
    memory_total_bytes: int | None
    board_memory_bytes: int | None
    """Of the whole GPU, where this is a part of it."""


@dataclass(frozen=True, slots=True)
class GpuReading:
    """What it is like now. None: the device does not tell, as a MIG partition its utilisation, or is gone."""

    facts: GpuFacts
    memory_used_bytes: int | None = None
    utilisation_ratio: float | None = None
    temperature_celsius: float | None = None

    @property
    def memory_free_bytes(self) -> int | None:
        if self.memory_used_bytes is None or self.facts.memory_total_bytes is None:
            return None
        return self.facts.memory_total_bytes - self.memory_used_bytes


class Gpu:
    """The GPU or partition of this process. Reading may block for some milliseconds."""

    def __init__(self, nvml: Nvml, found: Found) -> None:
        self._nvml = nvml
        self._board = found.gpu
        self._device = found.gpu if found.partition is None else found.partition
        self._cut = found.partition is not None
        self.facts = self._facts()

    def read(self) -> GpuReading:
        nvml = self._nvml
        memory = tried(nvml, nvml.nvmlDeviceGetMemoryInfo, self._device)
        rates = None if self._cut else tried(nvml, nvml.nvmlDeviceGetUtilizationRates, self._device)
        return GpuReading(
            self.facts,
            memory_used_bytes=memory.used if memory else None,
            utilisation_ratio=rates.gpu / 100 if rates else None,
            temperature_celsius=tried(nvml, nvml.nvmlDeviceGetTemperature, self._board, _CORE_TEMPERATURE),
        )

    def _facts(self) -> GpuFacts:
        nvml = self._nvml
        name, profile = _name_and_profile(tried(nvml, nvml.nvmlDeviceGetName, self._device) or "")
        pci = tried(nvml, nvml.nvmlDeviceGetPciInfo, self._board)
        return GpuFacts(
            uuid=tried(nvml, nvml.nvmlDeviceGetUUID, self._device) or "",
            name=name,
            profile=(profile or "") if self._cut else None,
            pci_bus_id=sysfs_bus_id(pci.busId) if pci else "",
            memory_total_bytes=self._total(self._device),
            board_memory_bytes=self._total(self._board),
        )

    def _total(self, device: object) -> int | None:
        memory = tried(self._nvml, self._nvml.nvmlDeviceGetMemoryInfo, device)
        return memory.total if memory else None


def open_gpu(environment: Mapping[str, str] = os.environ, nvml: Nvml | None = None) -> Gpu | None:
    """None: this process has no GPU that could be asked. Without `nvml` the machine's own is used."""
    nvml = nvml or load_nvml()
    found = find(nvml, environment) if nvml else None
    return Gpu(nvml, found) if nvml and found else None


def describe(reading: GpuReading | None, *, pinning: str = "", numa_node: int | None = None) -> Device:
    """As the state of the pod tells it. Without a GPU it is the CPU."""
    if reading is None:
        return Device(kind="cpu", name=cpu_name(), numa_node=numa_node, pinning=pinning[:_LONGEST_NAME])
    facts = reading.facts
    return Device(
        kind="gpu" if facts.profile is None else "mig",
        name=facts.name[:_LONGEST_NAME],
        profile=facts.profile or None,
        memory_total_bytes=facts.memory_total_bytes,
        memory_used_bytes=reading.memory_used_bytes,
        temperature_celsius=reading.temperature_celsius,
        numa_node=numa_node,
        pinning=pinning[:_LONGEST_NAME],
    )


def cpu_name(proc: Path = Path("/proc")) -> str:
    """Product name, or the architecture where the kernel does not tell it."""
    for line in _lines(proc / "cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() == "model name" and value.strip():
            return value.strip()[:_LONGEST_NAME]
    return platform.machine()


def sysfs_bus_id(of_nvml: str) -> str:
    """NVML writes the domain with eight digits, sysfs with four; where four don't hold it, sysfs writes all it needs."""
    domain, _, rest = of_nvml.lower().partition(":")
    return f"{int(domain, 16):04x}:{rest}" if rest else of_nvml.lower()


def _name_and_profile(name: str) -> tuple[str, str | None]:
    found = _MIG_NAME.match(name)
    return (found["gpu"], found["profile"].lower()) if found else (name, None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
