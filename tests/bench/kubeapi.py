"""The embedded API server's speed and size: creates with CEL rules on, applies, watches, memory at 5,000 objects.

python tests/bench/kubeapi.py [--json] [--seconds N] [--kubeconfig FILE] [--peer FILE]

The server has a core of its own where there are two. `--kubeconfig` measures another API server in its place, `--peer`
one beside it in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tests" / "support"))

from api_load import CONNECTIONS, WATCHERS, WRITES_PER_SECOND, Phase, ready_load  # noqa: E402
from kubeconfig import read_kubeconfig  # noqa: E402

import sandbox  # noqa: E402

OBJECTS = 5000
AGENTS_CHANGED = 500
BUSY_CLIENT = 0.85
NOT_KEPT_UP = 0.9


@dataclass(frozen=True)
class Figures:
    """What one run found."""

    creates: Phase
    applies: Phase
    watches: Phase
    rss_mb: float | None
    server_cpu: float | None
    """Share of a core that the server used while it created."""

    def rows(self) -> dict[str, float | None]:
        return {
            "creates_per_s": round(self.creates.per_second, 1),
            "ssa_per_s": round(self.applies.per_second, 1),
            "watch_p50_ms": round(self.watches.percentile_ms(50), 2),
            "watch_p99_ms": round(self.watches.percentile_ms(99), 2),
            "rss_mb": None if self.rss_mb is None else round(self.rss_mb, 1),
        }


async def _measure(kubeconfig: Path, seconds: float, pid: int | None) -> Figures:
    async with ready_load(read_kubeconfig(kubeconfig), f"bench-{uuid.uuid4().hex[:8]}") as load:
        before = _cpu_seconds(pid)
        creates = await load.create(OBJECTS)
        used = None if pid is None else (_cpu_seconds(pid) - before) / creates.seconds
        applies = await load.apply(seconds, AGENTS_CHANGED)
        watches = await load.watch(seconds, AGENTS_CHANGED)
        return Figures(creates, applies, watches, _rss_mb(pid), used)


def _cpu_seconds(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int | None) -> float | None:
    if pid is None:
        return None
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@contextmanager
def _embedded_server() -> Iterator[tuple[Path, int]]:
    """The kubeconfig and the process id of a fresh server, on a core that the client leaves to it."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        with sandbox.running("api", "--kubeconfig", kubeconfig) as process:
            if len(cores) > 1:
                for task in Path(f"/proc/{process.pid}/task").iterdir():
                    os.sched_setaffinity(int(task.name), cores[:1])
                os.sched_setaffinity(0, cores[1:])
            try:
                yield kubeconfig, process.pid
            finally:
                if len(cores) > 1:
                    os.sched_setaffinity(0, cores)


def _print(figures: dict[str, Figures]) -> None:
    names = list(figures)
    print("".join([f"{'':<15}", *(f"{name:>12}" for name in names)]) + (f"{'ratio':>9}" if len(names) > 1 else ""))
    for key in next(iter(figures.values())).rows():
        values = [figures[name].rows()[key] for name in names]
        cells = [f"{'-' if value is None else f'{value:.2f}':>12}" for value in values]
        print(f"{key:<15}" + "".join(cells) + _ratio(values))
    for name, found in figures.items():
        shares = [("creating", found.creates), ("applying", found.applies), ("watching", found.watches)]
        client = ", ".join(f"{phase.client_cpu:.0%} {what}" for what, phase in shares)
        server = "" if found.server_cpu is None else f"; the server {found.server_cpu:.0%} creating"
        print(f"{name}: the client used of its core {client}{server}")
        if any(phase.client_cpu > BUSY_CLIENT for _, phase in shares):
            print(f"{name}: the client was the bottleneck; the server can do more")
        if found.watches.per_second < NOT_KEPT_UP * WRITES_PER_SECOND:
            print(f"{name}: took only {found.watches.per_second:.0f} writes/s; its watch times are those of overload")


def _ratio(values: list[float | None]) -> str:
    match values:
        case [float(ours), float(theirs)]:
            return f"{ours / theirs:>9.2f}"
        case _:
            return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--seconds", type=float, default=8, help="how long applies and watches are measured, each")
    parser.add_argument("--kubeconfig", type=Path, help="an API server to measure in place of the embedded one")
    parser.add_argument("--peer", type=Path, help="kubeconfig of an API server to measure beside it")
    options = parser.parse_args()
    print(
        f"{OBJECTS} VoiceAgents created over {CONNECTIONS} connections; {WATCHERS} watchers at "
        f"{WRITES_PER_SECOND} writes/s; ratio: ours / peer"
    )
    if options.kubeconfig:
        figures = {"given": asyncio.run(_measure(options.kubeconfig, options.seconds, None))}
    else:
        with _embedded_server() as (kubeconfig, pid):
            figures = {"embedded": asyncio.run(_measure(kubeconfig, options.seconds, pid))}
    (ours,) = figures.values()
    if options.peer:
        figures["peer"] = asyncio.run(_measure(options.peer, options.seconds, None))
    _print(figures)
    if options.json:
        beside = {"peer": figures["peer"].rows()} if options.peer else {}
        print(json.dumps({**ours.rows(), **beside}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
