"""An API server stores every rendered field as it was rendered, and a second apply changes nothing.

Against the sandbox, and against the cluster of RENDERING_KUBECONFIG where that names one; it must not have our definitions,
as its garbage collector would miss the agents.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from agent_plans import SETTINGS, agent_with, example_agents, plan_of
from drawn_plans import CLAIM, drawn_plans, drawn_settings
from hypothesis import HealthCheck, Phase, given, settings
from kubeconfig import read_kubeconfig
from served_api import Client, served

from antiphon_operator import names
from antiphon_operator.kube.resources import CHILDREN
from antiphon_operator.objects import Obj, name_of, namespace_of, version_of
from antiphon_operator.placing.choice import Choice
from antiphon_operator.rendering.children import children
from antiphon_operator.rendering.plan import AgentPlan, RenderSettings
from antiphon_sandbox.api.local import Api

_GIVEN = os.environ.get("RENDERING_KUBECONFIG")
_CHANGED_BY_CONTROLLERS = ("ServiceAccount", "PodDisruptionBudget", "Deployment")
_RESOURCES = {resource.kind: resource for resource in CHILDREN}


@asynccontextmanager
async def _sandbox() -> AsyncIterator[Client]:
    async with served(Api()) as client:
        yield client


@asynccontextmanager
async def _given_cluster() -> AsyncIterator[Client]:
    assert _GIVEN is not None
    connection = read_kubeconfig(Path(_GIVEN))
    connector = aiohttp.TCPConnector(ssl=connection.tls if connection.tls is not None else True)
    async with aiohttp.ClientSession(connector=connector, headers=connection.headers) as session:
        yield Client(session, connection.server)


@asynccontextmanager
async def _namespace(client: Client) -> AsyncIterator[str]:
    name = f"rendering-{uuid.uuid4().hex[:8]}"
    made = await client.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert made.status == 201, made
    try:
        yield name
    finally:
        await client.ask("DELETE", f"/api/v1/namespaces/{name}")


async def _apply(client: Client, obj: Obj) -> Obj:
    path = _path(obj) + f"?fieldManager={names.MANAGER}&fieldValidation=Strict"
    answer = await client.ask("PATCH", path, orjson.dumps(obj).decode(), Content_Type="application/apply-patch+yaml")
    assert answer.status in (200, 201), (obj, answer)
    stored: Obj = answer.body
    return stored


def _path(obj: Obj) -> str:
    resource = _RESOURCES[obj["kind"]]
    root = "apis" if resource.group else "api"
    return f"/{root}/{resource.api_version}/namespaces/{namespace_of(obj)}/{resource.plural}/{name_of(obj)}"


def _changed(rendered: Any, stored: Any, path: str = "") -> list[str]:
    """Paths of rendered fields that are not stored as they are."""
    if isinstance(rendered, dict) and isinstance(stored, dict):
        return [each for key, value in rendered.items() for each in _changed(value, stored.get(key), f"{path}.{key}")]
    if isinstance(rendered, list) and isinstance(stored, list) and len(rendered) == len(stored):
        pairs = enumerate(zip(rendered, stored, strict=True))
        return [each for place, (one, other) in pairs for each in _changed(one, other, f"{path}[{place}]")]
    return [] if rendered == stored else [f"{path}: {rendered!r} -> {stored!r}"]


async def _stays_as_rendered(client: Client, plan: AgentPlan, render: RenderSettings) -> None:
    rendered = children(plan, render)
    first = [await _apply(client, obj) for obj in rendered]
    read = [(await client.get(_path(obj))).body for obj in rendered]
    for obj, written, found in zip(rendered, first, read, strict=True):
        assert _changed(obj, written) == []
        assert _changed(obj, found) == []
    quiet = [obj for obj in rendered if obj["kind"] not in _CHANGED_BY_CONTROLLERS]
    versions = {_path(obj): version_of(obj) for obj in read if obj["kind"] not in _CHANGED_BY_CONTROLLERS}
    assert {_path(obj): version_of(await _apply(client, obj)) for obj in quiet} == versions


@given(drawn_plans(), drawn_settings)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_sandbox_stores_what_was_rendered(plan: AgentPlan, render: RenderSettings) -> None:
    async def story() -> None:
        async with _sandbox() as client:
            if plan.namespace != "default":
                await client.ask("POST", "/api/v1/namespaces", {"metadata": {"name": plan.namespace}})
            await _stays_as_rendered(client, plan, render)

    asyncio.run(story())


@pytest.mark.parametrize("name", sorted(example_agents()))
@pytest.mark.skipif(_GIVEN is None, reason="RENDERING_KUBECONFIG names no cluster")
def test_the_given_cluster_stores_what_was_rendered(name: str) -> None:
    async def story() -> None:
        async with _given_cluster() as client, _namespace(client) as namespace:
            agent = example_agents()[name]
            await _stays_as_rendered(client, plan_of(agent_with(agent, namespace=namespace)), SETTINGS)
            longest = agent_with(agent, "a" * 40, namespace, access={"apiKeys": {"name": "keys"}})
            plan = plan_of(longest, choice=Choice("1g.18gb", claim=CLAIM), surge=False)
            await _stays_as_rendered(client, plan, replace(SETTINGS, prometheus_namespace="monitoring"))

    asyncio.run(story())


@given(drawn_plans(), drawn_settings)
@settings(max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.skipif(_GIVEN is None, reason="RENDERING_KUBECONFIG names no cluster")
def test_the_given_cluster_stores_whatever_was_drawn(plan: AgentPlan, render: RenderSettings) -> None:
    async def story() -> None:
        async with _given_cluster() as client, _namespace(client) as namespace:
            agent = plan.resolution.agent
            moved = agent.model_copy(update={"metadata": agent.metadata.model_copy(update={"namespace": namespace})})
            there = replace(plan, resolution=replace(plan.resolution, agent=moved))
            await _stays_as_rendered(client, there, render)

    asyncio.run(story())
