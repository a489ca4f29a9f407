"""Stages of a voice pipeline, the engines that serve them, and the metrics that tell how well a model does its job."""

from __future__ import annotations

from typing import Literal, get_args

Stage = Literal["vad", "asr", "llm", "tts", "diarization", "lipsync", "speech"]
"""vad finds speech, asr hears words, llm answers, tts speaks, diarization tells speakers apart, lipsync draws the face,
speech does all of hearing, answering and speaking in one model."""

STAGES: tuple[Stage, ...] = get_args(Stage)

Engine = Literal[
    "silero", "faster-whisper", "xllamacpp", "hibari", "piper", "espeak", "ge2e", "visemes",
    "vllm", "openai", "transformers", "kokoro", "styletts2", "moshi", "musetalk", "onnx", "emulated",
]  # fmt: skip

STAGES_OF_ENGINE: dict[Engine, tuple[Stage, ...]] = {
    "silero": ("vad",),
    "faster-whisper": ("asr",),
    "xllamacpp": ("llm",),
    "hibari": ("tts",),
    "piper": ("tts",),
    "espeak": ("tts",),
    "ge2e": ("diarization",),
    "visemes": ("lipsync",),
    "vllm": ("asr", "llm", "tts", "speech"),
    "openai": ("asr", "llm", "tts"),
    "transformers": ("asr", "llm", "tts", "speech"),
    "kokoro": ("tts",),
    "styletts2": ("tts",),
    "moshi": ("speech",),
    "musetalk": ("lipsync",),
    "onnx": ("vad", "asr", "tts", "diarization", "lipsync"),
    "emulated": STAGES,
}
"""Which stages each engine can serve. An engine is added here, and as one file in the runtime's `engines/`."""

ENGINES_WITHOUT_WEIGHTS: tuple[Engine, ...] = ("espeak", "visemes", "openai", "emulated")

Precision = Literal["fp32", "tf32", "fp16", "bf16", "fp8", "fp4", "int8", "int8_fp16", "int4", "none"]

QualityMetric = Literal["wer", "cer", "der", "lseD", "mos", "accuracy", "similarity", "lseC"]
ERROR_METRICS: tuple[QualityMetric, ...] = ("wer", "cer", "der", "lseD")
"""Metrics of which less is better, so that a floor on quality is a `max`. Of all others more is better."""

LatencyIndicator = Literal[
    "turn", "response", "mouthToEar", "result", "overhead", "stage", "bargeIn", "sessionStart", "recovery",
]  # fmt: skip
RatioIndicator = Literal["rejectedSessions", "droppedSessions", "failedTurns", "audioUnderruns", "missedFrames"]
Indicator = Literal[LatencyIndicator, RatioIndicator, "frameRate"]
LATENCY_INDICATORS: tuple[LatencyIndicator, ...] = get_args(LatencyIndicator)
RATIO_INDICATORS: tuple[RatioIndicator, ...] = get_args(RatioIndicator)

SwitchableOption = Literal["speculative", "semantic", "beamSize", "vadFilter", "jpegQuality", "framesPerSecond"]

Actuator = Literal["batch", "features", "variant", "replicas", "partition"]


def cel_list(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{word}'" for word in words) + "]"
