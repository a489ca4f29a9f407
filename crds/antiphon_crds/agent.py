"""VoiceAgent: what an application team asks for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.agent_status import VoiceAgentStatus
from antiphon_crds.base import Contract, ListMap
from antiphon_crds.pipeline import Audio, Pipeline
from antiphon_crds.placement import Placement, Scaling
from antiphon_crds.policy import Objectives
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import ObjectName
from antiphon_crds.sessions import Access, ExpectedTraffic, Runtime, Sessions
from antiphon_crds.stages import STAGES
from antiphon_crds.status import Resource


def _placed_once(stage: str) -> Rule:
    placed = f"self.placement.groups.filter(g, !has(g.overflow) && '{stage}' in g.stages)"
    return Rule(
        f"!has(self.pipeline.{stage}) || size(self.placement.groups) == 0 || {placed}.size() == 1",
        f"stage {stage} of the pipeline is in {{{placed}.size()}} placement groups (overflow apart);"
        " put it into exactly one's stages",
        "placement",
    )


def _placed_only_if_used(stage: str) -> Rule:
    return Rule(
        f"has(self.pipeline.{stage}) || !self.placement.groups.exists(g, '{stage}' in g.stages)",
        f"placement group {{self.placement.groups.filter(g, '{stage}' in g.stages).map(g, g.name)}} has stage"
        f" {stage}, which is not in the pipeline; take it out of the group's stages, or add pipeline.{stage}",
        "placement",
    )


def _objective_stage_used(stage: str) -> Rule:
    return Rule(
        f"has(self.pipeline.{stage}) || !self.objectives.exists(o, has(o.stage) && o.stage == '{stage}')",
        f"objective {{self.objectives.filter(o, has(o.stage) && o.stage == '{stage}').map(o, o.name)}} is about"
        f" stage {stage}, which is not in the pipeline; leave it out, or add pipeline.{stage}",
        "objectives",
    )


class VoiceAgentSpec(Contract):
    """A voice agent: its pipeline, its promises, its bounds."""

    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the agent is for."""
    pipeline: Pipeline
    """The stages and their models."""
    audio: Audio = Audio()
    """The audio path between client and pipeline."""
    sla_policy: ObjectName | None = None
    """Name of the SLAPolicy. Needed in scaling mode SLA."""
    objectives: Objectives = []
    """Objectives that tighten the policy's; a looser one is refused in condition Accepted."""
    scaling: Scaling = Scaling()
    """How many replicas run."""
    placement: Placement = Placement()
    """Which stages run together, and on what."""
    sessions: Sessions = Sessions()
    """What a session is like, and how it ends."""
    traffic: Annotated[list[ExpectedTraffic], Field(max_length=32), ListMap("name")] = []
    """Traffic known beforehand."""
    access: Access = Access()
    """Who may talk to the agent."""
    runtime: Runtime = Runtime()
    """The pods themselves."""

    rules = (
        Rule(
            "self.scaling.mode != 'SLA' || has(self.slaPolicy)",
            "scaling.mode is {self.scaling.mode} and there is no slaPolicy; name an SLAPolicy, or use mode External",
            "slaPolicy",
        ),
        Rule(
            "size(self.objectives) == 0 || has(self.slaPolicy)",
            "objectives tighten a policy's ({self.objectives.map(o, o.name)}) and there is no slaPolicy; name one",
            "objectives",
        ),
        Rule(
            "!has(self.pipeline.lipsync) || self.pipeline.lipsync.options.idleFrames || self.sessions.dutyCycle >= 0.99",
            "sessions.dutyCycle is {self.sessions.dutyCycle} and lipsync draws all the time, as options.idleFrames is false;"
            " set dutyCycle to 1, or idleFrames to true",
            "sessions",
        ),
        *(_placed_once(stage) for stage in STAGES),
        *(_placed_only_if_used(stage) for stage in STAGES),
        *(_objective_stage_used(stage) for stage in STAGES),
    )


class VoiceAgent(Resource):
    """A voice agent that the operator runs and keeps inside its promises."""

    kind: Literal["VoiceAgent"] = "VoiceAgent"
    """Kind of the object."""
    spec: VoiceAgentSpec
    """What is wanted."""
    status: VoiceAgentStatus | None = None
    """What is."""

    rules = (
        Rule(
            "size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name '{self.metadata.name}' can't begin the names of its Services; use at most 40 of a-z, 0-9 and -,"
            " with a letter first and no - last",
            "metadata",
        ),
    )
