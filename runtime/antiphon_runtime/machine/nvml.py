"""NVIDIA's management library, as far as the runtime uses it, and how its devices are found."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias, TypeVar, cast

_log = logging.getLogger(__name__)
T = TypeVar("T")
Handle: TypeAlias = Any


class Nvml(Protocol):
    """The functions of the module `pynvml`, by their own names. Each may raise NVMLError."""

    @property
    def NVMLError(self) -> type[Exception]: ...  # noqa: N802

    def nvmlInit(self) -> None: ...  # noqa: N802

    def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Handle: ...  # noqa: N802

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Handle) -> int: ...  # noqa: N802

    def nvmlDeviceGetMigDeviceHandleByIndex(self, device: Handle, index: int) -> Handle: ...  # noqa: N802

    def nvmlDeviceGetMigMode(self, handle: Handle) -> Any: ...  # noqa: N802

    def nvmlDeviceGetUUID(self, handle: Handle) -> str: ...  # noqa: N802

    def nvmlDeviceGetName(self, handle: Handle) -> str: ...  # noqa: N802

    def nvmlDeviceGetMemoryInfo(self, handle: Handle) -> Any: ...  # noqa: N802

    def nvmlDeviceGetUtilizationRates(self, handle: Handle) -> Any: ...  # noqa: N802

    def nvmlDeviceGetTemperature(self, handle: Handle, sensor: int) -> int: ...  # noqa: N802

    def nvmlDeviceGetPciInfo(self, handle: Handle) -> Any: ...  # noqa: N802


def load_nvml() -> Nvml | None:
    """None: there is no such library here, or no driver for it to talk to."""
    try:
        nvml = cast("Nvml", importlib.import_module("pynvml"))
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        _log.debug("NVML does not work here: %s", error)
        return None
    return nvml


def tried(nvml: Nvml, ask: Callable[..., T], *about: Any) -> T | None:
    """None: the device does not tell, or is gone."""
    try:
        return ask(*about)
    except nvml.NVMLError:
        return None


def gpus(nvml: Nvml) -> Iterator[Handle]:
    for index in range(tried(nvml, nvml.nvmlDeviceGetCount) or 0):
        handle = tried(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
        if handle is not None:
            yield handle


def is_cut(nvml: Nvml, gpu: Handle) -> bool:
    """In MIG mode: programs can run in its partitions only."""
    mode = tried(nvml, nvml.nvmlDeviceGetMigMode, gpu)
    return mode is not None and bool(mode[0])


def partitions(nvml: Nvml, gpu: Handle) -> Iterator[Handle]:
    """Those that this process may see; the indices may have gaps."""
    for index in range(tried(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, gpu) or 0):
        handle = tried(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu, index)
        if handle is not None:
            yield handle
