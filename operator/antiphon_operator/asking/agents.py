"""All that tells of one agent."""

from __future__ import annotations

import asyncio

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.policy import SLAPolicy
from antiphon_operator.asking.cluster import Cluster
from antiphon_operator.asking.pod_words import states_of
from antiphon_operator.kube.resources import PODS, SLA_POLICIES, VOICE_AGENTS
from antiphon_operator.names import AGENT_LABEL
from antiphon_operator.telling.view import AgentView
from antiphon_operator.telling.viewing import Found, view_of


async def view_agent(cluster: Cluster, name: str, namespace: str) -> AgentView:
    """NotThereError where there is no such agent."""
    agent = VoiceAgent.from_manifest(await cluster.named(VOICE_AGENTS, name, namespace), ignore_unknown=True)
    policy, pods, events = await asyncio.gather(
        _policy(cluster, agent), cluster.listing(PODS, namespace, f"{AGENT_LABEL}={name}"), cluster.events(namespace)
    )
    return view_of(Found(agent, policy, pods, events, await states_of(cluster, name, namespace, pods)))


async def _policy(cluster: Cluster, agent: VoiceAgent) -> SLAPolicy | None:
    if agent.spec.sla_policy is None:
        return None
    found = await cluster.kube.get(SLA_POLICIES, agent.spec.sla_policy)
    return SLAPolicy.from_manifest(found, ignore_unknown=True) if found else None
