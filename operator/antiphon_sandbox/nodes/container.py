"""The life of one container: pulled, composed, started, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from antiphon_sandbox.nodes.child import Program, StartError
from antiphon_sandbox.nodes.configuration_refs import MissingConfigurationError
from antiphon_sandbox.nodes.container_program import program_of
from antiphon_sandbox.nodes.container_state import ContainerState
from antiphon_sandbox.nodes.downward import UnknownFieldError
from antiphon_sandbox.nodes.handlers import HandlerError, Target, call
from antiphon_sandbox.nodes.images import Image, UnknownImageError
from antiphon_sandbox.nodes.instance import Instance, forget_log
from antiphon_sandbox.nodes.leftovers import CONTAINER_MARKER
from antiphon_sandbox.nodes.probes import FIELDS, ProbeKind, Prober
from antiphon_sandbox.nodes.restarts import BackOff, restarts
from antiphon_sandbox.nodes.termination import termination_message
from antiphon_sandbox.nodes.volumes import Mounts
from antiphon_sandbox.nodes.workshop import PodSide, Workshop
from antiphon_sandbox.objects import Obj, name_of, namespace_of, uid_of


class Container:
    """Runs one container of a pod for as long as its policy says. `state` is what the pod's status shows of it."""

    def __init__(self, shop: Workshop, side: PodSide, container: Obj, policy: str, state: ContainerState) -> None:
        self.state = state
        self.instance: Instance | None = None
        self._shop = shop
        self._side = side
        self._container = container
        self._policy = policy
        self._back_off = BackOff(shop.timing)
        self._ending = False
        self._mounts = Mounts({})
        self._task: asyncio.Task[None] | None = None
        self._started = asyncio.Event()

    @property
    def name(self) -> str:
        return self.state.name

    def start(self) -> None:
        if self._task is None and not self._ending:
            self._task = asyncio.create_task(self._live(), name=f"container {self.state.identity}")

    async def ended(self) -> None:
        """Returns when it will not run again. Raises what went wrong in our own code."""
        if self._task is not None:
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()

    async def has_started(self) -> None:
        """Returns when its startup probe, if any, has passed."""
        await self._started.wait()

    def will_run(self) -> bool:
        """Whether it is to run, judging by what an earlier agent left."""
        code = self.state.exit_code
        return code is None or restarts(self._policy, code)

    async def _live(self) -> None:
        if not self.will_run():
            return
        if self.state.has_run():
            self.state.restarts += 1
        while True:
            ran_seconds = await self._run_once()
            if self._ending or not self.will_run():
                return
            await self._wait_to_restart(ran_seconds)
            self.state.restarts += 1

    async def _run_once(self) -> float:
        """How long it ran, in seconds."""
        image = await self._pulled()
        try:
            program = await self._composed(image)
            self._start_instance(program)
        except StartError as error:
            self._side.record("Warning", "Failed", f"Error: failed to start container: {error}")
            self.state.fail_to_start(str(error), self._shop.kube.now())
            self._side.changed()
            return 0
        return await self._watched()

    # --- before it runs ----------------------------------------------------------------------------------------

    async def _pulled(self) -> Image:
        """Looks for the image ever more seldom; the table may be another some day."""
        reference = self._container["image"]
        back_off = BackOff(self._shop.timing)
        back_off.after(0)
        while True:
            try:
                image = self._shop.images.find(reference)
            except UnknownImageError as error:
                await self._no_image(reference, error, back_off.after(0))
            else:
                self._side.record("Normal", "Pulled", f'Container image "{reference}" already present on machine')
                return image

    async def _no_image(self, reference: str, error: UnknownImageError, wait: float) -> None:
        self._side.record("Warning", "Failed", f'Failed to pull image "{reference}": {error}')
        self._side.record("Warning", "Failed", "Error: ErrImagePull")
        self._wait_for("ErrImagePull", str(error))
        await self._sleep(1)
        self._side.record("Normal", "BackOff", f'Back-off pulling image "{reference}"')
        self._side.record("Warning", "Failed", "Error: ImagePullBackOff")
        self._wait_for("ImagePullBackOff", f'Back-off pulling image "{reference}": ErrImagePull: {error}')
        await self._sleep(wait)

    async def _composed(self, image: Image) -> Program:
        while True:
            try:
                program, self._mounts = program_of(self._container, image, self._side.surroundings(self.name))
            except (MissingConfigurationError, UnknownFieldError) as error:
                self._side.record("Warning", "Failed", f"Error: {error}")
                self._wait_for("CreateContainerConfigError", str(error))
                await self._side.news()
            else:
                return replace(program, environment={**program.environment, CONTAINER_MARKER: self.state.identity})

    def _wait_for(self, reason: str, message: str) -> None:
        self.state.wait(reason, message)
        self._side.changed()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._shop.timing.second)

    # --- while it runs -----------------------------------------------------------------------------------------

    def _start_instance(self, program: Program) -> None:
        around = self._side.surroundings(self.name)
        around.termination_file.write_bytes(b"")
        self._side.record("Normal", "Created", f"Created container: {self.name}")
        forget_log(self.log_path(self.state.restarts - 2))
        self.instance = Instance(self.state.identity, program, self.log_path(self.state.restarts), self._shop.kube.now)
        self._shop.children.add(self.instance.child)
        self.state.run(self._shop.kube.now())
        self._side.record("Normal", "Started", f"Started container {self.name}")

    def log_path(self, restart: int) -> Path:
        return self._side.folder / "logs" / self.name / f"{restart}.log"

    async def _watched(self) -> float:
        """Until its end, by itself or by a probe's verdict."""
        instance = self.instance
        assert instance is not None  # noqa: S101 (it was started just before)
        prober = self._prober(instance)
        self._show(prober)
        condemning = asyncio.create_task(self._accompany(instance, prober))
        try:
            code = await instance.finish()
        finally:
            condemning.cancel()
            self.instance = None
        self._shop.children.discard(instance.child)
        await asyncio.wait({condemning})
        if not condemning.cancelled():
            condemning.result()
        message = termination_message(self._container, self._side.surroundings(self.name), instance.log.path, code)
        self.state.end(code, message, self._shop.kube.now())
        self._side.changed()
        return instance.ran_seconds

    async def _accompany(self, instance: Instance, prober: Prober) -> None:
        """The postStart hook, then the probes; stops the instance when one of them says so."""
        hook = (self._container.get("lifecycle") or {}).get("postStart")
        try:
            if hook:
                await call(hook, self._target(instance), None, self._shop.timing.second)
            kind = await prober.run()
        except HandlerError as error:
            self._side.record("Warning", "FailedPostStartHook", f"PostStartHook failed: {error}")
            await self._condemn(instance, "failed postStart hook", self._grace(None))
        else:
            probe = self._container[FIELDS[kind]]
            await self._condemn(instance, f"failed {kind.lower()} probe", self._grace(probe))

    async def _condemn(self, instance: Instance, why: str, grace: float) -> None:
        then = ", will be restarted" if self._policy != "Never" else ""
        self._side.record("Normal", "Killing", f"Container {self.name} {why}{then}")
        await self._stop_instance(instance, grace)

    def _grace(self, probe: Obj | None) -> float:
        """In seconds as pods say them."""
        own = (probe or {}).get("terminationGracePeriodSeconds")
        grace = self._side.pod["spec"].get("terminationGracePeriodSeconds", 30) if own is None else own
        return float(grace)

    def _prober(self, instance: Instance) -> Prober:
        prober: Prober

        async def ask(probe: Obj) -> None:
            await call(probe, self._target(instance), probe.get("timeoutSeconds") or 1)

        def failed(_kind: ProbeKind, message: str) -> None:
            self._side.record("Warning", "Unhealthy", message)

        prober = Prober(self._container, ask, lambda: self._show(prober), failed, self._shop.timing.second)
        return prober

    def _show(self, prober: Prober) -> None:
        self.state.started, self.state.ready = prober.started, prober.ready
        if prober.started:
            self._started.set()
        self._side.changed()

    def _target(self, instance: Instance) -> Target:
        ports = self._container.get("ports") or ()
        return Target(self._side.address, ports, instance.program, self._mounts, self._shop.http)

    # --- after it ran ------------------------------------------------------------------------------------------

    async def _wait_to_restart(self, ran_seconds: float) -> None:
        wait = self._back_off.after(ran_seconds / self._shop.timing.second)
        if not wait:
            return
        pod = self._side.pod
        whose = f"{name_of(pod)}_{namespace_of(pod)}({uid_of(pod)})"
        message = f"Back-off restarting failed container {self.name} in pod {whose}"
        self._side.record("Warning", "BackOff", message)
        self._wait_for("CrashLoopBackOff", f"back-off {_go(wait)} restarting failed container={self.name} pod={whose}")
        await self._sleep(wait)

    # --- being stopped -----------------------------------------------------------------------------------------

    async def stop(self, grace: float) -> None:
        """It is to end now and not to run again; `grace` in seconds as pods say them."""
        self._ending = True
        if self.instance is not None:
            self._side.record("Normal", "Killing", f"Stopping container {self.name}")
            await self._stop_instance(self.instance, grace)
        elif self._task is not None:
            self._task.cancel()
        await self.ended()

    async def _stop_instance(self, instance: Instance, grace: float) -> None:
        second = self._shop.timing.second
        hook = self._pre_stop(instance) if grace > 0 else None
        least = self._shop.timing.least_grace if grace > 0 else 0
        await instance.stop(hook, grace * second, least * second)

    def _pre_stop(self, instance: Instance) -> Callable[[], Awaitable[None]] | None:
        hook = (self._container.get("lifecycle") or {}).get("preStop")
        if not hook:
            return None

        async def run() -> None:
            try:
                await call(hook, self._target(instance), None, self._shop.timing.second)
            except HandlerError as error:
                self._side.record("Warning", "FailedPreStopHook", f"PreStopHook failed: {error}")

        return run

    def kill(self) -> None:
        """Without any grace, while it is being stopped."""
        if self.instance is not None:
            self.instance.kill()

    def abandon(self) -> None:
        """The agent ends; the process is left to those who end all leftovers."""
        self._ending = True
        if self._task is not None:
            self._task.cancel()


def _go(seconds: float) -> str:
    """A duration as Go prints it: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
