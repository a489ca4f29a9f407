"""The API server fails at every kind of call that the operator makes: it comes through, asks no more than is fit, and goes on.

One operator meets all cells of the table. Writes fail each for an agent of its own, all at once; watches one fault at a time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from faults import CutWatch, DropAfter, DropBefore, ExpireWatch, Hang, Injection, Refuse
from operated import Operated
from operator_process import OperatorProcess, operator_process
from worlds_compared import CHILDREN, Tokens, comparable
from worlds_compared import children as all_children
from worse_faults import MALFORMED, NO_OBJECT, Truncate, WorseProxy, error_event, worse_proxy

from cluster import Cluster

FAULTS: dict[str, Any] = {
    "403": Refuse(403, "Forbidden"),
    "409": Refuse(409, "Conflict"),
    "422": Refuse(422, "Invalid"),
    "429": Refuse(429, "TooManyRequests", retry_after_seconds=1),
    "500": Refuse(500, "InternalError"),
    "503": Refuse(503, "ServiceUnavailable"),
    "504": Refuse(504, "Timeout"),
    "done-unanswered": DropAfter(),
    "reset": DropBefore(),
    "hangs": Hang(),
    "truncated": Truncate(),
}
MET_ONCE = ("403", "409", "422", "hangs", "done-unanswered", "truncated")
"""The others twice. After a refusal an agent waits for 30 s, as trying at once would not help; a request may take 10 s;
and what was done is not asked for again once the watch has told of it."""
APPLIED = {kind: path.split("/")[-1] for kind, path in CHILDREN.items()}
WRITES = (*APPLIED, "status", "events", "delete")
"""Where writes fail: the apply of each kind of child, an agent's status, Events, deletion of a child."""
IN_WATCHES: dict[str, Any] = {
    "ends at once": CutWatch(),
    "410 event": ExpireWatch(),
    "500 event": error_event(500, "InternalError"),
    "403 event": error_event(403, "Forbidden"),
    "malformed line": MALFORMED,
    "no object in a line": NO_OBJECT,
    "cut in a line": CutWatch(mid_line=True),
    "refused 403": Refuse(403, "Forbidden"),
    "refused 410": Refuse(410, "Expired"),
    "refused 429": Refuse(429, "TooManyRequests", retry_after_seconds=1),
    "refused 503": Refuse(503, "ServiceUnavailable"),
    "reset": DropBefore(),
}
IN_LISTS = {f"list {name}": FAULTS[name] for name in ("403", "429", "500", "503", "reset", "truncated")}
BY_KOPF = ("voiceagents", "voicemodels", "slapolicies", "gpupools")
BY_US = (*APPLIED.values(), "pods", "nodes")
TURNS = 6
ON_LEASE = ("409", "429", "500", "503", "504", "done-unanswered", "reset", "truncated")
FAULT_SECONDS = 3.0
WITHIN_SECONDS = 60.0
MOST_OF_A_PATH_A_SECOND = 5
BURST = 8
"""What comes at once after a pause, twice over as a list and a watch share their path."""
MOST_A_SECOND = 60


@dataclass
class Table:
    """Cells that have passed, by fault and place."""

    passed: Counter[str] = field(default_factory=Counter)

    def told(self) -> str:
        total = sum(self.passed.values())
        return f"fault cells {total}/{total} passed ({', '.join(f'{n} {what}' for what, n in self.passed.items())})"


@dataclass
class Bench:
    """An operator behind a proxy that fails it."""

    corner: Operated
    proxy: WorseProxy
    operator: OperatorProcess
    table: Table = field(default_factory=Table)

    @property
    def path(self) -> str:
        return f"/namespaces/{self.corner.namespace}/"

    def wait(self, holds: Callable[[], list[str]], what: str) -> None:
        """Until nothing is missing; the operator runs meanwhile."""
        last = time.monotonic() + WITHIN_SECONDS
        while missing := holds():
            self.operator.must_run()
            told = f"{what}: {missing[:12]}\n{self.operator.last_words}"
            assert time.monotonic() < last, told
            time.sleep(0.2)


@pytest.fixture(scope="module")
def bench(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder, namespace = tmp_path_factory.mktemp("faults"), "operator-faults"
    cluster.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    corner = Operated(cluster, namespace)
    corner.make_models()
    try:
        with (
            worse_proxy(cluster.kubeconfig, folder / "kubeconfig") as proxy,
            operator_process(proxy.kubeconfig, folder=folder, namespace=namespace) as operator,
        ):
            operator.wait_leader()
            found = Bench(corner, proxy, operator)
            yield found
            print(f"\n{found.table.told()}", flush=True)
    finally:
        corner.remove_models()
        cluster.delete("Namespace", namespace)


def agent_name(place: str, fault: str) -> str:
    return f"{place.lower()}-{fault.lower()}".replace("poddisruptionbudget", "pdb")


def two_groups() -> list[dict[str, Any]]:
    stages = {"main": ["vad", "asr"], "mouth": ["llm", "tts"]}
    return [{"name": name, "stages": stages[name], "partition": {"profile": "none"}} for name in stages]


def one_group() -> list[dict[str, Any]]:
    return [{"name": "main", "stages": ["vad", "asr", "llm", "tts"], "partition": {"profile": "none"}}]


def stopped(corner: Operated, name: str) -> dict[str, Any]:
    """Without pods: what they do is not the matter here."""
    agent = corner.agent(name, replicas=0)
    agent["spec"]["placement"]["groups"] = two_groups()
    return agent


def call_of(place: str, name: str) -> tuple[str, str]:
    """Method and path of the call that fails."""
    if place == "status":
        return "PATCH", f"/voiceagents/{name}/status$"
    if place == "events":
        return "POST", "/events$"
    if place == "delete":
        return "DELETE", f"/{name}-mouth$"
    return "PATCH", f"/{APPLIED[place]}/{name}(-.*)?$"


def test_writes_fail(bench: Bench) -> None:
    """Each twice, for an agent of its own, first as agents are made, then as a group of theirs is taken away."""
    cells = [(place, fault) for place in WRITES for fault in FAULTS]
    injected: list[Injection] = []
    for place, fault in cells:
        times = 1 if fault in MET_ONCE else 2
        injected.append(bench.proxy.inject(FAULTS[fault], *call_of(place, agent_name(place, fault)), times=times))
    began, before = time.monotonic(), len(bench.proxy.arrivals)
    bench.corner.make(stopped(bench.corner, "calm"))
    for place, fault in cells:
        bench.corner.make(stopped(bench.corner, agent_name(place, fault)))
    names = [agent_name(place, fault) for place, fault in cells]
    bench.wait(lambda: unlike_calm(bench, names), "not as the agent whose writes all succeed")
    for name in ("calm", *names):
        bench.corner.change(name, {"placement": {"groups": one_group()}})
    bench.wait(lambda: unlike_calm(bench, names), "not as the agent whose writes all succeed, with one group")
    seconds, requests = time.monotonic() - began, len(bench.proxy.arrivals) - before
    unmet = [cell for cell, injection in zip(cells, injected, strict=True) if injection.hits != injection.times]
    assert not unmet, f"these faults were not met: {unmet}"
    bench.proxy.heal()
    writes = sum(one.is_write for one in bench.proxy.arrivals[before:])
    print(f"\n{len(cells)} agents in {seconds:.0f} s, {requests} requests, {writes / len(cells):.1f} writes of each")
    assert writes < 60 * len(cells), "it repeats its writes too often"
    for place, _ in cells:
        bench.table.passed[f"at apply of {place}" if place in APPLIED else f"at {place}"] += 1


def unlike_calm(bench: Bench, names: list[str]) -> list[str]:
    """What the agents of the cells have otherwise than the one that met no fault."""
    world = comparable(bench.corner.cluster, bench.corner.namespace, Tokens())
    of_calm = {kind: fields for (kind, name), fields in world.items() if name == "calm"}
    found = []
    for name in names:
        own = world.get(("VoiceAgent", name), {})
        wanted = {path: value for path, value in of_calm["VoiceAgent"].items() if ".status." in path}
        found += [f"{name}{path}" for path, value in wanted.items() if own.get(path) != renamed(value, "calm", name)]
        found += [
            f"{name}: {kind}" for kind in CHILDREN if children(world, kind, name) != children(world, kind, "calm")
        ]
    return found


def renamed(value: Any, one: str, other: str) -> Any:
    return value.replace(one, other) if isinstance(value, str) else value


def children(world: Any, kind: str, agent: str) -> list[str]:
    ours = [
        name for (of, name), fields in world.items() if of == kind and fields.get(".owners[0]") == f"VoiceAgent {agent}"
    ]
    return sorted(name.removeprefix(agent) for name in ours)


def probe(bench: Bench, number: int) -> None:
    """A change that each watch has to tell of: a child of each kind is taken away, an agent asks for something else."""
    for kind, child in all_children(bench.corner.cluster, bench.corner.namespace):
        if child["metadata"]["labels"]["antiphon.dev/agent"] == "probe":
            path = CHILDREN[kind].format(f"namespaces/{bench.corner.namespace}")
            bench.corner.cluster.request("DELETE", f"{path}/{child['metadata']['name']}")
    spec = {"scaling": {"maxReplicas": 10 + number}, "description": f"probe {number}"}
    bench.corner.change("probe", spec)


def as_asked(bench: Bench, wanted: Any) -> list[str]:
    world = comparable(bench.corner.cluster, bench.corner.namespace, Tokens())
    agent = bench.corner.cluster.get("VoiceAgent", "probe", bench.corner.namespace)
    found = [
        f"{kind}: {children(world, kind, 'probe')}"
        for kind in CHILDREN
        if children(world, kind, "probe") != wanted[kind]
    ]
    if agent["status"]["observedGeneration"] != agent["metadata"]["generation"]:
        found.append("VoiceAgent: not observed")
    return found


def must_be_bounded(bench: Bench, began: int, seconds: float) -> None:
    """Lists and watches by path, and all together."""
    arrivals = bench.proxy.arrivals[began:]
    reads = Counter(one.path for one in arrivals if one.method in ("GET", "WATCH"))
    for path, number in reads.items():
        assert number <= MOST_OF_A_PATH_A_SECOND * seconds + BURST, f"{number} requests of {path} in {seconds:.1f} s"
    assert len(arrivals) <= MOST_A_SECOND * seconds + 200, f"{len(arrivals)} requests in {seconds:.1f} s"


def ready_probe(bench: Bench) -> dict[str, list[str]]:
    """The children that it has to have."""
    if bench.corner.cluster.read("VoiceAgent", "probe", bench.corner.namespace).status == 404:
        bench.corner.make(stopped(bench.corner, "probe"))
        bench.corner.wait_condition("probe", "Placed", "True")
        time.sleep(1)
    world = comparable(bench.corner.cluster, bench.corner.namespace, Tokens())
    return {kind: children(world, kind, "probe") for kind in CHILDREN}


def afflict(bench: Bench, plural: str, fault: str) -> None:
    """The watch of that resource; for a fault of lists what the watch would go on from is too old, and the list fails."""
    if fault in IN_WATCHES:
        bench.proxy.inject(IN_WATCHES[fault], "WATCH", f"/{plural}$", times=None)
    else:
        bench.proxy.inject(ExpireWatch(), path=f"/{plural}$", times=None)
        bench.proxy.inject(IN_LISTS[fault], "GET", f"/{plural}$", times=None)


def endured(bench: Bench, number: int, seconds: float) -> str:
    """All that is injected for so long, with a change meanwhile; then all is as it shall be. Says how it went."""
    wanted = ready_probe(bench)
    before, began = len(bench.proxy.arrivals), time.monotonic()
    bench.proxy.end_watches(CutWatch())
    probe(bench, number)
    time.sleep(seconds)
    lasted = time.monotonic() - began
    must_be_bounded(bench, before, lasted)
    asked = (len(bench.proxy.arrivals) - before) / lasted
    bench.proxy.heal()
    healed = time.monotonic()
    bench.wait(lambda: as_asked(bench, wanted), "what was asked for meanwhile is not there")
    return f"{asked:.0f} requests/s meanwhile, all as asked {time.monotonic() - healed:.1f} s after it was over"


@pytest.mark.parametrize("turn", range(TURNS))
def test_watches_and_lists_fail(bench: Bench, turn: int) -> None:
    """Each resource in another way. In all turns each fault is met by one of kopf's watches and by three of ours."""
    faults = [*IN_WATCHES, *IN_LISTS]
    ready_probe(bench)
    cells = []
    for watched in (BY_KOPF, BY_US):
        for place, plural in enumerate(watched):
            fault = faults[(turn * len(faults) // TURNS + place) % len(faults)]
            afflict(bench, plural, fault)
            cells.append(f"{plural} {fault}")
    print(f"\n{', '.join(cells)}: {endured(bench, turn, FAULT_SECONDS)}")
    bench.table.passed["in watches and lists"] += len(cells)


def test_all_watches_end_at_once_again_and_again(bench: Bench) -> None:
    ready_probe(bench)
    bench.proxy.inject(CutWatch(), times=None)
    print(f"\nall watches end at once, for 5 s: {endured(bench, TURNS, 5)}")
    bench.table.passed["in watches and lists"] += len(BY_KOPF) + len(BY_US)


def test_the_lease_fails(bench: Bench) -> None:
    """Its renewals, one after the other, and looks at it: it never ceases to lead for that."""
    for fault in ON_LEASE:
        renewal = bench.proxy.inject(FAULTS[fault], "PUT", "/leases/")
        renewal.wait(15)
        time.sleep(1)
        bench.operator.must_run()
        assert bench.operator.is_leader, fault
        bench.table.passed["at the Lease"] += 1


def test_an_outage_of_ten_seconds(bench: Bench) -> None:
    """Longer than a Lease's margin: it may cease to lead meanwhile, and takes up again."""
    ready_probe(bench)
    bench.proxy.inject(DropBefore(), times=None)
    print(f"\noutage of 10 s: {endured(bench, TURNS + 1, 10)}")
    bench.operator.wait_leader()
    bench.table.passed["in an outage of 10 s"] += 1


def test_nothing_is_written_when_all_is_well_again(bench: Bench) -> None:
    ready_probe(bench)
    time.sleep(3)
    before = len(bench.proxy.arrivals)
    time.sleep(4)
    assert not [one for one in bench.proxy.arrivals[before:] if one.is_write]
