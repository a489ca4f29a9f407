"""The node agent that runs pods as processes of this machine."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import aiohttp

from antiphon_sandbox.kube import ApiError, Event, Kube, LogOptions
from antiphon_sandbox.nodes.images import Images, ImageTable
from antiphon_sandbox.nodes.leftovers import Leftovers
from antiphon_sandbox.nodes.pod_runner import PodRunner
from antiphon_sandbox.nodes.restarts import Timing
from antiphon_sandbox.nodes.workshop import Workshop
from antiphon_sandbox.objects import Obj, name_of, namespace_of, uid_of
from antiphon_sandbox.reconciler import Reconciler

log = logging.getLogger(__name__)

Key = tuple[str, str, str]
"""Namespace, name and uid of a pod."""

_PROBE_HEADERS = {"User-Agent": "kube-probe/sandbox", "Accept": "*/*"}


class ProcessNodes:
    """Runs the pods of the named nodes until cancelled, and then leaves no process behind. Implements `Kubelet`."""

    def __init__(
        self,
        kube: Kube,
        node_names: Iterable[str],
        state_dir: Path,
        *,
        images: Images | None = None,
        environment: Mapping[str, str] | None = None,
        timing: Timing | None = None,
        remove_state: bool = False,
    ) -> None:
        """`environment` is given to every container; `remove_state` removes the state folder, however we end."""
        self._kube = kube
        self._nodes = frozenset(node_names)
        self._state_dir = state_dir.absolute()
        self._images = ImageTable.with_defaults(images)
        self._environment = dict(environment or {})
        self._timing = timing or Timing()
        self._leftovers = Leftovers(self._state_dir, remove_state)
        self._due: Reconciler[Key] = Reconciler("process nodes", self._visit)
        self._runners: dict[str, PodRunner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over: set[str] = set()
        self._shop: Workshop | None = None

    async def run(self) -> None:
        """Until cancelled."""
        await self._leftovers.begin()
        await asyncio.to_thread(self._forget, {uid_of(pod) for pod in self._kube.list("pods")})
        guarding = asyncio.create_task(self._leftovers.watch())
        connector = aiohttp.TCPConnector(force_close=True, limit=0, ssl=False)
        async with aiohttp.ClientSession(connector=connector, headers=_PROBE_HEADERS) as http:
            self._shop = self._equipped(http)
            unsubscribe = self._kube.subscribe(["pods", "configmaps", "secrets"], self._on_event)
            try:
                for pod in self._kube.list("pods"):
                    self._mark(pod)
                await self._due.run()
            finally:
                unsubscribe()
                guarding.cancel()
                await self._end(self._shop)

    def _forget(self, present: set[str]) -> None:
        """Removes what an earlier run left of pods that are no longer there."""
        for folder in (self._state_dir / "pods").glob("*"):
            if folder.name not in present:
                shutil.rmtree(folder, ignore_errors=True)

    def _equipped(self, http: aiohttp.ClientSession) -> Workshop:
        name, _, value = self._leftovers.marker.partition("=")
        environment = {**self._environment, name: value}
        return Workshop(self._kube, self._state_dir, self._images, environment, self._timing, http)

    async def _end(self, shop: Workshop) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._leftovers.end(self._timing.shutdown_grace * self._timing.second)
        await asyncio.gather(*(child.wait() for child in shop.children))

    # --- changes -----------------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if event.resource == "pods":
            self._mark(event.object)
            return
        reference = (event.resource, namespace_of(event.object), name_of(event.object))
        for runner in self._runners.values():
            if reference in runner.references:
                self._mark(runner.pod)

    def _mark(self, pod: Obj) -> None:
        if pod["spec"].get("nodeName") in self._nodes:
            self._due.mark((namespace_of(pod), name_of(pod), uid_of(pod)))

    def _visit(self, key: Key) -> None:
        namespace, name, uid = key
        pod = self._kube.get("pods", namespace, name)
        runner = self._runners.get(uid)
        if pod is None or uid_of(pod) != uid:
            self._over.discard(uid)
            if runner:
                runner.gone()
        elif runner:
            runner.update(pod)
        elif uid not in self._over:
            self._begin(uid, pod)

    def _begin(self, uid: str, pod: Obj) -> None:
        assert self._shop is not None  # noqa: S101 (visits come from run)
        runner = self._runners[uid] = PodRunner(self._shop, pod)
        task = self._tasks[uid] = asyncio.create_task(runner.run(), name=f"pod {name_of(pod)}")
        task.add_done_callback(lambda done: self._finished(uid, done))

    def _finished(self, uid: str, task: asyncio.Task[None]) -> None:
        """A pod with finalizers may stay in the API for a while; it is not run again."""
        runner = self._runners.pop(uid)
        del self._tasks[uid]
        self._over.add(uid)
        self._mark(runner.pod)
        if not task.cancelled() and (error := task.exception()):
            log.error("pod %s/%s", namespace_of(runner.pod), name_of(runner.pod), exc_info=error)

    # --- logs --------------------------------------------------------------------------------------------------

    def logs(self, pod: Obj, options: LogOptions) -> AsyncIterator[bytes]:
        runner = self._runners.get(uid_of(pod))
        if runner is None:
            where = f'container "{options.container}" in pod "{name_of(pod)}"'
            raise ApiError(400, "BadRequest", f"{where} is waiting to start: ContainerCreating")
        return runner.logs(options)
