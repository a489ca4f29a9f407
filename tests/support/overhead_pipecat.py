"""Pipecat under the load of overhead_shape, with services that cost nothing. Prints one line of JSON.

No network: a transport of its base classes gets 16 kHz frames from this process, and paces what it gives as its WebSocket
transport does. Turns end by its SpeechTimeoutUserTurnStopStrategy without further waiting, rather than by its default, a
model that listens for the end of turns, which would not cost nothing.
"""

# Its classes are known only where it is installed, so nobody checks what is made of them.
# mypy: allow-subclassing-any, disable-error-code="name-defined, misc"

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from overhead_shape import (
    ANSWER,
    ANSWER_SECONDS,
    RATE,
    SILENCE_SECONDS,
    WINDOW_SAMPLES,
    Load,
    Talker,
    is_loud,
    loud_pcm,
    measure,
    tone_pcm,
)


def _module(name: str) -> Any:
    return importlib.import_module(f"pipecat.{name}")


frames = _module("frames.frames")
context = _module("processors.aggregators.llm_context")
aggregators = _module("processors.aggregators.llm_response_universal")
settings = _module("services.settings")
stops = _module("turns.user_stop")
strategies = _module("turns.user_turn_strategies")
transports = _module("transports.base_transport")
vads = _module("audio.vad.vad_analyzer")
workers = _module("pipeline.worker")

LOUD = loud_pcm(RATE)
SILENT = bytes(len(LOUD))
SPOKEN = {sentence.strip(): tone_pcm(seconds, RATE) for sentence, seconds in zip(ANSWER, ANSWER_SECONDS, strict=True)}


class Vad(vads.VADAnalyzer):
    def __init__(self) -> None:
        params = vads.VADParams(start_secs=0.128, stop_secs=SILENCE_SECONDS, min_volume=0.0)
        super().__init__(sample_rate=RATE, params=params)

    def num_frames_required(self) -> int:
        return WINDOW_SAMPLES

    def voice_confidence(self, buffer: bytes) -> float:
        return float(is_loud(buffer))


class Stt(_module("services.stt_service").SegmentedSTTService):
    def __init__(self) -> None:
        super().__init__(
            ttfs_p99_latency=0.0,
            trailing_silence_secs=0.0,
            settings=settings.STTSettings(model="fake", language=None),
        )

    @property
    def wants_wav_segments(self) -> bool:
        return False

    async def run_stt(self, audio: bytes) -> AsyncIterator[Any]:  # noqa: ARG002 (nothing is listened to)
        yield frames.TranscriptionFrame("This transcript is a fake.", "user", "")


class Llm(_module("services.llm_service").LLMService):
    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, frames.LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(frames.LLMFullResponseStartFrame())
        for index, word in enumerate("".join(ANSWER).split()):
            await self.push_frame(frames.LLMTextFrame(word if not index else f" {word}"))
        await self.push_frame(frames.LLMFullResponseEndFrame())


class Tts(_module("services.tts_service").TTSService):
    def __init__(self) -> None:
        super().__init__(
            sample_rate=RATE,
            push_start_frame=True,
            push_stop_frames=True,
            settings=settings.TTSSettings(model="fake", voice="fake", language=None),
        )

    async def run_tts(self, text: str, context_id: str) -> AsyncIterator[Any]:
        spoken = SPOKEN[text.strip()]
        piece = 2 * RATE * 240 // 1000
        for at in range(0, len(spoken), piece):
            yield frames.TTSAudioRawFrame(spoken[at : at + piece], RATE, 1, context_id=context_id)


class Input(_module("transports.base_input").BaseInputTransport):
    async def start(self, frame: Any) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class Output(_module("transports.base_output").BaseOutputTransport):
    """Gives audio as fast as it is played."""

    def __init__(self, params: Any, talker: Talker) -> None:
        super().__init__(params)
        self._talker = talker
        self._played = 0.0

    async def start(self, frame: Any) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: Any) -> bool:
        self._talker.heard()
        now = time.monotonic()
        self._played = max(self._played, now) + len(frame.audio) / 2 / RATE
        await asyncio.sleep(self._played - now)
        return True


class PipecatCall:
    def __init__(self, worker: Any, running: asyncio.Task[None], source: Input, talker: Talker) -> None:
        self.talker = talker
        self._worker = worker
        self._running = running
        self._source = source

    async def send(self, loud: bool) -> None:
        await self._source.push_audio_frame(frames.InputAudioRawFrame(LOUD if loud else SILENT, RATE, 1))

    async def close(self) -> None:
        await self._worker.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


async def open_call(index: int) -> PipecatCall:
    talker = Talker(index)
    params = transports.TransportParams(audio_in_enabled=True, audio_out_enabled=True)
    source, sink = Input(params), Output(params, talker)
    turns = strategies.UserTurnStrategies(stop=[stops.SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)])
    user = aggregators.LLMUserAggregatorParams(user_turn_strategies=turns, vad_analyzer=Vad())
    pair = aggregators.LLMContextAggregatorPair(context.LLMContext(), user_params=user)
    pipeline = _module("pipeline.pipeline").Pipeline([source, Stt(), pair.user(), Llm(), Tts(), sink, pair.assistant()])
    worker = workers.PipelineWorker(
        pipeline,
        params=workers.PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        idle_timeout_secs=None,
        enable_rtvi=False,
    )
    ready = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda *_: ready.set())
    runner = _module("workers.runner").WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(30):
        await ready.wait()
    return PipecatCall(worker, running, source, talker)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    importlib.import_module("loguru").logger.remove()
    figures = asyncio.run(measure(Load(options.sessions, options.seconds), open_call))
    print(json.dumps(figures.as_json() | {"version": version("pipecat-ai")}))


if __name__ == "__main__":
    main()
