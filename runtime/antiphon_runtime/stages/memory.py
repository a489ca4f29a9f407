"""Memory of this process and of what it may take."""

from __future__ import annotations

from pathlib import Path

_STATUS, _MEMINFO = Path("/proc/self/status"), Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def resident_bytes() -> int:
    """Of this process; 0 where it can't be told."""
    return _kilobytes(_STATUS, "VmRSS") * 1024


def free_bytes(cgroup: Path = _CGROUP, meminfo: Path = _MEMINFO) -> int | None:
    """Main memory that may still be taken: the machine's, or less where the container has a limit. None: unknown."""
    known = [found for found in (_kilobytes(meminfo, "MemAvailable") * 1024, _left_in(cgroup)) if found]
    return min(known) if known else None


def _left_in(cgroup: Path) -> int | None:
    """What the limit leaves; files that the kernel keeps in memory count as free."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((cgroup / "memory.current").read_text())
        inactive = next(
            (int(line.split()[1]) for line in (cgroup / "memory.stat").read_text().splitlines()
             if line.startswith("inactive_file ")),
            0,
        )  # fmt: skip
    except (OSError, ValueError):
        return None
    return max(int(limit) - used + inactive, 1)


def _kilobytes(path: Path, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)
