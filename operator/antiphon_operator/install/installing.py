"""Installs the kinds and the operator, step by step. What is as it should be stays; what is no longer wanted goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.install.errors import InstallError
from antiphon_operator.install.kinds import NAMESPACES, resource_of
from antiphon_operator.install.labels import COMMAND, MANAGED_LABEL
from antiphon_operator.install.manifests import Choices, definitions, operator_objects
from antiphon_operator.install.presets import presets
from antiphon_operator.install.waiting import definitions_awaited, operator_awaited, until_none
from antiphon_operator.install.world import Found, installed, key_of, refuse_helms, words_of
from antiphon_operator.kube.resources import DEFINITIONS, DEPLOYMENTS, Resource
from antiphon_operator.objects import Obj, name_of, namespace_of, uid_of

_DEFINITIONS_SECONDS = 60.0
_COUNTED = frozenset({"resourceVersion", "generation", "managedFields"})
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass
class Done:
    """What came of it, in the words of `words_of`."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    ready: bool | None = None
    """None: nobody waited."""


@dataclass(frozen=True)
class InstallOptions:
    """What is asked for."""

    choices: Choices = field(default_factory=Choices)
    presets: bool = False
    wait: bool = True
    timeout_seconds: float = 180.0


class Install:
    """One run of `antiphon install`."""

    def __init__(self, cluster: Cluster, options: InstallOptions, steps: Steps) -> None:
        self._cluster = cluster
        self._options = options
        self._choices = options.choices
        self._steps = steps
        self.done = Done()

    async def run(self) -> Done:
        """InstallError or another KubeError where it can't be done. Run again, it goes on from where it was."""
        ready_made = presets() if self._options.presets else []
        await refuse_helms(self._cluster)
        await self._definitions()
        await self._apply_all("presets", ready_made)
        await self._operator()
        if self._options.wait:
            await self._until_ready()
        return self.done

    async def _definitions(self) -> None:
        ours = definitions()
        names = [name_of(each) for each in ours]
        with self._steps.step("definitions") as step:
            for each in ours:
                await self._apply(DEFINITIONS, each)
            late = await until_none(lambda: definitions_awaited(self._cluster, names), step, _DEFINITIONS_SECONDS)
        if late:
            raise InstallError(f"the API server does not serve our kinds after {_DEFINITIONS_SECONDS:.0f} s: {late}")

    async def _apply_all(self, title: str, objects: Iterable[Found]) -> None:
        if found := list(objects):
            with self._steps.step(title):
                for resource, obj in found:
                    await self._apply(resource, obj)

    async def _operator(self) -> None:
        wanted = [(resource_of(obj), obj) for obj in operator_objects(self._choices)]
        with self._steps.step(f"operator in namespace {self._choices.namespace}"):
            await self._namespaces()
            for resource, obj in wanted:
                await self._apply(resource, obj)
            await self._remove_others({key_of(*each) for each in wanted})

    async def _namespaces(self) -> None:
        """The operator's is made where it is missing; those of agents are other people's."""
        for namespace in self._choices.watch_namespaces:
            if await self._cluster.kube.get(NAMESPACES, namespace) is None:
                raise InstallError(f"there is no namespace {namespace} to watch: create it, then run this again")
        if await self._cluster.kube.get(NAMESPACES, self._choices.namespace) is None:
            labels = {MANAGED_LABEL: COMMAND, **_RESTRICTED}
            metadata = {"name": self._choices.namespace, "labels": labels}
            await self._apply(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    async def _remove_others(self, wanted: set[tuple[str, str, str]]) -> None:
        """Of an installation with other choices: in another namespace, or with other namespaces watched."""
        for resource, obj in reversed(await installed(self._cluster)):
            if key_of(resource, obj) not in wanted:
                await self._cluster.kube.delete(resource, name_of(obj), namespace_of(obj), uid=uid_of(obj))
                self.done.removed.append(words_of(resource, obj))

    async def _apply(self, resource: Resource, obj: Obj) -> None:
        """With force: what an administrator asks for now goes before what others wrote."""
        kube = self._cluster.kube
        before = await kube.get(resource, name_of(obj), namespace_of(obj))
        after = await kube.apply(resource, obj, force=True)
        if before is None:
            kind = self.done.created
        else:
            kind = self.done.unchanged if _content(before) == _content(after) else self.done.changed
        kind.append(words_of(resource, obj))

    async def _until_ready(self) -> None:
        (deployment,) = (obj for obj in operator_objects(self._choices) if obj["kind"] == DEPLOYMENTS.kind)
        name, namespace = name_of(deployment), namespace_of(deployment)
        with self._steps.step("waiting for the operator") as step:
            late = await until_none(
                lambda: operator_awaited(self._cluster, name, namespace), step, self._options.timeout_seconds
            )
        self.done.ready = not late
        if late:
            raise InstallError(
                f"the operator is not ready after {self._options.timeout_seconds:.0f} s: {late}; it goes on starting,"
                f" and `kubectl -n {namespace} logs deployment/{name}` may tell more"
            )


def _content(obj: Obj) -> Obj:
    """All but what the cluster itself keeps count of."""
    kept = {key: value for key, value in obj["metadata"].items() if key not in _COUNTED}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": kept}
