"""Which GPU or partition the environment gives to this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from antiphon_runtime.machine.nvml import Handle, Nvml, gpus, is_cut, partitions, tried


@dataclass(frozen=True, slots=True)
class Found:
    """A whole GPU, or a partition of it."""

    gpu: Handle
    partition: Handle | None = None


def find(nvml: Nvml, environment: Mapping[str, str]) -> Found | None:
    """The first device that CUDA would use, or None.

    CUDA_VISIBLE_DEVICES counts. NVIDIA_VISIBLE_DEVICES does only where it names a device: its numbers are those of the
    node, while a container sees its own GPUs counted from 0, and `void` is also said where devices come another way.
    """
    wanted = environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is not None:
        return _named(nvml, wanted.split(",")[0].strip())
    named = environment.get("NVIDIA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if named.startswith(("GPU-", "MIG-")) and (found := _named(nvml, named)):
        return found
    return next(_all(nvml), None)


def _named(nvml: Nvml, name: str) -> Found | None:
    """By number, or by the beginning of its UUID. A word that names none, such as an empty one, hides all of them."""
    if name.isascii() and name.isdigit():
        return _numbered(nvml, int(name))
    if not name.startswith(("GPU-", "MIG-")):
        return None
    return next((found for found in _all(nvml) if _is_called(nvml, found, name)), None)


def _numbered(nvml: Nvml, number: int) -> Found | None:
    """Of a GPU that is cut, the first partition, as CUDA does it."""
    for index, gpu in enumerate(gpus(nvml)):
        if index == number:
            return next(_of(nvml, gpu), None)
    return None


def _all(nvml: Nvml) -> Iterator[Found]:
    for gpu in gpus(nvml):
        yield from _of(nvml, gpu)


def _of(nvml: Nvml, gpu: Handle) -> Iterator[Found]:
    if is_cut(nvml, gpu):
        yield from (Found(gpu, partition) for partition in partitions(nvml, gpu))
    else:
        yield Found(gpu)


def _is_called(nvml: Nvml, found: Found, name: str) -> bool:
    """A whole GPU's name also finds its first partition."""
    devices = (found.gpu, found.partition) if found.partition is not None else (found.gpu,)
    return any((tried(nvml, nvml.nvmlDeviceGetUUID, device) or "").startswith(name) for device in devices)
