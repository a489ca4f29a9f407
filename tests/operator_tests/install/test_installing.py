"""Installing into a cluster: what is there then, run again, with other choices, and when it can't be done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec

import pytest
from installing_world import installing_world

from antiphon_operator.install.errors import InstallError
from antiphon_operator.install.kinds import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, NAMESPACES, ROLES
from antiphon_operator.install.manifests import Choices, definitions, operator_objects
from antiphon_operator.install.waiting import not_served
from antiphon_operator.kube.resources import DEPLOYMENTS, SLA_POLICIES, VOICE_MODELS

Given = ParamSpec("Given")
OPERATOR = "antiphon-operator"
SYSTEM = "antiphon-system"


def async_test(story: Callable[Given, Coroutine[Any, Any, None]]) -> Callable[Given, None]:
    @wraps(story)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> None:
        asyncio.run(story(*args, **kwargs))

    return told


@async_test
async def test_it_brings_the_kinds_the_operator_and_the_presets() -> None:
    async with installing_world() as world:
        done = await world.install(presets=True)
        assert done.ready
        assert world.names(VOICE_MODELS)
        assert world.names(SLA_POLICIES)
        deployment = world.the(DEPLOYMENTS, OPERATOR, SYSTEM)
        assert deployment["status"]["availableReplicas"] == 2
        assert not done.changed
        assert not done.unchanged
        assert len(done.created) == len(set(done.created))
        wanted = len(definitions()) + len(operator_objects(Choices())) + 1
        presets = len(world.names(VOICE_MODELS)) + len(world.names(SLA_POLICIES))
        assert len(done.created) == wanted + presets


@async_test
async def test_its_namespace_is_made_and_keeps_to_pod_security() -> None:
    async with installing_world() as world:
        await world.install(wait=False)
        labels = world.the(NAMESPACES, SYSTEM)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@async_test
async def test_a_namespace_that_was_there_stays_as_it_was() -> None:
    async with installing_world() as world:
        world.make_namespace("tools")
        before = world.the(NAMESPACES, "tools")["metadata"]["resourceVersion"]
        await world.install(wait=False, namespace="tools")
        assert world.the(NAMESPACES, "tools")["metadata"]["resourceVersion"] == before
        assert SYSTEM not in world.names(NAMESPACES)


@async_test
async def test_run_again_it_changes_nothing() -> None:
    async with installing_world() as world:
        first = await world.install(presets=True)
        again = await world.install(presets=True)
        assert (again.created, again.changed, again.removed) == ([], [], [])
        assert len(again.unchanged) == len(first.created) - 1, "all but the namespace, which is looked at alone"


@async_test
async def test_another_choice_changes_what_it_is_about() -> None:
    async with installing_world() as world:
        await world.install()
        done = await world.install(image="registry.example.com/antiphon-operator:2", replicas=1)
        assert done.changed == [f"Deployment {SYSTEM}/{OPERATOR}"]
        deployment = world.the(DEPLOYMENTS, OPERATOR, SYSTEM)
        assert deployment["spec"]["replicas"] == 1
        assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith("operator:2")


@async_test
async def test_what_other_choices_left_behind_goes() -> None:
    async with installing_world() as world:
        for name in ("calls", "support"):
            world.make_namespace(name)
        await world.install(wait=False, watch_namespaces=("calls", "support"))
        assert world.names(ROLES, "support") == [OPERATOR]
        done = await world.install(wait=False, watch_namespaces=("calls",))
        assert done.removed == [f"RoleBinding support/{OPERATOR}", f"Role support/{OPERATOR}"]
        done = await world.install(wait=False)
        assert done.removed == [f"RoleBinding calls/{OPERATOR}", f"Role calls/{OPERATOR}"]
        assert world.names(ROLES) == [f"{OPERATOR}-lease"]


@async_test
async def test_it_can_move_to_another_namespace() -> None:
    async with installing_world() as world:
        await world.install(wait=False)
        await world.install(wait=False, namespace="tools")
        assert world.names(DEPLOYMENTS, SYSTEM) == []
        (subject,) = world.the(CLUSTER_ROLE_BINDINGS, OPERATOR)["subjects"]
        assert subject["namespace"] == "tools"


@async_test
async def test_what_somebody_changed_is_put_right() -> None:
    async with installing_world() as world:
        await world.install(wait=False)
        role = world.the(CLUSTER_ROLES, OPERATOR)
        world.api.update(str(CLUSTER_ROLES), {**role, "rules": role["rules"][:2]})
        done = await world.install(wait=False)
        assert done.changed == [f"ClusterRole {OPERATOR}"]
        assert world.the(CLUSTER_ROLES, OPERATOR)["rules"] == role["rules"]


@async_test
async def test_a_namespace_to_watch_must_be_there() -> None:
    async with installing_world() as world:
        with pytest.raises(InstallError, match="no namespace calls to watch"):
            await world.install(watch_namespaces=("calls",))
        assert world.names(DEPLOYMENTS) == []


@async_test
async def test_helms_installation_is_left_to_helm() -> None:
    async with installing_world() as world:
        await world.install(wait=False)
        deployment = world.the(DEPLOYMENTS, OPERATOR, SYSTEM)
        deployment["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "Helm"
        deployment["metadata"]["annotations"] = {"meta.helm.sh/release-name": "hands"}
        world.api.update(str(DEPLOYMENTS), deployment)
        before = world.api.store.revision
        with pytest.raises(InstallError, match="by Helm, as release hands: use `helm upgrade hands"):
            await world.install(replicas=1)
        assert world.api.store.revision == before


@async_test
async def test_an_operator_that_does_not_start_is_told_with_its_reason() -> None:
    async with installing_world(node=False) as world:
        with pytest.raises(InstallError, match=r"not ready after 1 s: 0 of 2 ready; pod antiphon-operator-.*Unschedul"):
            await world.install(timeout=1.0)
        assert "0 of 2 ready" in world.said.getvalue(), "progress is shown meanwhile"


def test_names_that_are_taken_are_told() -> None:
    """As a real API server tells it; the sandbox refuses at once."""
    name = "voiceagents.antiphon.dev"
    pending = {"type": "Established", "status": "False", "reason": "Installing"}
    definition = {"metadata": {"name": name}, "status": {"conditions": [pending]}}
    assert not_served([definition], [name]) == f"not served yet: {name}"
    taken = {"type": "NamesAccepted", "status": "False", "reason": "KindConflict", "message": "VoiceAgent is in use"}
    definition["status"] = {"conditions": [taken, pending]}
    with pytest.raises(InstallError, match="can't be served: VoiceAgent is in use"):
        not_served([definition], [name])
