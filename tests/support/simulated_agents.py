"""Agents to simulate: three stages on one group, as the emulated models are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon_crds.policy import Objective
from antiphon_policies.facts import (
    AgentFacts,
    Discipline,
    GroupFacts,
    ModeFacts,
    Service,
    Setting,
    StageFacts,
    StageSetting,
    TurnShape,
    VariantFacts,
)
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.controlling import Note

TARGET_MS = 450


def promised(*objectives: Objective) -> tuple[EffectiveObjective, ...]:
    return tuple(EffectiveObjective(one, False, one.target_ms) for one in objectives)


def an_agent(
    *,
    max_replicas: int = 8,
    min_replicas: int = 1,
    max_sessions: int | None = None,
    start_seconds: float = 30.0,
    noise: float = 0.1,
    llm: Discipline = "batches",
    shares_device: bool = False,
    partition: str = "",
    modes: tuple[ModeFacts, ...] = (ModeFacts("plain", TurnShape()),),
) -> AgentFacts:
    """asr and llm have a quicker, worse variant each. A quiet turn takes 290 ms."""
    return AgentFacts(
        key=("default", "agent"),
        stages=(
            StageFacts(
                "asr",
                "main",
                (
                    VariantFacts("large", Service(110, 10, noise), 1.0, 16, 8.0),
                    VariantFacts("small", Service(60, 10, noise), 0.9, 16, 4.0),
                ),
            ),
            StageFacts(
                "llm",
                "main",
                (
                    VariantFacts("fp16", Service(77.5, 2.5, noise), 1.0, 32, 20.0),
                    VariantFacts("fp8", Service(60, 2.5, noise), 0.95, 32, 10.0),
                ),
                llm,
            ),
            StageFacts("tts", "main", (VariantFacts("fp32", Service(87.5, 2.5, noise), 1.0, 16, 5.0),)),
        ),
        groups=(
            GroupFacts("main", min_replicas, max_replicas, partition, 2.0, start_seconds, max_sessions, shares_device),
        ),
        modes=modes,
        objectives=promised(
            Objective(name="response-p95", indicator="response", percentile=95, target_ms=TARGET_MS, window="1m"),
            Objective(name="asr-p99", indicator="stage", stage="asr", percentile=99, target_ms=400),
            Objective(name="admitted", indicator="rejectedSessions", max_ratio=0.001),
            Objective(name="kept", indicator="droppedSessions", max_ratio=0.001),
        ),
    )


def a_setting(
    replicas: int = 1, *, asr: str = "large", llm: str = "fp16", cap: int = 8, mode: str = "plain"
) -> Setting:
    stages = {"asr": StageSetting(asr, cap), "llm": StageSetting(llm, cap), "tts": StageSetting("fp32", cap)}
    return Setting(stages, {"main": replicas}, mode)  # type: ignore[arg-type]


@dataclass
class Scripted:
    """A controller that does as a function of what it sees says, and remembers what it saw."""

    script: Callable[[Observation, Setting], Setting]
    name: str = "scripted"
    interval_seconds: float = 5.0
    seen: list[Observation] = field(default_factory=list)

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:  # noqa: ARG002
        self.seen.append(seen)
        return self.script(seen, current)

    def notes(self) -> tuple[Note, ...]:
        return (Note(0.0, "as scripted"),)
