"""An agent as the cluster has it, with what its operator has learned of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.agent_status import VoiceAgentStatus
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.explaining.operator_reach import Way, ask_operator
from antiphon_operator.explaining.thoughts import GroundTold, Thoughts
from antiphon_operator.kube.resources import GPU_POOLS, SLA_POLICIES, VOICE_AGENTS, VOICE_MODELS
from antiphon_operator.objects import name_of
from antiphon_operator.rehearsing.subject import Now, Subject, grounds_of_spec, refuse_unfit
from antiphon_policies.deciding.agent_facts import Ground
from antiphon_policies.facts import Service
from antiphon_policies.resolution import Catalog, Resolution, resolve


async def live_subject(cluster: Cluster, way: Way, name: str, namespace: str) -> Subject:
    """NotThereError where there is no such agent, RehearsalError where it can't run."""
    agent = VoiceAgent.from_manifest(await cluster.named(VOICE_AGENTS, name, namespace), ignore_unknown=True)
    catalog, asked = await asyncio.gather(_catalog(cluster), ask_operator(cluster, way, namespace, name))
    resolution = resolve(agent, catalog)
    refuse_unfit(resolution)
    status = agent.status or VoiceAgentStatus()
    return Subject(
        resolution,
        grounds=_grounds(resolution, status, asked.thoughts),
        learned=_learned(asked.thoughts),
        now=Now(
            status.sessions,
            {group.name: group.ready_replicas for group in status.groups},
            {stage.stage: (stage.variant, stage.batch) for stage in status.stages},
        ),
    )


async def _catalog(cluster: Cluster) -> Catalog:
    policies, models, pools = await asyncio.gather(
        cluster.listing(SLA_POLICIES), cluster.listing(VOICE_MODELS), cluster.listing(GPU_POOLS)
    )
    return Catalog(
        {name_of(obj): SLAPolicy.from_manifest(obj, ignore_unknown=True) for obj in policies},
        {name_of(obj): VoiceModel.from_manifest(obj, ignore_unknown=True) for obj in models},
        {name_of(obj): GPUPool.from_manifest(obj, ignore_unknown=True) for obj in pools},
    )


def _grounds(resolution: Resolution, status: VoiceAgentStatus, thoughts: Thoughts | None) -> dict[str, Ground]:
    partitions = {group.name: group.partition for group in status.groups}
    found = grounds_of_spec(resolution)
    for name, ground in found.items():
        hardware = thoughts.hardware.get(name) if thoughts else None
        ground = replace(ground, hardware=hardware, partition=partitions.get(name, ""))
        told = thoughts.grounds.get(name) if thoughts else None
        found[name] = _told(ground, told) if told else ground
    return found


def _told(ground: Ground, told: GroundTold) -> Ground:
    return replace(
        ground,
        price_per_hour=told.price_per_hour,
        start_seconds=told.start_seconds or ground.start_seconds,
        sessions_per_replica=told.sessions_per_replica,
        shares_device=told.shares_device,
    )


def _learned(thoughts: Thoughts | None) -> dict[tuple[str, str], Service]:
    services = thoughts.services if thoughts else []
    return {
        (each.stage, each.variant): Service(
            each.alpha_ms, each.beta_ms, each.noise, each.rest_alpha_ms, each.rest_beta_ms
        )
        for each in services
    }
