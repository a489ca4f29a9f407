"""Ends a world, and tells what was in it. Nothing that was downloaded is touched."""

from __future__ import annotations

import asyncio
from pathlib import Path

from antiphon_operator.asking.cluster import open_cluster
from antiphon_operator.bringing_up import sandbox_world
from antiphon_operator.bringing_up.prometheus_beside import PrometheusBeside
from antiphon_operator.bringing_up.result import DownResult
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.kube.errors import KubeError
from antiphon_operator.kube.resources import PODS, VOICE_AGENTS
from antiphon_operator.objects import name_of, namespace_of

_LOOK_SECONDS = 3.0
"""A world that does not answer can still be ended."""


async def take_down(kubeconfig: Path, steps: Steps) -> DownResult:
    agents, pods = await _inhabitants(kubeconfig)
    with steps.step("ending the sandbox and what runs in it"):
        PrometheusBeside(kubeconfig).end()
        ended = await sandbox_world.end(kubeconfig)
    return DownResult(ended=ended, kubeconfig=str(kubeconfig), agents=agents, pods=pods)


async def _inhabitants(kubeconfig: Path) -> tuple[list[str], int]:
    try:
        async with asyncio.timeout(_LOOK_SECONDS), open_cluster(kubeconfig) as cluster:
            pods = len(await cluster.listing(PODS))
            agents = await cluster.listing(VOICE_AGENTS)
            return [f"{namespace_of(agent)}/{name_of(agent)}" for agent in agents], pods
    except (KubeError, TimeoutError):
        return [], 0
