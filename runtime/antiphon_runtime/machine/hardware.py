"""The name under which profiles of models know this machine, and how many cores it may use."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from antiphon_runtime.machine.devices import GpuFacts

_GIB = 1 << 30
_SIZES_GB = (8, 10, 11, 12, 16, 20, 24, 32, 40, 48, 64, 80, 94, 96, 141, 180, 186, 192, 288)
"""As boards are sold. What a program sees of them is less: with error correction on GDDR a sixteenth is gone."""
_MOST_HIDDEN = 0.07
_NOT_THE_CHIP = re.compile(
    r"\b(nvidia|tesla|geforce|quadro|blackwell|sxm\d*|pcie|nvl|hbm\d*e?|\d+gb|(server|workstation) edition|max-q|generation)\b"
)
_LONGEST_CHIP = 32
"""So that memory and profile fit into the 63 characters of a name."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the kernel tells of the machine; tests give other folders."""

    proc: Path = Path("/proc")
    cgroup: Path = Path("/sys/fs/cgroup")


THIS_MACHINE = Roots()


def hardware_name(gpu: GpuFacts | None, roots: Roots = THIS_MACHINE) -> str:
    """Such as `h200-141gb`, `h200-141gb/1g.18gb` or, without a GPU, `cpu-avx512-2`."""
    return gpu_name(gpu) if gpu else f"cpu-{_instructions(roots)}-{max(int(cores(roots)), 1)}"


def gpu_name(gpu: GpuFacts) -> str:
    words = "-".join(re.findall(r"[a-z0-9]+", _NOT_THE_CHIP.sub(" ", gpu.name.lower())))
    chip = words[:_LONGEST_CHIP].strip("-") or "gpu"
    memory = f"-{_sold_as_gb(gpu.board_memory_bytes)}gb" if gpu.board_memory_bytes else ""
    return f"{chip}{memory}/{gpu.profile}" if gpu.profile else chip + memory


def _sold_as_gb(seen_bytes: int) -> int:
    seen = seen_bytes / _GIB
    fitting = (size for size in _SIZES_GB if seen <= size + 0.05 and seen >= size * (1 - _MOST_HIDDEN))
    return next(fitting, math.ceil(seen))


def _instructions(roots: Roots) -> str:
    """The widest vectors of the CPU, in one word."""
    flags = _flags(roots)
    known = {"avx512f": "avx512", "avx2": "avx2", "avx": "avx", "sse4_2": "sse4", "sve": "sve", "asimd": "neon"}
    return next((word for flag, word in known.items() if flag in flags), _plain(platform.machine()))


def _flags(roots: Roots) -> set[str]:
    for line in _text(roots.proc / "cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return set(value.split())
    return set()


def _plain(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", word.lower()) or "unknown"


# --- cores -----------------------------------------------------------------------------------------------------------


def cores(roots: Roots = THIS_MACHINE) -> float:
    """Cores that the process may keep busy: by the quota of its cgroups, and by its affinity."""
    return min([float(len(os.sched_getaffinity(0))), *_quotas(roots)])


def _quotas(roots: Roots) -> Iterator[float]:
    """Of the process's cgroups and those above them; any of them may hold it back."""
    for line in _text(roots.proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "none", "")
        if controllers == "":
            yield from _found(_quota_v2, roots.cgroup, path)
        elif "cpu" in controllers.split(","):
            yield from _found(_quota_v1, roots.cgroup / controllers, path)
            yield from _found(_quota_v1, roots.cgroup / "cpu", path)


def _found(quota: Callable[[Path], float | None], root: Path, path: str) -> Iterator[float]:
    """A container often sees its own cgroup as the root while its path is the host's: then only the root is there."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for depth in range(len(parts), -1, -1):
        if (cores := quota(root.joinpath(*parts[:depth]))) is not None:
            yield cores


def _quota_v2(folder: Path) -> float | None:
    words = _text(folder / "cpu.max").split()
    return _share(words[0], words[1]) if len(words) == 2 else None


def _quota_v1(folder: Path) -> float | None:
    return _share(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _share(quota: str, period: str) -> float | None:
    """None: no limit, which is `max` in the one version and -1 in the other."""
    if not (quota.isdigit() and period.isdigit()) or int(period) == 0 or int(quota) == 0:
        return None
    return int(quota) / int(period)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
