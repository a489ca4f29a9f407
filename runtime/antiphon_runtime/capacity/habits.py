"""What a session does, on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from antiphon_crds.runtime_config import RuntimeConfig, StageOptions
from antiphon_crds.stage_options import AsrOptions, DiarizationOptions, LlmOptions
from antiphon_crds.stages import Stage

_SPECULATION = 1.5
"""Calls for each one that counts where a stage starts on a pause: every second start turns out too early."""
_SPECULATING: tuple[Literal["asr", "llm"], ...] = ("asr", "llm")


@dataclass(frozen=True, slots=True)
class Habits:
    """How often it asks each stage for something."""

    duty_cycle: float = 0.3
    """Share of a session in which the agent speaks."""
    answer_seconds: float = 5.0
    """Speech of one answer: about twelve words."""
    utterance_seconds: float = 3.0
    """Speech of one turn of the user."""
    frames_a_second: float = 31.25
    """Of vad, all the time."""
    diarization_step_seconds: float = 0.5
    """From one window of the user's speech to the next."""
    speculates: frozenset[Stage] = frozenset(_SPECULATING)
    """Stages that start on a pause, before the turn is surely over."""
    own_cores: float = 0.005
    """What a session costs besides all stages: its connection and its audio."""

    @property
    def turns_a_second(self) -> float:
        return self.duty_cycle / self.answer_seconds

    def calls_a_turn(self, stage: Stage) -> float:
        if stage == "diarization":
            return self.utterance_seconds / self.diarization_step_seconds
        return _SPECULATION if stage in self.speculates else 1.0

    def calls_a_second(self, stage: Stage) -> float:
        """Of one session."""
        return self.frames_a_second if stage == "vad" else self.turns_a_second * self.calls_a_turn(stage)


def habits_of(config: RuntimeConfig) -> Habits:
    """As the pod is configured; options left out have their defaults."""
    options = {stage.stage: stage.options for stage in config.stages}
    asr = options.get("asr", StageOptions()).asr or AsrOptions()
    llm = options.get("llm", StageOptions()).llm or LlmOptions()
    diarization = options.get("diarization", StageOptions()).diarization or DiarizationOptions()
    speculative = {"asr": asr.speculative, "llm": llm.speculative}
    return Habits(
        duty_cycle=config.sessions.duty_cycle,
        diarization_step_seconds=diarization.step_ms / 1000,
        speculates=frozenset(stage for stage in _SPECULATING if speculative[stage]),
    )
