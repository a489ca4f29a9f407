"""The API and a node that runs pods as processes, in real time but with short seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from antiphon_sandbox.api.local import Api
from antiphon_sandbox.kube import Event, LogOptions
from antiphon_sandbox.nodes.guardian import carries, processes
from antiphon_sandbox.nodes.images import Images
from antiphon_sandbox.nodes.leftovers import CONTAINER_MARKER
from antiphon_sandbox.nodes.processes import ProcessNodes
from antiphon_sandbox.nodes.restarts import Timing
from antiphon_sandbox.objects import Obj

NAMESPACE = "default"
NODE = "laptop"
SECOND = 0.05
"""How long a second of pods takes here."""
PATIENCE_SECONDS = 20.0
_WATCHED = ("pods", "events", "services", "endpointslices.discovery.k8s.io")

Given = ParamSpec("Given")


def in_real_time(story: Callable[Given, Coroutine[Any, Any, None]]) -> Callable[Given, None]:
    """Makes a test of a coroutine function."""

    @wraps(story)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> None:
        asyncio.run(story(*args, **kwargs))

    return told


class ProcessWorld:
    def __init__(self, api: Api, nodes: ProcessNodes, state_dir: Path) -> None:
        self.api = api
        self.nodes = nodes
        self.state_dir = state_dir

    def run(self, name: str, *command: str, container: Obj | None = None, **spec: Any) -> Obj:
        """A pod on our node; `command` for the machine's shell, in a container called `main`."""
        main = {"name": "main", "image": "busybox", "command": ["sh", "-c", *command]} | (container or {})
        metadata = {"name": name, "namespace": NAMESPACE, "labels": {"app": name}, "annotations": {"note": "a\nb"}}
        whole = {"nodeName": NODE, "containers": [main], "terminationGracePeriodSeconds": 5} | spec
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": whole}
        return self.api.create("pods", pod)

    def pod(self, name: str) -> Obj:
        found = self.api.get("pods", NAMESPACE, name)
        assert found is not None, f"no pod {name}"
        return found

    def status(self, name: str, container: str = "main") -> Obj:
        """Of one container; empty before the first report."""
        status = self.pod(name).get("status") or {}
        everyone = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
        return next((found for found in everyone if found["name"] == container), {})

    def state(self, name: str, container: str = "main") -> Obj:
        """What it waits for, since when it runs, or how it ended."""
        state: Obj = self.status(name, container).get("state") or {}
        return state

    def phase(self, name: str) -> str:
        return str((self.pod(name).get("status") or {}).get("phase", ""))

    def events(self, name: str) -> list[tuple[str, str]]:
        about = [each for each in self.api.list("events", NAMESPACE) if each["involvedObject"]["name"] == name]
        ordered = sorted(about, key=lambda each: int(each["metadata"]["resourceVersion"]))
        return [(each["reason"], each["message"]) for each in ordered]

    async def until(self, holds: Callable[[], Any]) -> None:
        """Asks again after every change."""
        changed = asyncio.Event()

        def on_event(_: Event) -> None:
            changed.set()

        unsubscribe = self.api.subscribe(_WATCHED, on_event)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not holds():
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            pods = [(pod["metadata"]["name"], pod.get("status")) for pod in self.api.list("pods")]
            raise AssertionError(f"it does not come true; {pods}") from None
        finally:
            unsubscribe()

    async def until_phase(self, name: str, phase: str) -> None:
        await self.until(lambda: self.phase(name) == phase)

    async def until_gone(self, name: str) -> None:
        await self.until(lambda: self.api.get("pods", NAMESPACE, name) is None)

    async def log(self, name: str, container: str = "main", **options: Any) -> str:
        chunks = self.nodes.logs(self.pod(name), LogOptions(container, **options))
        return b"".join([chunk async for chunk in chunks]).decode()

    async def until_logged(self, name: str, line: str) -> None:
        await self.until(lambda: self.state(name).keys() & {"running", "terminated"})
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = ""
            async for chunk in self.nodes.logs(self.pod(name), LogOptions("main", follow=True)):
                said += chunk.decode()
                if line in said:
                    return
        raise AssertionError(f"{line!r} was not logged, but {said!r}")

    def config_map(self, name: str, **data: str) -> Obj:
        metadata = {"name": name, "namespace": NAMESPACE}
        return self.api.create("configmaps", {"metadata": metadata, "data": data})


@asynccontextmanager
async def process_world(
    state_dir: Path, *, api: Api | None = None, images: Images | None = None, second: float = SECOND
) -> AsyncIterator[ProcessWorld]:
    api = api or Api()
    nodes = ProcessNodes(api, [NODE], state_dir, images=images, timing=Timing(second=second, shutdown_grace=10))
    running = asyncio.create_task(nodes.run())
    try:
        yield ProcessWorld(api, nodes, state_dir)
    finally:
        running.cancel()
        (end,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(end, asyncio.CancelledError), end


def processes_of(pod: Obj, container: str = "main", restart: int = 0) -> set[int]:
    """Living processes that a container started, wherever they went."""
    marker = f"{CONTAINER_MARKER}={pod['metadata']['uid']}/{container}/{restart}"
    return {found.pid for found in processes() if found.state not in "ZX" and carries(found.pid, marker)}


async def comes_true(holds: Callable[[], Any]) -> None:
    """For what nobody tells us of: processes, files, ports."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    return any(found.pid == pid and found.state not in "ZX" for found in processes())
