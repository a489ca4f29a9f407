"""What a session is before its client says anything, and how its turns are found: from the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon_crds.control import Features
from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_crds.stage_options import AsrOptions, DiarizationOptions, LlmOptions, TtsOptions, VadOptions
from antiphon_crds.stages import Stage
from antiphon_runtime.realtime.client_session import SemanticVad, ServerVad, TurnDetection
from antiphon_runtime.realtime.session_settings import AudioSettings, InputSettings, OutputSettings, SessionSettings
from antiphon_runtime.turns.endpointing import EndpointingSettings
from antiphon_runtime.turns.voicing import VoicingSettings

_SEMANTIC_PADDING_MS = 300.0


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """The options of all stages, whether the pod has the stage or not."""

    stages: frozenset[Stage] = frozenset()
    vad: VadOptions = field(default_factory=VadOptions)
    asr: AsrOptions = field(default_factory=AsrOptions)
    llm: LlmOptions = field(default_factory=LlmOptions)
    tts: TtsOptions = field(default_factory=TtsOptions)
    diarization: DiarizationOptions = field(default_factory=DiarizationOptions)


def agent_options(config: RuntimeConfig) -> AgentOptions:
    by_stage = {stage.stage: stage.options for stage in config.stages}

    def given(stage: Stage) -> object:
        return getattr(by_stage[stage], stage) if stage in by_stage else None

    names: tuple[Stage, ...] = ("vad", "asr", "llm", "tts", "diarization")
    chosen = {name: options for name in names if (options := given(name)) is not None}
    return AgentOptions(stages=frozenset(by_stage), **chosen)  # type: ignore[arg-type]


def features_in_force(options: AgentOptions, wanted: Features) -> Features:
    """What the configuration says, changed by what tuning wants."""
    said = Features(
        speculative_asr=options.asr.speculative,
        speculative_llm=options.llm.speculative,
        semantic_vad=options.vad.semantic,
        diarization="diarization" in options.stages,
        beam_size=options.asr.beam_size,
        vad_filter=options.asr.vad_filter,
    )
    return said.model_copy(update=wanted.model_dump(exclude_none=True))


def session_defaults(options: AgentOptions, model: str = "") -> SessionSettings:
    """`model`: as the client asked for it."""
    listens_only = "llm" not in options.stages
    spoken = "tts" in options.stages
    return SessionSettings(
        type="transcription" if listens_only else "realtime",
        model=model,
        output_modalities=("audio",) if spoken else ("text",),
        instructions=options.llm.instructions or "",
        audio=AudioSettings(
            input=InputSettings(turn_detection=_turn_detection(options)),
            output=OutputSettings(voice=options.tts.voice or ""),
        ),
    )


def _turn_detection(options: AgentOptions) -> TurnDetection | None:
    vad = options.vad
    if "vad" not in options.stages:
        return None
    if vad.semantic:
        return SemanticVad(interrupt_response=vad.barge_in)
    return ServerVad(
        threshold=vad.threshold,
        prefix_padding_ms=vad.prefix_padding_ms,
        silence_duration_ms=vad.end_of_speech_ms,
        interrupt_response=vad.barge_in,
    )


def endpointing(options: AgentOptions, detection: TurnDetection | None, features: Features) -> EndpointingSettings:
    """How turns of a session are found. Without detection speech is still found, for barge-in never acts on it."""
    vad = options.vad
    server = detection if isinstance(detection, ServerVad) else None
    semantic = isinstance(detection, SemanticVad) and features.semantic_vad is not False
    return EndpointingSettings(
        voicing=VoicingSettings(
            threshold=server.threshold if server else vad.threshold, min_speech_ms=float(vad.min_speech_ms)
        ),
        silence_ms=float(server.silence_duration_ms if server else vad.end_of_speech_ms),
        prefix_padding_ms=float(server.prefix_padding_ms) if server else _SEMANTIC_PADDING_MS,
        reopen_grace_ms=float(vad.reopen_grace_ms),
        eagerness=detection.eagerness if semantic and isinstance(detection, SemanticVad) else None,
    )
