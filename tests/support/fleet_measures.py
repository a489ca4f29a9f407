"""What becomes of a fleet of agents, seen from outside: children counted, objects that change, memory and CPU of a process."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from agent_fleet import API, Fleet, Obj

CHILDREN = {
    "/api/v1/namespaces/{}/serviceaccounts": 1,
    "/api/v1/namespaces/{}/secrets": 1,
    "/api/v1/namespaces/{}/configmaps": 1,
    "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies": 1,
    "/apis/policy/v1/namespaces/{}/poddisruptionbudgets": 1,
    "/api/v1/namespaces/{}/services": 3,
    "/apis/apps/v1/namespaces/{}/deployments": 1,
}
"""What each agent of the fleet becomes: the client's Service, the group's, and the group's headless one among it."""
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
OURS = "app.kubernetes.io/managed-by%3Dantiphon"
HEARTBEATS = frozenset({"leases", "nodes"})
_POLL_SECONDS = 0.1
_QUIET_SECONDS = 3.0

Revisions = dict[tuple[str, str], str]
"""Resource and uid -> resourceVersion."""


class StuckError(Exception):
    """The fleet did not become what it should in time."""


async def applied(
    fleet: Fleet, agents: int, tell: Callable[[int], None], timeout_seconds: float, must_run: Callable[[], None]
) -> float:
    """The moment (of time.perf_counter) at which the last child of all agents was there, to a tenth of a second.

    Until then only counts are asked for, so that the server is not kept from its work; all is verified at the end.
    """
    last = time.perf_counter() + timeout_seconds
    while True:
        must_run()
        there = await _count(fleet, DEPLOYMENTS)
        enough = there >= agents and all([await _count(fleet, path) >= n * agents for path, n in CHILDREN.items()])
        moment = time.perf_counter()
        tell(there)
        if enough and await _are_complete(fleet, agents):
            return moment
        if moment > last:
            raise StuckError(f"only {there} of {agents} agents have their Deployment after {timeout_seconds:.0f} s")
        await asyncio.sleep(_POLL_SECONDS)


async def _count(fleet: Fleet, path: str) -> int:
    listed = await fleet.get(f"{path.format(fleet.namespace)}?limit=1")
    return len(listed["items"]) + int(listed["metadata"].get("remainingItemCount", 0))


async def _are_complete(fleet: Fleet, agents: int) -> bool:
    """Without what others make, such as the default ServiceAccount."""
    for path, each in CHILDREN.items():
        found = len((await fleet.get(f"{path.format(fleet.namespace)}?labelSelector={OURS}"))["items"])
        if found > each * agents:
            raise StuckError(f"{found} {path.rpartition('/')[2]} for {agents} agents: too many")
        if found < each * agents:
            return False
    return True


async def settled(fleet: Fleet, timeout_seconds: float = 600) -> None:
    """Until no agent and no Deployment has changed for three seconds."""
    last = time.perf_counter() + timeout_seconds
    before: list[Revisions] = []
    while before != (now := [await _revisions(fleet, path) for path in (fleet.path, DEPLOYMENTS)]):
        if time.perf_counter() > last:
            raise StuckError(f"agents still change after {timeout_seconds:.0f} s")
        before = now
        await asyncio.sleep(_QUIET_SECONDS)


async def _revisions(fleet: Fleet, path: str) -> Revisions:
    resource = path.rpartition("/")[2]
    items = (await fleet.get(path.format(fleet.namespace)))["items"]
    return {(resource, _uid(item)): str(item["metadata"]["resourceVersion"]) for item in items}


def _uid(item: Obj) -> str:
    return str(item["metadata"].get("uid") or item["metadata"]["name"])


async def all_revisions(fleet: Fleet) -> Revisions:
    """Every object of the cluster, but for heartbeats: Leases and Nodes."""
    found: Revisions = {}
    for path in await _collections(fleet):
        if path.rpartition("/")[2] not in HEARTBEATS:
            found |= await _revisions(fleet, path)
    return found


async def _collections(fleet: Fleet) -> list[str]:
    groups = (await fleet.get("/apis"))["groups"]
    roots = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    resources = [(root, found) for root in roots for found in (await fleet.get(root))["resources"]]
    return [f"{root}/{found['name']}" for root, found in resources if "list" in found["verbs"]]


def changed(before: Revisions, after: Revisions) -> Counter[str]:
    """How many objects of each resource were made, written or deleted meanwhile; several writes of one count once."""
    different = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return Counter(resource for resource, _ in different)


async def clear(fleet: Fleet) -> None:
    """The agents and their children, without waiting for a garbage collector that the cluster may not have."""
    await fleet.delete_all(fleet.path)
    for path in CHILDREN:
        await fleet.delete_all(f"{path.format(fleet.namespace)}?labelSelector={OURS}")
    await fleet.clear()
    while (await fleet.get(f"{API}/voiceagents?limit=1"))["items"]:
        await asyncio.sleep(0.2)


# --- processes -----------------------------------------------------------------------------------------------------


def peak_rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def cpu_seconds(pid: int | None) -> float:
    if pid is None:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """What the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, load {os.getloadavg()[0]:.1f} before"
