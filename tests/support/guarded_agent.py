"""An agent for tests of the guards: three stages in one group, an honest look at it, and what may go wrong with that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from antiphon_crds.agent_status import ControlStatus
from antiphon_crds.policy import Guardrails, Objective
from antiphon_policies.facts import (
    AgentFacts,
    GroupFacts,
    ModeFacts,
    Service,
    Setting,
    StageFacts,
    StageSetting,
    TurnShape,
    VariantFacts,
)
from antiphon_policies.guarding.chain import guard
from antiphon_policies.guarding.changes import Change, Guarded
from antiphon_policies.guarding.difference import changes, with_changes
from antiphon_policies.guarding.memory import GuardMemory, from_status
from antiphon_policies.guarding.outcome import judge, proposals, settled
from antiphon_policies.guarding.remembering import remember
from antiphon_policies.guarding.scene import GuardScene
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.predicting.prediction import Load, Prediction
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen

NOW = 1_790_000_000.0
TARGET_MS = 450
OBJECTIVE = Objective(name="turn-p95", indicator="turn", percentile=95.0, target_ms=TARGET_MS)
BOUNDS = (
    50.0,
    100.0,
    150.0,
    200.0,
    250.0,
    300.0,
    350.0,
    400.0,
    450.0,
    500.0,
    600.0,
    800.0,
    1000.0,
    2000.0,
    float("inf"),
)


def variant(name: str, alpha_ms: float, quality: float = 1.0, **more: Any) -> VariantFacts:
    return VariantFacts(name, Service(alpha_ms, alpha_ms / 20), quality, **{"max_batch": 64, **more})


FACTS = AgentFacts(
    key=("shop", "hello"),
    stages=(
        StageFacts("asr", "voice", (variant("large", 40), variant("medium", 20, 0.9, load_seconds=20.0))),
        StageFacts(
            "llm", "voice", (variant("fp16", 60), variant("fp8", 40, 0.97), variant("int4", 25, 0.9, max_batch=32))
        ),
        StageFacts("tts", "voice", (variant("kokoro", 30),)),
    ),
    groups=(GroupFacts("voice", 1, 8, "1g.18gb", 2.0, 30.0, 20),),
    modes=(ModeFacts("speculative", TurnShape(100, 200)), ModeFacts("plain", TurnShape(200, 200))),
    objectives=(EffectiveObjective(OBJECTIVE, False, TARGET_MS),),
)
SETTING = Setting(
    {"asr": StageSetting("large", 8), "llm": StageSetting("fp16", 8), "tts": StageSetting("kokoro", 8)},
    {"voice": 4},
    "speculative",
)


def facts_with(**guardrails: Any) -> AgentFacts:
    return replace(FACTS, guardrails=Guardrails.model_validate(guardrails))


def prediction(share: float, facts: AgentFacts = FACTS) -> Prediction:
    """That the agent's objectives come to this share of their targets."""
    promised = {each.objective.name: share * (each.objective.target_ms or 0) for each in facts.objectives}
    return Prediction(promised, {}, share * TARGET_MS)


def times_around(milliseconds: float, count: float = 200.0) -> Distribution:
    """All in the bucket that the time lies in, with such a p95 as its interpolation gives."""
    index = next(index for index, bound in enumerate(BOUNDS) if milliseconds <= bound)
    counts = tuple(count if index == at else 0.0 for at in range(len(BOUNDS)))
    return Distribution(BOUNDS, counts, count * milliseconds)


def pods(count: int, sessions: int | None = 5, **more: Any) -> tuple[PodSeen, ...]:
    told = {"age_seconds": 5.0, "sessions": sessions, "capacity": 20, **more}
    return tuple(PodSeen(f"voice-{index}", "voice", ready=True, **told) for index in range(count))


def look(at: float = NOW, *, replicas: int = 4, sessions: int = 5, turn_ms: float = 300.0, **more: Any) -> Observation:
    """Honest and complete."""
    durations = times_around(turn_ms)
    # An honest sum differs from look to look.
    moving = replace(durations, total=durations.total * (1 + (at % 977) / 1e6))
    told: dict[str, Any] = {
        "source": "simulator",
        "pods": pods(replicas, sessions),
        "replicas": {"voice": replicas},
        "measured": {OBJECTIVE.name: Measured(5.0, moving)},
        "turns_per_second": replicas * sessions * 0.06,
        "arrivals_per_second": 0.1,
        "rejected_per_second": 0.0,
    }
    return Observation(at, **{**told, **more})


def memory_of_old(now: float = NOW, **more: Any) -> GuardMemory:
    """Of an agent that has been watched for a day in which nothing was done."""
    return GuardMemory(**{"since": now - 86_400, "ticked": now - 5, **more})


def scene(**more: Any) -> GuardScene:
    """In which a change passes, up or down, but for what is told otherwise."""
    now = more.get("now", NOW)
    facts = more.get("facts", FACTS)
    told: dict[str, Any] = {
        "now": now,
        "facts": facts,
        "seen": look(now),
        "current": SETTING,
        "load_now": Load(20.0, 0.06),
        "sla": "Met",
        "worst_ratio": 0.6,
        "predicted": prediction(0.6, facts),
        "predicted_planned": prediction(0.6, facts),
        "memory": memory_of_old(now),
    }
    return GuardScene(**{**told, **more})


def cap(after: int, before: int = 8, stage: str = "llm") -> Change:
    return Change("batch", stage, before, after, "up" if after > before else "down")


def replicas(after: int, before: int = 4) -> Change:
    return Change("replicas", "voice", before, after, "up" if after > before else "down")


def llm(after: str, before: str = "fp16") -> Change:
    order = ("fp16", "fp8", "int4")
    return Change("variant", "llm", before, after, "up" if order.index(after) > order.index(before) else "down")


def with_stage(setting: Setting, stage: str, **more: Any) -> Setting:
    stages: Mapping[Any, StageSetting] = {
        name: replace(each, **more) if name == stage else each for name, each in setting.stages.items()
    }
    return replace(setting, stages=stages)


class GuardedRun:
    """The guards in a loop: proposes, carries out what passes, remembers. The clock is the caller's."""

    def __init__(
        self, facts: AgentFacts = FACTS, setting: Setting = SETTING, now: float = NOW, **scene_more: Any
    ) -> None:
        self.facts = facts
        self.setting = setting
        self.now = now
        self.memory = memory_of_old(now)
        self.scene_more = scene_more
        self.actions: list[tuple[float, Change]] = []

    def scene(self, **more: Any) -> GuardScene:
        told: dict[str, Any] = {
            "now": self.now, "facts": self.facts, "current": self.setting, "memory": self.memory,
            "seen": look(self.now, replicas=self.setting.replicas["voice"]),
        }  # fmt: skip
        return scene(**{**told, **self.scene_more, **more})

    def tick(
        self, wanted: Setting | None = None, *, seconds: float = 5.0, carried_out: bool = True, **more: Any
    ) -> Guarded:
        """One step: judges, proposes what leads to `wanted`, and carries out what passes."""
        at = self.scene(**more)
        verdicts = judge(at)
        proposed = proposals(verdicts, changes(self.setting, wanted or self.setting, self.facts))
        guarded = guard(at, proposed)
        self.memory = remember(at, proposed, guarded).without_pending(settled(verdicts))
        self.actions += [(self.now, change) for change in guarded.passed]
        if carried_out:
            self.setting = with_changes(self.setting, guarded.passed)
        self.now += seconds
        return guarded

    def restart(self) -> None:
        """The operator ends and begins again: only what is in the status is left, in the form that the API server keeps."""
        kept = ControlStatus.from_manifest(self.memory.to_status().to_manifest())
        self.memory = from_status(kept, self.now)

    def most_in_an_hour(self) -> int:
        times = [at for at, _ in self.actions]
        return max((sum(start <= at < start + 3600 for at in times) for start in times), default=0)


SLOW = settings(deadline=None, max_examples=20)
QUICK = settings(deadline=None, max_examples=60)

SETTINGS = st.builds(
    lambda asr, llm, caps, count, mode: Setting(
        {"asr": StageSetting(asr, caps[0]), "llm": StageSetting(llm, caps[1]), "tts": StageSetting("kokoro", caps[2])},
        {"voice": count},
        mode,
    ),
    st.sampled_from(["large", "medium"]),
    st.sampled_from(["fp16", "fp8", "int4"]),
    st.tuples(*[st.integers(1, 32)] * 3),
    st.integers(1, 8),
    st.sampled_from(["speculative", "plain"]),
)
"""Any plan at all: the guards do not rely on its being a good one."""
STATES = st.sampled_from(["Met", "AtRisk", "Breached", "Unknown"])
SHARES = st.one_of(st.none(), st.floats(0, 20), st.sampled_from([math.nan, math.inf, -1.0]))


def scenes(current: Setting, **more: Any) -> GuardScene:
    count = current.replicas["voice"]
    return scene(**{"current": current, "seen": look(replicas=count), **more})
