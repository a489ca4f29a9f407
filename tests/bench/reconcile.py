"""How fast the operator turns VoiceAgents into their children, at what cost, and whether it is still afterwards.

python tests/bench/reconcile.py [--agents N] [--json] [--kubeconfig FILE] [--world api|up] [--no-peer] [--quiet-seconds N]
    [--only ours|plain]

Each agent is a whole cascade of emulated models on a CPU with one of five SLAPolicies, and becomes nine children. Beside the
operator runs a plain kopf operator with handlers of creation and update (tests/support/plain_kopf_operator.py) that makes the
same children. Each meets a fresh API server three times:

1. All agents are there; then the operator starts. `agents_per_s` counts from the start of its process (Python's imports and
   the first lists among it) until the last child of the last agent is there, as seen from outside. `rss_mb` is the most
   memory that its process ever took. When it has come to rest, `steady_writes` counts the objects of the whole cluster, but
   for heartbeats (Leases, Nodes), that are new, changed or gone after --quiet-seconds more.
2. The operator is idle; then the agents arrive over 16 connections. `agents_per_s_arriving` counts from the first of them.
3. As 1., with a proxy between that counts: `writes_per_agent`, `requests_per_agent` (reads, watches and discovery among it;
   Leases apart). It takes CPU of its own, so that nothing is timed here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
SUPPORT = REPOSITORY / "tests" / "support"
sys.path.insert(0, str(SUPPORT))

from agent_fleet import CONNECTIONS, Fleet, fleet_of  # noqa: E402
from api_recorder import ApiRecorder, recording  # noqa: E402
from fleet_measures import all_revisions, applied, changed, clear, cpu_seconds, machine, peak_rss_mb, settled  # noqa: E402
from operator_process import Child, ended, operator_process, start  # noqa: E402

import sandbox  # noqa: E402

NODES = 4
NODES_OF_UP = {"nodes": [{"name": "hollow", "kind": "hollow", "count": 8, "capacity": {"cpu": 96, "pods": 250}}]}
PLAIN = SUPPORT / "plain_kopf_operator.py"
PLAIN_STARTS_SECONDS = 5.0
LEAST_SECONDS, SECONDS_PER_AGENT = 120, 1.0
"""How long an operator may take before it is given up."""


@dataclass
class Figures:
    """Of one operator."""

    agents_per_s: float = 0.0
    agents_per_s_arriving: float = 0.0
    writes_per_agent: float = 0.0
    requests_per_agent: float = 0.0
    rss_mb: float = 0.0
    steady_writes: int = 0
    operator_cpu_ms: float = 0.0
    """CPU time of its process for each agent, until the last child was there; its start among it."""
    server_cpu_ms: float | None = None
    requests: dict[str, int] = field(default_factory=dict)
    """By verb, resource and code, in the counted run."""

    def rows(self) -> dict[str, float | int | None]:
        return {name: value for name, value in asdict(self).items() if name != "requests"}


@dataclass(frozen=True)
class World:
    """An API server with a fleet's namespace in it."""

    kubeconfig: Path
    folder: Path
    server_pid: int | None
    fleet: Fleet


@dataclass(frozen=True)
class Bench:
    """What was asked for."""

    agents: int
    quiet_seconds: float
    world: str
    kubeconfig: Path | None

    @property
    def patience_seconds(self) -> float:
        return LEAST_SECONDS + SECONDS_PER_AGENT * self.agents

    async def measure(self, operator: str) -> Figures:
        figures = Figures()
        await self._all_at_once(operator, figures)
        await self._arriving(operator, figures)
        await self._counted(operator, figures)
        return figures

    async def _all_at_once(self, operator: str, figures: Figures) -> None:
        async with self._a_world() as world:
            await world.fleet.create(self.agents)
            begun, server = time.perf_counter(), cpu_seconds(world.server_pid)
            with started(operator, world.kubeconfig, world.folder) as process:
                seconds = await self._until_applied(world, process, f"{operator}, all at once") - begun
                figures.agents_per_s = round(self.agents / seconds, 1)
                figures.operator_cpu_ms = round(1000 * cpu_seconds(process.pid) / self.agents, 2)
                if world.server_pid is not None:
                    used = cpu_seconds(world.server_pid) - server
                    figures.server_cpu_ms = round(1000 * used / self.agents, 2)
                await settled(world.fleet)
                tell(f"{operator}: {self.quiet_seconds:.0f} s of rest")
                before = await all_revisions(world.fleet)
                await asyncio.sleep(self.quiet_seconds)
                writes = changed(before, await all_revisions(world.fleet))
                if writes:
                    tell(f"{operator}: written while at rest: {dict(writes)}", last=True)
                figures.steady_writes = writes.total()
                figures.rss_mb = round(peak_rss_mb(process.pid), 1)

    async def _arriving(self, operator: str, figures: Figures) -> None:
        async with self._a_world() as world:
            with started(operator, world.kubeconfig, world.folder) as process:
                await asyncio.sleep(PLAIN_STARTS_SECONDS)
                begun = time.perf_counter()
                creating = asyncio.create_task(world.fleet.create(self.agents))
                seconds = await self._until_applied(world, process, f"{operator}, arriving") - begun
                await creating
                figures.agents_per_s_arriving = round(self.agents / seconds, 1)

    async def _counted(self, operator: str, figures: Figures) -> None:
        async with self._a_world() as world:
            await world.fleet.create(self.agents)
            with (
                recording(world.kubeconfig, world.folder / "recorded") as recorder,
                started(operator, recorder.kubeconfig, world.folder) as process,
            ):
                await self._until_applied(world, process, f"{operator}, counted")
                await settled(world.fleet)
                self._count(recorder, figures)

    def _count(self, recorder: ApiRecorder, figures: Figures) -> None:
        calls = [call for call in recorder.calls() if call.resource != "leases"]
        figures.requests_per_agent = round(len(calls) / self.agents, 2)
        figures.writes_per_agent = round(sum(call.is_write for call in calls) / self.agents, 2)
        figures.requests = {" ".join(map(str, key)): number for key, number in recorder.summary().most_common()}

    async def _until_applied(self, world: World, process: Child, what: str) -> float:
        begun = time.perf_counter()

        def told(there: int) -> None:
            tell(f"{what}: {there}/{self.agents} agents, {time.perf_counter() - begun:.1f} s")

        moment = await applied(world.fleet, self.agents, told, self.patience_seconds, process.must_run)
        tell(f"{what}: {self.agents} agents in {moment - begun:.1f} s", last=True)
        return moment

    @asynccontextmanager
    async def _a_world(self) -> AsyncIterator[World]:
        """A fresh sandbox, or a fresh namespace of the given cluster, which is cleared afterwards."""
        namespace = f"bench-{uuid.uuid4().hex[:8]}"
        with tempfile.TemporaryDirectory() as name, self._a_server(Path(name)) as (kubeconfig, pid):
            async with fleet_of(kubeconfig, namespace) as fleet:
                await fleet.prepare(nodes=NODES if self.kubeconfig is None and self.world == "api" else 0)
                try:
                    yield World(kubeconfig, Path(name), pid, fleet)
                finally:
                    if self.kubeconfig:
                        tell("clearing the namespace")
                        await clear(fleet)

    @contextmanager
    def _a_server(self, folder: Path) -> Iterator[tuple[Path, int | None]]:
        if self.kubeconfig:
            yield self.kubeconfig, None
            return
        kubeconfig, arguments = folder / "kubeconfig", ["api"]
        if self.world == "up":
            nodes = folder / "nodes.yaml"
            nodes.write_text(yaml.safe_dump(NODES_OF_UP))
            arguments = ["up", "--nodes", str(nodes)]
        with sandbox.running(*arguments, "--kubeconfig", kubeconfig) as process:
            yield kubeconfig, process.pid


@contextmanager
def started(operator: str, kubeconfig: Path, folder: Path) -> Iterator[Child]:
    """The operator's process, from the moment it begins."""
    if operator == "ours":
        with operator_process(kubeconfig, folder=folder, wait=False) as process:
            yield process
        return
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    environment = {"KUBECONFIG": str(kubeconfig), "PYTHONPATH": path}
    command = [sys.executable, "-m", "kopf", "run", "--all-namespaces", "--standalone", "--quiet", str(PLAIN)]
    log = folder / "plain.log"
    with log.open("ab") as output:
        child = Child(start(command, output.fileno(), environment), log)
    with ended(child):
        yield child


def tell(text: str, last: bool = False) -> None:
    """Progress, on one line of the terminal."""
    print(f"\r\033[K{text}", end="\n" if last else "", file=sys.stderr, flush=True)


def show(found: dict[str, Figures]) -> None:
    names = list(found)
    print(f"{'':<24}" + "".join(f"{name:>12}" for name in names) + (f"{'ratio':>9}" if len(names) > 1 else ""))
    for row in found[names[0]].rows():
        values = [found[name].rows()[row] for name in names]
        cells = "".join(f"{'-' if value is None else f'{value:g}':>12}" for value in values)
        print(f"{row:<24}{cells}{ratio(values)}")
    for name, figures in found.items():
        told = ", ".join(f"{number} {what}" for what, number in figures.requests.items())
        print(f"{name} asked: {told}")


def ratio(values: list[float | int | None]) -> str:
    match values:
        case [float(ours), float(theirs)] if theirs:
            return f"{ours / theirs:>9.2f}"
        case _:
            return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quiet-seconds", type=float, default=60, help="how long it is watched at rest")
    parser.add_argument("--kubeconfig", type=Path, help="a cluster in place of a sandbox; it must have no agents")
    parser.add_argument(
        "--world", choices=("api", "up"), default="api", help="the API alone, or with controllers and hollow nodes"
    )
    parser.add_argument("--no-peer", action="store_true", help="without the plain kopf operator")
    parser.add_argument("--only", choices=("ours", "plain"), help="one of the two")
    options = parser.parse_args()
    operators = [options.only] if options.only else ["ours"] if options.no_peer else ["ours", "plain"]
    server = str(options.kubeconfig or f"sandbox, {options.world}")
    print(
        f"{options.agents} VoiceAgents, made over {CONNECTIONS} connections; server: {server}; {machine()}", flush=True
    )
    bench = Bench(options.agents, options.quiet_seconds, options.world, options.kubeconfig)
    found = {name: asyncio.run(bench.measure(name)) for name in operators}
    show(found)
    if options.json:
        print(
            json.dumps({**found[operators[0]].rows(), **({"plain": found["plain"].rows()} if len(found) > 1 else {})})
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
