"""vLLM: a `vllm serve` of our own, which only this process can reach, asked as any server with OpenAI's API.

Options: those of `vllm serve` in camel case, as in `vllm_arguments`; `args`, any more of its arguments; `program`;
`startSeconds`, the longest start; `enableSleepMode`, with `sleepLevel` 1 (weights wait in main memory) or 2 (they are
read again). Words' times it can't tell. What the engine `openai` knows besides holds here too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import count, label, option, program
from antiphon_runtime.engines.openai import OpenAiLanguageModel, OpenAiRecognizer, OpenAiSynthesizer, client
from antiphon_runtime.engines.openai_http import Address, Connections
from antiphon_runtime.engines.protocols import Engine, EngineError
from antiphon_runtime.engines.vllm_arguments import serve_arguments
from antiphon_runtime.engines.vllm_server import Times, VllmServer

_LONGEST_START_SECONDS = 1800.0
_LOAD_TIMES = 4
"""A start may take so many times as long as the variant says; at least `_LEAST_START_SECONDS`."""
_LEAST_START_SECONDS = 300.0


class VllmConnections(Connections):
    """To a server of our own. Closed, they end it."""

    def __init__(self, server: VllmServer, timeout_seconds: float) -> None:
        super().__init__("vllm", Address("http://vllm/v1", timeout_seconds=timeout_seconds, socket=server.socket))
        self.server = server

    def check(self) -> None:
        super().check()
        self.server.check()

    def close(self) -> None:
        super().close()
        self.server.close()


class _Managed:
    name = "vllm"
    connections: Any

    @property
    def server(self) -> VllmServer:
        server: VllmServer = self.connections.server
        return server

    @property
    def can_sleep(self) -> bool:
        return self.server.sleep_level > 0

    def sleep(self) -> None:
        """When nothing is under way: what is, is broken off."""
        self.server.sleep()

    def wake(self) -> None:
        self.server.wake()


class VllmRecognizer(_Managed, OpenAiRecognizer):
    """An encoder-decoder such as Whisper, or an audio model that transcribes."""


class VllmLanguageModel(_Managed, OpenAiLanguageModel):
    """Requests beyond its `max-num-seqs` wait inside vLLM."""


class VllmSynthesizer(_Managed, OpenAiSynthesizer):
    """A speech model of vllm-omni."""


_KINDS: Mapping[Stage, type[Any]] = {"asr": VllmRecognizer, "llm": VllmLanguageModel, "tts": VllmSynthesizer}


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Engine:
    if stage not in _KINDS:
        raise EngineError(f"{label(variant)} can't serve stage {stage} in this runtime; it serves {', '.join(_KINDS)}")
    path = program(variant, "vllm", install="pip install vllm")
    seconds = option(variant, "timeoutSeconds", 30.0)
    start_seconds = option(variant, "startSeconds", _start_seconds(variant))
    level = _sleep_level(variant)
    server = VllmServer(
        lambda socket: [path, *serve_arguments(variant, folder, socket, variant.name)],
        environment=_environment(threads, can_sleep=level > 0),
        times=Times(start=start_seconds),
        sleep_level=level,
    )
    connections = VllmConnections(server, seconds)
    try:
        engine = client(stage, _as_asked(variant), connections, variant.name, _KINDS)
        server.start()
    except BaseException:
        connections.close()
        raise
    return engine


def _start_seconds(variant: Variant) -> float:
    if variant.load_time is None:
        return _LONGEST_START_SECONDS
    return max(_LEAST_START_SECONDS, _LOAD_TIMES * parse_duration_seconds(variant.load_time))


def _sleep_level(variant: Variant) -> Literal[0, 1, 2]:
    if not variant.options.get("enableSleepMode", False):
        return 0
    level = count(variant, "sleepLevel", 1)
    if level > 2:
        raise EngineError(f"{label(variant)}: option sleepLevel is {level}; give 1 or 2")
    return 1 if level == 1 else 2


def _environment(threads: int, *, can_sleep: bool) -> dict[str, str]:
    """The model is in a folder: nothing is asked of a hub, and nobody is told."""
    ours = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": str(threads)}
    return os.environ | ours | ({"VLLM_SERVER_DEV_MODE": "1"} if can_sleep else {})


def _as_asked(variant: Variant) -> Variant:
    """With what the server can do, in the words of the engine `openai`."""
    known: dict[str, Any] = {"words": False}
    if "maxNumSeqs" in variant.options:
        known["maxBatch"] = variant.options["maxNumSeqs"]
    return variant.model_copy(update={"options": known | variant.options})
