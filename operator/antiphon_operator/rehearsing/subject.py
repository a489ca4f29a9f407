"""The agent that a question is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.problems import field_path
from antiphon_crds.stages import Stage
from antiphon_operator.rehearsing.errors import RehearsalError
from antiphon_policies.deciding.agent_facts import Ground, agent_facts
from antiphon_policies.facts import AgentFacts, Service, StageFacts
from antiphon_policies.resolution import Finding, Resolution


@dataclass(frozen=True)
class Now:
    """What a live agent does."""

    sessions: int | None
    ready: Mapping[str, int]
    """Replicas that are ready, by group."""
    stages: Mapping[Stage, tuple[str, int]] = field(default_factory=dict)
    """Variant and largest batch of each stage."""


@dataclass(frozen=True)
class Subject:
    """An agent with all that it names, and what is known of where it runs."""

    resolution: Resolution
    grounds: Mapping[str, Ground] = field(default_factory=dict)
    """By group; where one is left out, nothing is known of where it runs."""
    learned: Mapping[tuple[str, str], Service] = field(default_factory=dict)
    """By stage and variant, of those that were seen at work."""
    now: Now | None = None
    """None: it is not live."""

    @property
    def name(self) -> str:
        return self.resolution.agent.metadata.name

    @property
    def namespace(self) -> str:
        return self.resolution.agent.metadata.namespace or "default"

    @property
    def drain_seconds(self) -> float:
        return parse_duration_seconds(self.resolution.agent.spec.sessions.drain)

    def facts(self, duty_cycle: float | None = None) -> AgentFacts:
        """As the control loop plans with; with another duty cycle where one is given."""
        resolution = self.resolution if duty_cycle is None else _with_duty_cycle(self.resolution, duty_cycle)
        return self._with_learned(agent_facts(resolution, self.grounds))

    def on(self, hardware: str | None) -> Subject:
        """The same on other hardware. RehearsalError where no profile is for it."""
        if hardware is None:
            return self
        known = profiled_hardware(self.resolution)
        if hardware not in known:
            told = f"; there are profiles of {', '.join(known)}" if known else "; no model that it names has a profile"
            raise RehearsalError(
                f"--hardware {hardware}: no profile of {self.name}'s models is for it{told}", usage=True
            )
        groups = (group.name for group in self.resolution.groups)
        grounds = {name: replace(self.grounds.get(name, Ground()), hardware=hardware) for name in groups}
        return replace(self, grounds=grounds, learned={})

    def was_learned(self, stage: Stage, variant: str) -> bool:
        """Whether live work has told another speed than its profile."""
        learned = self.learned.get((stage, variant))
        facts = next(each for each in agent_facts(self.resolution, self.grounds).stages if each.stage == stage)
        known = next(each.service for each in facts.variants if each.name == variant)
        return learned is not None and learned != known

    def _with_learned(self, facts: AgentFacts) -> AgentFacts:
        return replace(facts, stages=tuple(self._learned_stage(stage) for stage in facts.stages))

    def _learned_stage(self, stage: StageFacts) -> StageFacts:
        variants = (
            replace(variant, service=self.learned.get((stage.stage, variant.name), variant.service))
            for variant in stage.variants
        )
        return replace(stage, variants=tuple(variants))


def profiled_hardware(resolution: Resolution) -> list[str]:
    """In the order in which the models name it."""
    names = (
        profile.hardware
        for resolved in resolution.stages
        for variant in resolved.variants
        for profile in variant.profiles
    )
    return list(dict.fromkeys(names))


def grounds_of_spec(resolution: Resolution) -> dict[str, Ground]:
    """What the spec alone says of where the groups run: whether their stages would share a GPU."""
    return {group.name: Ground(shares_device=_shares_device(group, resolution)) for group in resolution.groups}


def _shares_device(group: PlacementGroup, resolution: Resolution) -> bool:
    """Several models on one GPU take turns on it. Those that are emulated only wait, each for itself."""
    on_gpu = [
        resolved
        for resolved in resolution.stages
        if resolved.stage in group.stages
        and any(variant.memory.gpu is not None and variant.engine != "emulated" for variant in resolved.variants)
    ]
    return group.partition.profile != "none" and len(on_gpu) > 1


def refuse_unfit(resolution: Resolution) -> None:
    """RehearsalError where something that it names is missing, or does not fit. Without its pool, only prices and nodes are
    not known."""
    found = [finding for finding in resolution.findings if not (finding.missing and finding.field[-1] == "pool")]
    if found:
        told = "\n".join(f"  {_told(finding)}" for finding in found)
        raise RehearsalError(f"VoiceAgent {resolution.agent.metadata.name} can't run as it is:\n{told}")


def _told(finding: Finding) -> str:
    hint = "; give its file too, or apply it" if finding.missing else ""
    return f"{field_path(finding.field)}: {finding.message}{hint}"


def _with_duty_cycle(resolution: Resolution, duty_cycle: float) -> Resolution:
    spec = resolution.agent.spec
    sessions = spec.sessions.model_copy(update={"duty_cycle": duty_cycle})
    agent = resolution.agent.model_copy(update={"spec": spec.model_copy(update={"sessions": sessions})})
    return replace(resolution, agent=agent)
