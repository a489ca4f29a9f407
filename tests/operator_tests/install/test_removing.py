"""Taking the operator out of a cluster: what goes, and what stays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import ParamSpec

import pytest
from installing_world import InstallingWorld, installing_world

from antiphon_crds.definitions import DEFINITIONS as OURS
from antiphon_operator.install.errors import InstallError
from antiphon_operator.install.kinds import KINDS, NAMESPACES
from antiphon_operator.install.removing import Removed, Uninstall
from antiphon_operator.kube.resources import (
    CONFIG_MAPS,
    DEFINITIONS,
    DEPLOYMENTS,
    LEASES,
    PODS,
    SLA_POLICIES,
    VOICE_AGENTS,
)

Given = ParamSpec("Given")
OPERATOR, SYSTEM = "antiphon-operator", "antiphon-system"
AGENT = {
    "apiVersion": "antiphon.dev/v1alpha1",
    "kind": "VoiceAgent",
    "metadata": {"name": "hello", "namespace": "default"},
    "spec": {
        "pipeline": {name: {"model": name} for name in ("vad", "asr", "llm", "tts")},
        "slaPolicy": "cpu-laptop",
        "placement": {
            "groups": [{"name": "main", "stages": ["vad", "asr", "llm", "tts"], "partition": {"profile": "none"}}]
        },
    },
}


def async_test(story: Callable[Given, Coroutine[None, None, None]]) -> Callable[Given, None]:
    @wraps(story)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> None:
        asyncio.run(story(*args, **kwargs))

    return told


async def uninstalled(world: InstallingWorld, *, definitions: bool = False) -> Removed:
    return await Uninstall(world.cluster, world.steps).run(definitions=definitions)


def make_agent(world: InstallingWorld) -> None:
    """With a child, as the operator would make it."""
    world.api.create(str(VOICE_AGENTS), AGENT)
    owner = world.the(VOICE_AGENTS, "hello", "default")
    reference = {key: owner[key] for key in ("apiVersion", "kind")} | {
        key: owner["metadata"][key] for key in ("name", "uid")
    }
    metadata = {"name": "hello-main", "namespace": "default", "ownerReferences": [reference]}
    world.api.create(str(CONFIG_MAPS), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})


@async_test
async def test_the_operator_goes_and_voices_stay() -> None:
    async with installing_world() as world:
        await world.install(presets=True)
        make_agent(world)
        removed = await uninstalled(world)
        assert [name for kind in KINDS for name in world.names(kind) if name.startswith(OPERATOR)] == []
        assert world.names(PODS, SYSTEM) == []
        assert world.names(VOICE_AGENTS) == ["hello"]
        assert "hello-main" in world.names(CONFIG_MAPS)
        assert world.names(SLA_POLICIES)
        assert len(world.names(DEFINITIONS)) == len(OURS)
        assert (removed.agents, removed.definitions) == (1, False)
        assert SYSTEM in world.names(NAMESPACES), "somebody may have put other things into it"


@async_test
async def test_its_rights_go_after_its_pods_and_the_lease_with_it() -> None:
    async with installing_world() as world:
        await world.install()
        lease = {"metadata": {"name": OPERATOR, "namespace": SYSTEM}, "spec": {"holderIdentity": "a"}}
        world.api.create(str(LEASES), {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease})
        removed = await uninstalled(world)
        assert removed.objects[:2] == [f"Deployment {SYSTEM}/{OPERATOR}", f"Lease {SYSTEM}/{OPERATOR}"]
        assert removed.objects[-1] == f"ServiceAccount {SYSTEM}/{OPERATOR}"
        assert world.names(LEASES, SYSTEM) == []
        assert "pods are ending" in world.said.getvalue()


@async_test
async def test_with_the_definitions_everything_goes() -> None:
    async with installing_world() as world:
        await world.install(presets=True)
        make_agent(world)
        removed = await uninstalled(world, definitions=True)
        assert (removed.agents, removed.definitions) == (1, True)
        assert world.names(DEFINITIONS) == []
        for _ in range(50):
            if "hello-main" not in world.names(CONFIG_MAPS):
                break
            await asyncio.sleep(0.1)
        assert "hello-main" not in world.names(CONFIG_MAPS), "what the agent owned goes with it"


@async_test
async def test_definitions_without_an_operator_go_too() -> None:
    async with installing_world() as world:
        await world.install(wait=False)
        await uninstalled(world)
        assert (await uninstalled(world, definitions=True)).definitions


@async_test
async def test_where_nothing_was_installed_it_says_so() -> None:
    async with installing_world() as world:
        with pytest.raises(InstallError, match="no operator that `antiphon install` has made"):
            await uninstalled(world)


@async_test
async def test_helms_installation_is_left_to_helm() -> None:
    async with installing_world() as world:
        await world.install(wait=False)
        deployment = world.the(DEPLOYMENTS, OPERATOR, SYSTEM)
        deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
        world.api.update(str(DEPLOYMENTS), deployment)
        with pytest.raises(InstallError, match=f"`helm uninstall {OPERATOR} -n {SYSTEM}`"):
            await uninstalled(world, definitions=True)
        assert len(world.names(DEFINITIONS)) == len(OURS)


@async_test
async def test_installed_again_all_is_as_before() -> None:
    async with installing_world() as world:
        await world.install(presets=True)
        make_agent(world)
        await uninstalled(world)
        assert (await world.install(presets=True)).ready
        assert world.names(VOICE_AGENTS) == ["hello"]
