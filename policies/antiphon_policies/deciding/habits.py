"""What a session does on average, and when the work of a turn begins and ends."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_crds.pipeline import Pipeline
from antiphon_crds.stages import Stage
from antiphon_policies.facts import ModeFacts, TurnShape

LISTENED_TO: tuple[Stage, ...] = ("asr", "diarization")
"""Stages that an agent which only listens gives results of."""

SPECULATIVE, PLAIN = "speculative", "plain"
PAUSE_MS = 128.0
"""Silence after which speculation begins, as the runtime has it."""
_SPECULATION = 1.5
"""Calls for each one that counts where a stage starts on a pause: every second start turns out too early."""
_ANSWER_SECONDS, _UTTERANCE_SECONDS, _DIARIZATION_STEP_SECONDS = 5.0, 3.0, 0.5
_LATER_STEPS: dict[Stage, tuple[float, float]] = {"llm": (60.0, 8.0), "tts": (20.0, 0.0)}
"""Steps of an answer after the first one, and how many of them the next stage waits for: a clause of so many tokens."""
_OVERHEAD_MS = 5.0


@dataclass(frozen=True, slots=True)
class Habits:
    """As the runtime's own, which derives the capacity of a pod from them."""

    duty_cycle: float = 0.3

    @property
    def turns_per_second(self) -> float:
        return self.duty_cycle / _ANSWER_SECONDS

    def calls_per_turn(self, stage: Stage) -> float:
        return _UTTERANCE_SECONDS / _DIARIZATION_STEP_SECONDS if stage == "diarization" else 1.0

    def later_steps(self, stage: Stage) -> float:
        return _LATER_STEPS.get(stage, (0.0, 0.0))[0]

    def share_awaited(self, stage: Stage) -> float:
        """Of the later steps."""
        steps, waited = _LATER_STEPS.get(stage, (1.0, 0.0))
        return waited / steps


def modes_of(pipeline: Pipeline) -> tuple[ModeFacts, ...]:
    """With speculation first, where the spec has it; then without, where it may be switched off."""
    decided = float(pipeline.vad.options.end_of_speech_ms) if pipeline.vad else 0.0
    plain = ModeFacts(PLAIN, TurnShape(decided, decided, _OVERHEAD_MS))
    asr, llm = pipeline.asr, pipeline.llm
    if asr is None or not asr.options.speculative or decided <= PAUSE_MS:
        return (plain,)
    both = llm is not None and llm.options.speculative
    calls: dict[Stage, float] = {"asr": _SPECULATION, **({"llm": _SPECULATION} if both else {})}
    begins = PAUSE_MS if both or llm is None else decided
    speculative = ModeFacts(SPECULATIVE, TurnShape(begins, decided, _OVERHEAD_MS), calls)
    return (speculative, plain) if "speculative" in asr.switchable else (speculative,)
