"""Brings a world up, step by step. What is there already is left as it is, so that it can be run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from antiphon_crds.definitions import DEFINITIONS
from antiphon_operator.asking.agents import view_agent
from antiphon_operator.asking.cluster import Cluster, open_cluster, resource_of
from antiphon_operator.asking.log_reading import LogQuery, read_all
from antiphon_operator.bringing_up import model_cache, models, sandbox_world
from antiphon_operator.bringing_up.errors import BringingUpError
from antiphon_operator.bringing_up.prometheus_beside import PrometheusBeside, is_installed
from antiphon_operator.bringing_up.result import UpResult, UpSeconds
from antiphon_operator.bringing_up.sandbox_world import SandboxOptions, SandboxWorld
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.bringing_up.waiting import until_ready, why_not
from antiphon_operator.bringing_up.world_files import AgentFile, read_agent_file
from antiphon_operator.install.installing import Install, InstallOptions
from antiphon_operator.install.manifests import Choices
from antiphon_operator.kube.resources import CONFIG_MAPS, PODS, SECRETS, SERVICES, Resource
from antiphon_operator.names import AGENT_LABEL, CONTAINER, VOICE_PORT
from antiphon_operator.objects import Obj, name_of
from antiphon_operator.telling.view import AgentView

_VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False)
_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
_APPLIED = {
    (resource.api_version, resource.kind): resource
    for resource in (*map(resource_of, DEFINITIONS), CONFIG_MAPS, SECRETS, SERVICES, _VOLUMES, _CLAIMS)
}
_LOG_LINES = 12


@dataclass(frozen=True)
class UpOptions:
    """What is asked for."""

    sandbox: SandboxOptions
    models: Path
    """Folder of the models."""
    agent: Path | None
    """File of the agent; None for none."""
    timeout_seconds: float
    prometheus: Literal["auto", "yes", "no"] = "auto"
    """Whether Prometheus is brought up beside it; `auto`: where its program is on the PATH."""


class BringUp:
    """One run of `antiphon up`."""

    def __init__(self, options: UpOptions, steps: Steps, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._steps = steps
        self._clock = clock
        self._began = clock()
        self._seconds: dict[str, float] = {}
        self._prometheus_url: str | None = None

    async def run(self) -> UpResult:
        """BringingUpError or KubeError where it can't be done. What is up by then stays up."""
        file = read_agent_file(self._options.agent) if self._options.agent else None
        if file:
            await self._models(file)
        world = await self._sandbox()
        self._prometheus_url = await self._prometheus(world)
        async with open_cluster(world.kubeconfig) as cluster:
            await self._operator(cluster)
            return await self._agent(world, cluster, file) if file else self._result(world)

    async def _models(self, file: AgentFile) -> None:
        for finding in file.resolution.findings:
            self._steps.note(f"note: {finding.message}, neither in {self._options.agent} nor among the presets")
        wanted = models.cpu_models(file.resolution)
        with self._timed("models"), self._steps.step(f"models in {self._options.models}", own_progress=True):
            await models.pull(wanted, self._options.models)

    async def _sandbox(self) -> SandboxWorld:
        with self._timed("sandbox"), self._steps.step("a Kubernetes for this machine"):
            world = await sandbox_world.bring_up(self._options.sandbox)
        if world.was_up:
            self._steps.note("      it was up before, and goes on with the nodes that it has")
        return world

    async def _prometheus(self, world: SandboxWorld) -> str | None:
        """Its address. One that was not asked for and does not come up is done without."""
        wanted = self._options.prometheus
        if wanted == "no" or (wanted == "auto" and not is_installed()):
            return None
        try:
            with self._timed("prometheus"), self._steps.step("Prometheus"):
                return await PrometheusBeside(world.kubeconfig).bring_up()
        except BringingUpError as error:
            if wanted == "yes":
                raise
            self._steps.note(f"note: it goes on without Prometheus, and reads the pods' metrics itself: {error}")
            return None

    async def _operator(self, cluster: Cluster) -> None:
        with self._timed("operator"):
            options = InstallOptions(Choices(replicas=1, prometheus_url=self._prometheus_url), presets=True)
            await Install(cluster, options, self._steps).run()

    async def _agent(self, world: SandboxWorld, cluster: Cluster, file: AgentFile) -> UpResult:
        name = file.agent.metadata.name
        namespace = file.agent.metadata.namespace or cluster.access.default_namespace
        with self._timed("agent"), self._steps.step(f"agent {name}") as step:
            await _apply_agent(cluster, file, namespace, self._options.models)
            ready, view = await until_ready(
                lambda: view_agent(cluster, name, namespace), step, self._options.timeout_seconds
            )
        why = [] if ready else [*why_not(view), *await _last_words(cluster, view)]
        result = self._result(world)
        endpoint = await _reachable(cluster, view) if ready else None
        told = {"agent": name, "namespace": namespace, "ready": ready, "endpoint": endpoint, "why": why}
        return result.model_copy(update=told)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = self._clock()
        yield
        self._seconds[what] = round(self._clock() - began, 2)

    def _result(self, world: SandboxWorld) -> UpResult:
        whole = self._clock() - self._began - self._seconds.get("models", 0.0)
        return UpResult(
            kubeconfig=str(world.kubeconfig),
            url=world.url,
            nodes=list(world.nodes),
            was_up=world.was_up,
            prometheus=self._prometheus_url,
            seconds=UpSeconds(**self._seconds, command_to_ready=round(whole, 2)),
        )


async def _apply_agent(cluster: Cluster, file: AgentFile, namespace: str, folder: Path) -> None:
    agent = model_cache.with_cache(file.manifest)
    wanted = [*file.others, agent]
    if agent is not file.manifest:
        wanted = [model_cache.cache_volume(folder.absolute(), namespace), model_cache.cache_claim(namespace), *wanted]
    for obj in wanted:
        resource = _resource_of(obj)
        metadata = {"namespace": namespace, **obj["metadata"]} if resource.namespaced else obj["metadata"]
        await cluster.kube.apply(resource, {**obj, "metadata": metadata}, force=True)


def _resource_of(obj: Obj) -> Resource:
    found = _APPLIED.get((obj.get("apiVersion", ""), obj.get("kind", "")))
    if found is None:
        raise BringingUpError(f"a {obj.get('kind')} is nothing that `antiphon up` applies; use kubectl for it")
    return found


async def _reachable(cluster: Cluster, view: AgentView) -> str | None:
    """Address of its Service: in the sandbox one of this machine."""
    service = await cluster.kube.get(SERVICES, view.name, view.namespace)
    address = ((service or {}).get("spec") or {}).get("clusterIP")
    return f"http://{address}:{VOICE_PORT}" if address else view.endpoint


async def _last_words(cluster: Cluster, view: AgentView) -> list[str]:
    """The ends of the logs of pods that are not ready."""
    waiting = {pod.name for group in view.groups for pod in group.pods if not pod.ready}
    found = await cluster.listing(PODS, view.namespace, f"{AGENT_LABEL}={view.name}")
    pods = [pod for pod in found if name_of(pod) in waiting]
    lines, _ = await read_all(cluster, pods, LogQuery(CONTAINER, tail=_LOG_LINES))
    return [f"log of {line.pod}: {line.text}" for line in lines]
