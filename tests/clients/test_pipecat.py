"""Pipecat's OpenAI realtime service, as it comes, in a pipeline of its own: any error of the server's would end it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import pytest
from microphones import Microphone
from openai_calls import RATE, humming, pcm
from voice_process import PodProcess
from voice_server import websocket_url

from antiphon_runtime.bench.clips import Clip, at_rate
from antiphon_runtime.bench.word_errors import word_error_rate

NEEDED = "pipecat-ai is not installed; the extra `clients` has it"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is its own affair
    pytest.importorskip("pipecat", reason=NEEDED)
    frames: Any = import_module("pipecat.frames.frames")
    events: Any = import_module("pipecat.services.openai.realtime.events")
    processing: Any = import_module("pipecat.processors.frame_processor")
    aggregating: Any = import_module("pipecat.processors.aggregators.llm_response_universal")
    Service: Any = import_module("pipecat.services.openai.realtime.llm").OpenAIRealtimeLLMService
    working: Any = import_module("pipecat.pipeline.worker")
    Pipeline: Any = import_module("pipecat.pipeline.pipeline").Pipeline
    LLMContext: Any = import_module("pipecat.processors.aggregators.llm_context").LLMContext
    WorkerRunner: Any = import_module("pipecat.workers.runner").WorkerRunner
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TRANSCRIPT = "This transcript is emulated."
GREET = "Say hello."
ANSWER = "This answer is emulated. No model has made it."


class Recorder(processing.FrameProcessor):  # type: ignore[misc]
    """Stands behind the service, where a loudspeaker would, and keeps what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []
        self._arrived = asyncio.Condition()

    def of(self, *kinds: type) -> list[Any]:
        return [frame for frame in self.kept if isinstance(frame, kinds)]

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        await self.keep(frame)
        await self.push_frame(frame, direction)

    async def keep(self, frame: Any) -> None:
        async with self._arrived:
            self.kept.append(frame)
            self._arrived.notify_all()

    async def wait(self, kind: type, number: int = 1, *, seconds: float = 30.0) -> Any:
        try:
            async with asyncio.timeout(seconds), self._arrived:
                await self._arrived.wait_for(lambda: len(self.of(kind)) >= number)
        except TimeoutError:
            passed = [type(frame).__name__ for frame in self.kept if not isinstance(frame, frames.InputAudioRawFrame)]
            raise AssertionError(
                f"no {kind.__name__} number {number} within {seconds:g} s; there were: {passed}"
            ) from None
        return self.of(kind)[number - 1]


class Talk:
    """One pipeline that runs."""

    def __init__(self, pod: PodProcess, audio: Any) -> None:
        properties = events.SessionProperties(audio=events.AudioConfiguration(input=audio))
        self.service = Service(
            api_key="none",
            base_url=f"{websocket_url(pod)}/realtime",
            settings=Service.Settings(
                system_instruction="Answer in one short sentence.", session_properties=properties
            ),
        )
        self.heard, self.recorder = Recorder(), Recorder()
        self.context = LLMContext([{"role": "user", "content": GREET}])
        both = aggregating.LLMContextAggregatorPair(self.context)
        stages = [both.user(), self.heard, self.service, self.recorder, both.assistant()]
        params = working.PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE)
        self.worker = working.PipelineWorker(Pipeline(stages), params=params, cancel_on_idle_timeout=False)
        self.microphone = Microphone(self._give, RATE)
        self.started = asyncio.Event()
        self.errors: list[Any] = []
        self.worker.add_event_handler("on_pipeline_started", self._note_start)
        self.worker.add_event_handler("on_pipeline_error", self._note_error)

    async def greeted(self) -> None:
        """The agent begins, as pipecat's own examples have it."""
        await self.worker.queue_frame(frames.LLMRunFrame())
        await self.recorder.wait(frames.TTSStartedFrame)
        await asyncio.sleep(0.8)

    def said_by(self, role: str) -> list[str]:
        """What the pipeline's context has."""
        return [str(message["content"]) for message in self.context.get_messages() if message["role"] == role]

    @property
    def transcripts(self) -> list[str]:
        return [frame.text for frame in self.heard.of(frames.TranscriptionFrame)]

    async def _give(self, audio: bytes) -> None:
        await self.worker.queue_frame(frames.InputAudioRawFrame(audio=audio, sample_rate=RATE, num_channels=1))

    async def _note_start(self, *_: Any) -> None:
        self.started.set()

    async def _note_error(self, _worker: Any, frame: Any) -> None:
        self.errors.append(frame)


@asynccontextmanager
async def talking(pod: PodProcess, audio: Any) -> AsyncIterator[Talk]:
    talk = Talk(pod, audio)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(talk.worker)
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(talk.started.wait(), 10)
    try:
        async with talk.microphone.switched_on():
            yield talk
    finally:
        await talk.worker.queue_frame(frames.EndFrame())
        await asyncio.wait_for(running, 10)
    assert not talk.errors, talk.errors


def heard_with(detection: Any = None) -> Any:
    return events.AudioInput(transcription=events.InputAudioTranscription(), turn_detection=detection)


def test_two_turns_and_two_barge_ins(slow_pod: PodProcess) -> None:
    """The agent greets, and is interrupted; so is its answer; the last one is heard to its end.

    Pipecat joins two turns of the user where it had kept nothing yet of the answer between them.
    """

    async def story() -> Talk:
        async with talking(slow_pod, heard_with()) as talk:
            await talk.greeted()
            await talk.microphone.say(pcm(humming(1.0)))
            await talk.recorder.wait(frames.TTSStartedFrame, 2)
            await asyncio.sleep(0.8)
            await talk.microphone.say(pcm(humming(1.0)))
            await talk.recorder.wait(frames.TTSStartedFrame, 3)
            ended = len(talk.recorder.of(frames.TTSStoppedFrame))
            await talk.recorder.wait(frames.TTSStoppedFrame, ended + 1)
            await asyncio.sleep(0.5)
            return talk

    talk = asyncio.run(story())
    assert talk.transcripts == [TRANSCRIPT] * 2
    assert " ".join(talk.said_by("user")) == f"{GREET} {TRANSCRIPT} {TRANSCRIPT}"
    *cut, whole = talk.said_by("assistant")
    assert whole == ANSWER
    assert 1 <= len(cut) <= 2
    assert all(ANSWER.startswith(text) and len(text) < len(ANSWER) for text in cut)


def test_real_models(real_pod: PodProcess, questions: list[Clip]) -> None:
    """A question into the greeting, and another into the answer; turns end by what is said."""
    asked = questions[:2]

    async def story() -> Talk:
        async with talking(real_pod, heard_with(events.SemanticTurnDetection())) as talk:
            await talk.greeted()
            for number, clip in enumerate(asked, 2):
                await talk.microphone.say(pcm(at_rate(clip, RATE)))
                await talk.recorder.wait(frames.TTSStartedFrame, number)
                await asyncio.sleep(0.8)
            await asyncio.sleep(2.0)
            return talk

    talk = asyncio.run(story())
    rate = word_error_rate(zip([clip.text or "" for clip in asked], talk.transcripts, strict=True))
    print(f"heard {talk.transcripts}, answered {talk.said_by('assistant')}, WER {rate}")
    assert rate is not None
    assert rate < 0.3
    assert talk.recorder.of(frames.InterruptionFrame)
    assert len(talk.said_by("assistant")) == 3
