"""The logs of many pods as one: what lies there in the order of time, and what comes as it comes."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.asking.streams import stream_lines
from antiphon_operator.kube.errors import ApiError
from antiphon_operator.kube.paths import object_path, with_query
from antiphon_operator.kube.resources import PODS
from antiphon_operator.objects import Obj, name_of, namespace_of, uid_of

_TOGETHER_SECONDS = 0.1
"""Lines that come within it are put into the order of time."""


@dataclass(frozen=True)
class LogQuery:
    """Which part of each log."""

    container: str
    tail: int | None = None
    since_seconds: int | None = None
    previous: bool = False

    def path(self, pod: Obj, *, follow: bool) -> str:
        return with_query(
            object_path(PODS, name_of(pod), namespace_of(pod), "log"),
            container=self.container,
            timestamps="true",
            tailLines=self.tail,
            sinceSeconds=self.since_seconds,
            previous="true" if self.previous else "",
            follow="true" if follow else "",
        )


@dataclass(frozen=True, order=True)
class LogLine:
    """One line of one pod."""

    time: str
    pod: str = field(compare=False)
    text: str = field(compare=False)


@dataclass(frozen=True)
class Missing:
    """A pod that has no such log, and why."""

    pod: str
    why: str


async def lines_of(cluster: Cluster, pod: Obj, query: LogQuery, *, follow: bool) -> AsyncIterator[LogLine]:
    """ApiError where the pod has no such log."""
    async for line in stream_lines(cluster.connection, query.path(pod, follow=follow)):
        time, _, text = line.decode(errors="replace").partition(" ")
        yield LogLine(time, name_of(pod), text)


async def read_all(cluster: Cluster, pods: list[Obj], query: LogQuery) -> tuple[Iterator[LogLine], list[Missing]]:
    """The logs as they are now, in the order of time."""

    async def read(pod: Obj) -> list[LogLine] | Missing:
        try:
            return [line async for line in lines_of(cluster, pod, query, follow=False)]
        except ApiError as error:
            return Missing(name_of(pod), str(error))

    logs = await asyncio.gather(*map(read, pods))
    missing = [log for log in logs if isinstance(log, Missing)]
    return heapq.merge(*(log for log in logs if not isinstance(log, Missing))), missing


class Following:
    """Follows the logs of all pods with a label, those that come later and their restarts included."""

    def __init__(self, cluster: Cluster, namespace: str, labels: str, query: LogQuery) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._labels = labels
        self._query = query
        self._lines: asyncio.Queue[LogLine] = asyncio.Queue(10_000)
        self._followed: set[tuple[str, int]] = set()

    async def run(self, tell: Callable[[LogLine], None]) -> None:
        """Until cancelled. `tell` gets the lines nearly in the order of time."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell(tell))
            for pod in await self._cluster.listing(PODS, self._namespace, self._labels):
                self._begin(group, pod, self._query)
            whole = LogQuery(self._query.container)  # what starts from now on is new from its first line
            async for pod in self._cluster.changes(PODS, self._namespace, labels=self._labels):
                self._begin(group, pod, whole)

    def _begin(self, group: asyncio.TaskGroup, pod: Obj, query: LogQuery) -> None:
        started = (uid_of(pod), _starts_of(pod, query.container))
        if started[1] >= 0 and started not in self._followed:
            self._followed.add(started)
            group.create_task(self._follow(pod, query))

    async def _follow(self, pod: Obj, query: LogQuery) -> None:
        try:
            async for line in lines_of(self._cluster, pod, query, follow=True):
                await self._lines.put(line)
        except ApiError as error:
            await self._lines.put(LogLine("", name_of(pod), f"(its log can't be read: {error})"))

    async def _tell(self, tell: Callable[[LogLine], None]) -> None:
        while True:
            batch = [await self._lines.get()]
            await asyncio.sleep(_TOGETHER_SECONDS)
            while not self._lines.empty():
                batch.append(self._lines.get_nowait())
            for line in sorted(batch):
                tell(line)


def _starts_of(pod: Obj, container: str) -> int:
    """How often the container was started again; -1 before its first start, when there is no log yet."""
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status["name"] == container and (status.get("state") or {}).keys() & {"running", "terminated"}:
            return int(status.get("restartCount") or 0)
    return -1
