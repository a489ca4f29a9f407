"""What planning knows of an agent, from what its spec names and from where its groups run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.placement import PlacementGroup
from antiphon_crds.policy import Guardrails, SLAPolicySpec
from antiphon_crds.sessions import Sessions
from antiphon_crds.stages import ERROR_METRICS, STAGES_OF_ENGINE, Actuator, QualityMetric, Stage
from antiphon_crds.voicemodel import Variant
from antiphon_policies.deciding.habits import LISTENED_TO, Habits, modes_of
from antiphon_policies.deciding.services import UNKNOWN, awaited, key_of, profile_for, rounded, seed_of
from antiphon_policies.estimating.estimate import Seed
from antiphon_policies.estimating.estimates import EstimateKey, Estimates
from antiphon_policies.facts import AgentFacts, Discipline, GroupFacts, Service, StageFacts, VariantFacts
from antiphon_policies.planning.memory import Memory
from antiphon_policies.resolution import Resolution, ResolvedStage

DEFAULT_START_SECONDS = 30.0
DEFAULT_LOAD_SECONDS = 10.0

_DISCIPLINES: Mapping[Stage, Discipline] = {
    "vad": "batches",
    "asr": "batches",
    "llm": "streams",
    "tts": "streams",
    "diarization": "batches",
    "lipsync": "lockstep",
    "speech": "lockstep",
}
_IN_TURN: frozenset[Stage] = frozenset(("asr", "llm", "tts", "speech"))
_LOSS_BY_RANK = 0.05
"""Quality that each place in the order of variants costs where no measurement tells."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where one group runs, as it was placed and as it was seen."""

    hardware: str | None = None
    """Name under which profiles know it. None: not known."""
    partition: str = ""
    """What a replica takes from the stock; empty for the CPU."""
    price_per_hour: float = 1.0
    start_seconds: float = DEFAULT_START_SECONDS
    """From the wish for a replica to its serving; the slowest that was seen lately."""
    sessions_per_replica: int | None = None
    """As its pods measured, where they did."""
    variants: Mapping[Stage, tuple[str, ...]] = field(default_factory=dict)
    """Variants that fit; a stage left out: all."""
    shares_device: bool = False


def agent_facts(
    resolution: Resolution,
    grounds: Mapping[str, Ground] | None = None,
    learned: Estimates | None = None,
) -> AgentFacts:
    """Groups that only take another's overflow are left out: what they get is not planned here. So is vad, which no choice
    makes quicker. The very same facts as long as nothing changes of what they are made from."""
    ground = _ground(resolution, grounds or {})
    services = tuple(lesson.service(learned) for lesson in ground.lessons)
    made = _MADE.get((id(resolution),))
    if made is None or made.ground is not ground or made.services != services:
        made = _Made(ground, services, _facts(resolution, ground.grounds, learned))
        _MADE.keep((id(resolution),), made)
    return made.facts


def _facts(resolution: Resolution, grounds: Mapping[str, Ground], learned: Estimates | None) -> AgentFacts:
    spec = resolution.agent.spec
    habits = Habits(spec.sessions.duty_cycle)
    groups = [group for group in resolution.groups if group.overflow is None]
    where = {group.name: grounds.get(group.name, Ground()) for group in groups}
    stages = tuple(
        _stage(resolved, group, where[group.name], learned, habits)
        for resolved in resolution.stages
        for group in groups
        if resolved.stage in group.stages and resolved.stage != "vad"
    )
    policy = resolution.policy.spec if resolution.policy else None
    return AgentFacts(
        key=(resolution.agent.metadata.namespace or "default", resolution.agent.metadata.name),
        stages=tuple(stage for stage in stages if stage.variants),
        groups=tuple(_group(group, resolution, where[group.name]) for group in groups),
        modes=modes_of(spec.pipeline),
        objectives=resolution.objectives,
        actuators=_actuators(policy),
        guardrails=policy.guardrails if policy else Guardrails(mode="Observe"),
        prefer=policy.prefer if policy else "Quality",
        priority=policy.priority if policy else 0,
        duty_cycle=spec.sessions.duty_cycle,
        turns_per_second=habits.turns_per_second,
        scales=spec.scaling.mode == "SLA",
    )


def _actuators(policy: SLAPolicySpec | None) -> frozenset[Actuator]:
    return frozenset(policy.actuators) if policy else frozenset()


def _group(group: PlacementGroup, resolution: Resolution, ground: Ground) -> GroupFacts:
    scaling = resolution.agent.spec.scaling
    fewest = scaling.min_replicas if group.min_replicas is None else group.min_replicas
    most = scaling.max_replicas if group.max_replicas is None else group.max_replicas
    return GroupFacts(
        name=group.name,
        min_replicas=min(fewest, most),
        max_replicas=most,
        partition=ground.partition,
        price_per_hour=ground.price_per_hour,
        start_seconds=ground.start_seconds,
        max_sessions=_most_sessions(group, resolution.agent.spec.sessions, ground),
        shares_device=ground.shares_device,
    )


def _most_sessions(group: PlacementGroup, sessions: Sessions, ground: Ground) -> int | None:
    told = [group.max_sessions or sessions.max_per_replica, ground.sessions_per_replica]
    return min((count for count in told if count is not None), default=None)


def _stage(
    resolved: ResolvedStage, group: PlacementGroup, ground: Ground, learned: Estimates | None, habits: Habits
) -> StageFacts:
    allowed = _allowed(resolved, group, ground)
    best = {quality.metric: quality.value for variant in allowed[:1] for quality in variant.quality}
    listens_only = not any(stage in _IN_TURN for stage in group.stages)
    return StageFacts(
        stage=resolved.stage,
        group=group.name,
        variants=tuple(
            _variant(rank, variant, best, resolved, ground, learned, habits) for rank, variant in enumerate(allowed)
        ),
        discipline=_discipline(resolved.stage, allowed),
        calls_per_turn=habits.calls_per_turn(resolved.stage),
        in_turn=resolved.stage in _IN_TURN or (listens_only and resolved.stage in LISTENED_TO),
        period_ms=_period_ms(resolved),
        most=resolved.spec.batch.max or 1024,
    )


def _discipline(stage: Stage, variants: Iterable[Variant]) -> Discipline:
    """A server that speaks for itself takes calls as they come."""
    served = any(variant.engine in ("vllm", "openai") for variant in variants)
    return "streams" if served and stage in STAGES_OF_ENGINE["openai"] else _DISCIPLINES[stage]


def _allowed(resolved: ResolvedStage, group: PlacementGroup, ground: Ground) -> list[Variant]:
    narrowed = next((narrowed.names for narrowed in group.variants if narrowed.stage == resolved.stage), None)
    fitting = ground.variants.get(resolved.stage)
    bounds = [names for names in (narrowed, fitting) if names is not None]
    return [variant for variant in resolved.variants if all(variant.name in names for names in bounds)]


def _variant(
    rank: int,
    variant: Variant,
    best: Mapping[QualityMetric, float],
    resolved: ResolvedStage,
    ground: Ground,
    learned: Estimates | None,
    habits: Habits,
) -> VariantFacts:
    profile, lesson = profile_for(variant, ground.hardware), _lesson(resolved, variant, ground.hardware, habits)
    known, seed = lesson.service(learned), lesson.seed
    awaited_share = habits.share_awaited(resolved.stage)
    return VariantFacts(
        name=variant.name,
        service=awaited(known or (seed.service if seed else UNKNOWN), awaited_share),
        quality=quality_of(rank, variant, best),
        max_batch=profile.max_batch if profile else resolved.spec.batch.max or 1,
        load_seconds=parse_duration_seconds(variant.load_time) if variant.load_time else DEFAULT_LOAD_SECONDS,
    )


@dataclass(frozen=True, slots=True)
class _Lesson:
    """One variant of a stage, where it may run."""

    key: EstimateKey
    seed: Seed | None

    def service(self, learned: Estimates | None) -> Service | None:
        """As learned. None: nothing was."""
        known = learned.service(self.key, self.seed) if learned is not None else None
        return rounded(known) if known is not None else None


@dataclass(frozen=True, slots=True)
class _Ground:
    """What does not change while an agent's spec and places stay the same."""

    resolution: Resolution
    grounds: Mapping[str, Ground]
    lessons: tuple[_Lesson, ...]
    taught: Mapping[tuple[Stage, str], tuple[EstimateKey, Seed | None]]


@dataclass(frozen=True, slots=True)
class _Made:
    """Facts, and the services that they were made with."""

    ground: _Ground
    services: tuple[Service | None, ...]
    facts: AgentFacts


_GROUNDS: Memory[_Ground] = Memory(1 << 12)
_MADE: Memory[_Made] = Memory(1 << 12)


def forget() -> None:
    """What was made before."""
    _GROUNDS.forget()
    _MADE.forget()


def teachable(
    resolution: Resolution, grounds: Mapping[str, Ground]
) -> Mapping[tuple[Stage, str], tuple[EstimateKey, Seed | None]]:
    """By stage and variant: what its work teaches, and what was known of it before. Stages of several groups teach what the
    first group's hardware does."""
    return _ground(resolution, grounds).taught


def _ground(resolution: Resolution, grounds: Mapping[str, Ground]) -> _Ground:
    known = _GROUNDS.get((id(resolution),))
    if known is None or known.resolution is not resolution or known.grounds != grounds:
        habits = Habits(resolution.agent.spec.sessions.duty_cycle)
        known = _Ground(
            resolution, dict(grounds), _lessons(resolution, grounds, habits), _taught(resolution, grounds, habits)
        )
        _GROUNDS.keep((id(resolution),), known)
    return known


def _lessons(resolution: Resolution, grounds: Mapping[str, Ground], habits: Habits) -> tuple[_Lesson, ...]:
    hardware = {group: ground.hardware for group, ground in grounds.items()}
    return tuple(
        _lesson(resolved, variant, hardware.get(group.name), habits)
        for resolved in resolution.stages
        for group in resolution.groups
        if resolved.stage in group.stages and group.overflow is None and resolved.stage != "vad"
        for variant in resolved.variants
    )


def _lesson(resolved: ResolvedStage, variant: Variant, hardware: str | None, habits: Habits) -> _Lesson:
    seed = seed_of(resolved.stage, profile_for(variant, hardware), habits)
    return _Lesson(key_of(resolved, variant, hardware), seed)


def _taught(
    resolution: Resolution, grounds: Mapping[str, Ground], habits: Habits
) -> dict[tuple[Stage, str], tuple[EstimateKey, Seed | None]]:
    found: dict[tuple[Stage, str], tuple[EstimateKey, Seed | None]] = {}
    for resolved in resolution.stages:
        group = next((group for group in resolution.groups if resolved.stage in group.stages), None)
        hardware = grounds.get(group.name, Ground()).hardware if group else None
        for variant in resolved.variants:
            lesson = _lesson(resolved, variant, hardware, habits)
            found[resolved.stage, variant.name] = lesson.key, lesson.seed
    return found


def quality_of(rank: int, variant: Variant, best: Mapping[QualityMetric, float]) -> float:
    """Of the best variant's, by the first measure that both have: of errors what is left, of merits the share."""
    for quality in variant.quality:
        reference = best.get(quality.metric)
        if reference is None:
            continue
        if quality.metric in ERROR_METRICS:
            return min(1.0, (1 - min(quality.value, 1.0)) / max(1 - min(reference, 1.0), 1e-6))
        if reference > 0:
            return min(1.0, quality.value / reference)
    return max(0.05, 1.0 - _LOSS_BY_RANK * rank)


def _period_ms(resolved: ResolvedStage) -> float | None:
    if resolved.stage == "speech":
        return 80.0
    options = getattr(resolved.spec, "options", None)
    rate = getattr(options, "frames_per_second", None)
    return 1000.0 / rate if resolved.stage == "lipsync" and rate else None
