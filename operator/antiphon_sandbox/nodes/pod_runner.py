"""One pod of a process node: its volumes, its containers in their order, its status, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from antiphon_sandbox.kube import ApiError, LogOptions
from antiphon_sandbox.nodes.configuration_refs import Configuration, references_of
from antiphon_sandbox.nodes.container import Container
from antiphon_sandbox.nodes.container_program import Surroundings
from antiphon_sandbox.nodes.container_state import ContainerState
from antiphon_sandbox.nodes.downward import HOST_IP, PodFacts
from antiphon_sandbox.nodes.log_reading import read_log
from antiphon_sandbox.nodes.pod_status import ALWAYS_RESTARTED, Observed, pod_status
from antiphon_sandbox.nodes.volumes import VolumeError, Volumes
from antiphon_sandbox.nodes.workshop import SOURCE, EventKind, Workshop
from antiphon_sandbox.objects import Obj, is_deleting, name_of, namespace_of, parse_time, uid_of, walk

log = logging.getLogger(__name__)

TERMINAL = ("Succeeded", "Failed")


class PodRunner:
    """Runs a pod until it is deleted. `update` and `gone` tell it of changes, at any time."""

    def __init__(self, shop: Workshop, pod: Obj) -> None:
        self.pod = pod
        self.folder = shop.state_dir / "pods" / uid_of(pod)
        self.references = references_of(pod)
        self._shop = shop
        self._configuration = Configuration(shop.kube, namespace_of(pod))
        self._volumes = Volumes(self.folder / "volumes", shop.state_dir / "claims", self._configuration)
        self._host_network = bool(pod["spec"].get("hostNetwork"))
        self.address = HOST_IP if self._host_network else shop.addresses.take()
        self._has_network = False
        self._finished = walk(pod, "status", "phase") in TERMINAL
        self._reason = (walk(pod, "status", "reason") or "", walk(pod, "status", "message") or "")
        self._to_end = asyncio.Event()
        self._is_gone = False
        self._news = asyncio.Event()
        self._to_publish = False
        self.init = [self._container(spec, "PodInitializing") for spec in pod["spec"].get("initContainers") or ()]
        waiting_for = "PodInitializing" if self.init else "ContainerCreating"
        self.main = [self._container(spec, waiting_for) for spec in pod["spec"]["containers"]]
        self.update(pod)

    def _container(self, spec: Obj, waiting_for: str) -> Container:
        policy = spec.get("restartPolicy") or self.pod["spec"].get("restartPolicy", "Always")
        is_init = spec in (self.pod["spec"].get("initContainers") or ())
        if is_init and policy == "Always" and not spec.get("restartPolicy"):
            policy = "OnFailure"
        state = ContainerState(spec, uid_of(self.pod), waiting_for)
        if status := self._earlier_status(spec["name"]):
            state.resume(status, self._shop.kube.now(), rerun=is_init and not self._finished)
        return Container(self._shop, self, spec, policy, state)

    def _earlier_status(self, name: str) -> Obj | None:
        status = self.pod.get("status") or {}
        everyone = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
        return next((found for found in everyone if found["name"] == name), None)

    # --- what happens to it ------------------------------------------------------------------------------------

    def update(self, pod: Obj) -> None:
        """The pod, or something that it refers to, is another."""
        shorter = _grace(pod) < _grace(self.pod)
        self.pod = pod
        if is_deleting(pod):
            if self._to_end.is_set() and shorter:
                asyncio.get_running_loop().call_later(_grace(pod) * self._shop.timing.second, self._kill)
            self._to_end.set()
        self._wake()
        self.changed()

    def gone(self) -> None:
        """Somebody removed the pod by force."""
        self._is_gone = True
        self._to_end.set()
        self._kill()

    def _kill(self) -> None:
        for container in self._everyone():
            container.kill()

    def _everyone(self) -> list[Container]:
        return [*self.init, *self.main]

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    # --- what its containers ask -------------------------------------------------------------------------------

    def surroundings(self, container: str) -> Surroundings:
        folder = self.folder / "containers" / container
        folder.mkdir(parents=True, exist_ok=True)
        return Surroundings(self._facts(), self._configuration, self._volumes.paths, folder, self._shop.environment)

    def _facts(self) -> PodFacts:
        node = self._shop.kube.get("nodes", "", self.pod["spec"]["nodeName"]) or {}
        return PodFacts(self.pod, self.address, walk(node, "status", "allocatable") or {})

    def record(self, kind: EventKind, reason: str, message: str) -> None:
        self._shop.kube.record(self.pod, kind, reason, message, SOURCE)

    async def news(self) -> None:
        await self._news.wait()

    def changed(self) -> None:
        """Publishes the status soon: what changes at one moment is one write."""
        if not self._to_publish:
            self._to_publish = True
            asyncio.get_running_loop().call_soon(self._publish)

    def _publish(self) -> None:
        self._to_publish = False
        pod = self._shop.kube.get("pods", namespace_of(self.pod), name_of(self.pod))
        if pod is None or uid_of(pod) != uid_of(self.pod):
            return
        status = pod_status(pod, self._observed(), self._shop.kube.now())
        if status != pod.get("status"):
            try:
                self._shop.kube.update_status("pods", {**pod, "status": status})
            except ApiError as error:
                log.error("the status of pod %s/%s is not written: %s", namespace_of(pod), name_of(pod), error)

    def _observed(self) -> Observed:
        init, main = ([container.state.status() for container in some] for some in (self.init, self.main))
        address = self.address if self._has_network else None
        return Observed(init, main, address, self._finished, *self._reason)

    # --- its life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until the pod is deleted and nothing is left of it."""
        living = asyncio.create_task(self._live(), name=f"pod {name_of(self.pod)}")
        try:
            await self._to_end.wait()
            living.cancel()
            await self._wind_down()
        finally:
            living.cancel()
            for container in self._everyone():
                container.abandon()
            if not self._host_network:
                self._shop.addresses.release(self.address)

    async def _live(self) -> None:
        if self._finished:
            return
        try:
            await self._live_within_deadline()
        except Exception:
            log.exception("pod %s/%s", namespace_of(self.pod), name_of(self.pod))
            self.record("Warning", "FailedSync", "the node failed; the sandbox's own log says how")
            return
        self._finished = True
        self.changed()

    async def _live_within_deadline(self) -> None:
        try:
            async with asyncio.timeout(self._seconds_to_live()):
                await self._set_up_volumes()
                await self._run_with_fresh_volumes()
        except TimeoutError:
            message = "Pod was active on the node longer than the specified deadline"
            self._reason = ("DeadlineExceeded", message)
            self.record("Normal", "DeadlineExceeded", message)
            await self._stop_all(self._own_grace())

    async def _run_with_fresh_volumes(self) -> None:
        keeping = asyncio.create_task(self._keep_volumes())
        try:
            await self._run_containers()
        finally:
            keeping.cancel()

    def _own_grace(self) -> float:
        return float(self.pod["spec"].get("terminationGracePeriodSeconds", 30))

    def _seconds_to_live(self) -> float | None:
        most = self.pod["spec"].get("activeDeadlineSeconds")
        if most is None:
            return None
        began = walk(self.pod, "status", "startTime")
        passed = (self._shop.kube.now() - parse_time(began)).total_seconds() if began else 0
        return float(max(most * self._shop.timing.second - passed, 0))

    async def _set_up_volumes(self) -> None:
        while True:
            try:
                self._volumes.set_up(self._facts())
            except VolumeError as error:
                self.record("Warning", "FailedMount", str(error))
                self.changed()
                await self._news_or_a_while()
            else:
                self._has_network = True
                return

    async def _news_or_a_while(self) -> None:
        """Not everything that a volume needs tells us when it is there (a host's folder)."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.news(), self._shop.timing.back_off_first * self._shop.timing.second)

    async def _keep_volumes(self) -> None:
        """Brings the files up to date with every change. What is missing now stays as it was."""
        while True:
            await self.news()
            with contextlib.suppress(VolumeError):
                self._volumes.set_up(self._facts())

    async def _run_containers(self) -> None:
        if not any(container.will_run() for container in self.main):
            return
        for container, spec in zip(self.init, self.pod["spec"].get("initContainers") or (), strict=True):
            container.start()
            if spec.get("restartPolicy") == ALWAYS_RESTARTED:
                await container.has_started()
                continue
            await container.ended()
            if container.state.exit_code != 0:
                break
        else:
            for container in self.main:
                container.start()
            await asyncio.gather(*(container.ended() for container in self.main))
        await self._stop_some(reversed(self.init), self._own_grace())

    # --- its end -----------------------------------------------------------------------------------------------

    async def _wind_down(self) -> None:
        await self._stop_all(0 if self._is_gone else _grace(self.pod))
        self._finished = True
        self._publish()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        with contextlib.suppress(ApiError):  # somebody was faster
            where = namespace_of(self.pod), name_of(self.pod)
            self._shop.kube.delete("pods", *where, uid=uid_of(self.pod), grace_seconds=0)

    async def _stop_all(self, grace: float) -> None:
        """Main containers together, then sidecars, the last one first; `grace` in seconds as pods say them."""
        loop = asyncio.get_running_loop()
        last = loop.time() + grace * self._shop.timing.second
        ends = await asyncio.gather(*(container.stop(grace) for container in self.main), return_exceptions=True)
        for error in filter(None, ends):
            log.error("pod %s/%s", namespace_of(self.pod), name_of(self.pod), exc_info=error)
        await self._stop_some(reversed(self.init), max(last - loop.time(), 0) / self._shop.timing.second)

    async def _stop_some(self, containers: Iterable[Container], grace: float) -> None:
        for container in containers:
            await container.stop(grace)

    # --- its logs ----------------------------------------------------------------------------------------------

    def logs(self, options: LogOptions) -> AsyncIterator[bytes]:
        """ApiError 400 when there is none."""
        container, path = self._log_path(options)
        instance = None if options.previous else container.instance
        return read_log(path, instance.log if instance else None, options, self._shop.kube.now())

    def _log_path(self, options: LogOptions) -> tuple[Container, Path]:
        container = next((found for found in self._everyone() if found.name == options.container), None)
        if container is None:
            raise _refused(f"container {options.container} is not valid for pod {name_of(self.pod)}")
        state = container.state
        path = container.log_path(state.restarts - 1 if options.previous else state.restarts)
        where = f'container "{container.name}" in pod "{name_of(self.pod)}"'
        if path.exists():
            return container, path
        if options.previous:
            raise _refused(f"previous terminated {where} not found")
        raise _refused(f"{where} is waiting to start: {(state.state.get('waiting') or {}).get('reason', 'unknown')}")


def _grace(pod: Obj) -> float:
    """In seconds: what the deletion leaves it, else what it says itself."""
    said = pod["metadata"].get("deletionGracePeriodSeconds")
    return float(pod["spec"].get("terminationGracePeriodSeconds", 30) if said is None else said)


def _refused(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)
