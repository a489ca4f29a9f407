"""Takes the operator away. Voices, agents and their kinds stay, unless they are to go as well."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon_crds.definitions import DEFINITIONS as OURS
from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.install.errors import InstallError
from antiphon_operator.install.waiting import pods_awaited, until_none
from antiphon_operator.install.world import Found, installed, refuse_helms, words_of
from antiphon_operator.kube.errors import NotFoundError
from antiphon_operator.kube.resources import DEFINITIONS, DEPLOYMENTS, LEASES, VOICE_AGENTS
from antiphon_operator.objects import Obj, name_of, namespace_of, uid_of

_PODS_SECONDS = 60.0
_DEFINITIONS_SECONDS = 120.0


@dataclass
class Removed:
    """What is gone, and what stays."""

    objects: list[str] = field(default_factory=list)
    agents: int = 0
    """That were there."""
    definitions: bool = False
    """Whether the kinds went, and with them all agents, policies, models and pools."""


class Uninstall:
    """One run of `antiphon uninstall`."""

    def __init__(self, cluster: Cluster, steps: Steps) -> None:
        self._cluster = cluster
        self._steps = steps
        self.removed = Removed()

    async def agents(self) -> list[Obj]:
        """Empty also where the cluster does not know them."""
        try:
            return await self._cluster.listing(VOICE_AGENTS)
        except NotFoundError:
            return []

    async def run(self, *, definitions: bool) -> Removed:
        """InstallError where nothing was installed, or Helm did it. What is gone already is passed over."""
        await refuse_helms(self._cluster)
        found = await installed(self._cluster)
        self.removed.agents = len(await self.agents())
        if not found and not definitions:
            raise InstallError("there is no operator that `antiphon install` has made")
        await self._operator(found)
        if definitions:
            await self._definitions()
        return self.removed

    async def _operator(self, found: list[Found]) -> None:
        """Its rights go last: until its pods have ended, it hands back what it holds."""
        deployments = [obj for resource, obj in found if resource is DEPLOYMENTS]
        with self._steps.step("operator") as step:
            for deployment in deployments:
                await self._delete((DEPLOYMENTS, deployment))
                namespace = namespace_of(deployment)
                await until_none(lambda where=namespace: pods_awaited(self._cluster, where), step, _PODS_SECONDS)  # type: ignore[misc]
                if await self._cluster.kube.delete(LEASES, name_of(deployment), namespace):
                    self.removed.objects.append(f"Lease {namespace}/{name_of(deployment)}")
            for resource, obj in reversed(found):
                if resource is not DEPLOYMENTS:
                    await self._delete((resource, obj))

    async def _delete(self, found: Found) -> None:
        resource, obj = found
        if await self._cluster.kube.delete(resource, name_of(obj), namespace_of(obj), uid=uid_of(obj)):
            self.removed.objects.append(words_of(resource, obj))

    async def _definitions(self) -> None:
        """All objects of these kinds go with them, and the cluster then ends the pods of agents, calls drained."""
        names = [definition.name for definition in OURS]
        with self._steps.step("definitions, and all agents with them") as step:
            for name in names:
                if await self._cluster.kube.delete(DEFINITIONS, name):
                    self.removed.objects.append(f"{DEFINITIONS.kind} {name}")
            late = await until_none(lambda: self._left(names), step, _DEFINITIONS_SECONDS)
        if late:
            raise InstallError(
                f"after {_DEFINITIONS_SECONDS:.0f} s there are still {late}: does an object have finalizers?"
            )
        self.removed.definitions = True

    async def _left(self, names: list[str]) -> str:
        there = {name_of(obj) for obj in await self._cluster.listing(DEFINITIONS)}
        return ", ".join(name for name in names if name in there)
