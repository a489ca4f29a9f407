"""LiveKit's agent session with its OpenAI realtime model, as it comes, without a room: sound goes in and out through memory."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import pytest
from microphones import Microphone
from openai_calls import RATE, humming, pcm
from voice_process import PodProcess
from voice_server import http_url

from antiphon_runtime.bench.clips import Clip, at_rate
from antiphon_runtime.bench.word_errors import word_error_rate

NEEDED = "livekit-agents and livekit-plugins-openai are not installed; the extra `clients` has them"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what they import is their own affair
    pytest.importorskip("livekit.plugins.openai", reason=NEEDED)
    agents: Any = import_module("livekit.agents")
    streams: Any = import_module("livekit.agents.voice.io")
    rtc: Any = import_module("livekit.rtc")
    realtime: Any = import_module("livekit.plugins.openai.realtime")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TRANSCRIPT = "This transcript is emulated."
ANSWER = "This answer is emulated. No model has made it."


class Line(streams.AudioInput):  # type: ignore[misc]
    """What the user says."""

    def __init__(self) -> None:
        super().__init__(label="line")
        self._frames: asyncio.Queue[Any] = asyncio.Queue()

    async def give(self, audio: bytes) -> None:
        frame = rtc.AudioFrame(data=audio, sample_rate=RATE, num_channels=1, samples_per_channel=len(audio) // 2)
        await self._frames.put(frame)

    async def __anext__(self) -> Any:
        return await self._frames.get()


class Loudspeaker(streams.AudioOutput):  # type: ignore[misc]
    """Plays in the time that it takes."""

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", capabilities=streams.AudioOutputCapabilities(pause=False))
        self.started = 0
        self._began: float | None = None
        self._seconds = 0.0
        self._end: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: Any) -> None:
        await super().capture_frame(frame)
        if self._began is None:
            self._began, self._seconds = time.time(), 0.0
            self.started += 1
            self.on_playback_started(created_at=self._began)
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._began is not None:
            left = self._began + self._seconds - time.time()
            self._end = asyncio.get_running_loop().call_later(max(0.0, left), self._finish, False)

    def clear_buffer(self) -> None:
        if self._began is not None:
            self._finish(interrupted=True)

    def _finish(self, interrupted: bool) -> None:
        if self._end is not None:
            self._end.cancel()
        began, self._began, self._end = self._began, None, None
        if began is not None:
            played = min(self._seconds, time.time() - began) if interrupted else self._seconds
            self.on_playback_finished(playback_position=played, interrupted=interrupted)


class Talk:
    """One agent session. `items` are the conversation as it keeps it."""

    def __init__(self, pod: PodProcess, **options: Any) -> None:
        model = realtime.RealtimeModel(model="hello-world", base_url=http_url(pod), api_key="none", **options)
        self.session = agents.AgentSession(llm=model, aec_warmup_duration=None)
        self.line, self.loudspeaker = Line(), Loudspeaker()
        self.session.input.audio, self.session.output.audio = self.line, self.loudspeaker
        self.microphone = Microphone(self.line.give, RATE)
        self.items: list[Any] = []
        self.errors: list[Any] = []
        self.session.on("conversation_item_added", lambda event: self.items.append(event.item))
        self.session.on("error", self.errors.append)
        self.session.on("close", lambda event: self.errors.append(event.error) if event.error else None)

    def said_by(self, role: str) -> list[Any]:
        return [item for item in self.items if item.type == "message" and item.role == role]

    async def wait_for_sound(self, number: int) -> None:
        """Until so many answers have begun to be played."""
        async with asyncio.timeout(30):
            while self.loudspeaker.started < number:
                await asyncio.sleep(0.02)

    async def wait_for_answers(self, number: int) -> None:
        async with asyncio.timeout(30):
            while len(self.said_by("assistant")) < number:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def talking(pod: PodProcess, **options: Any) -> AsyncIterator[Talk]:
    async with import_module("livekit.agents.utils.http_context").open():
        talk = Talk(pod, **options)
        await talk.session.start(agents.Agent(instructions="Answer in one short sentence."))
        try:
            async with talk.microphone.switched_on():
                yield talk
        finally:
            await talk.session.aclose()
    assert not talk.errors, talk.errors


@pytest.mark.parametrize("speed", ["slow_pod", "pod"])
def test_two_turns_and_a_barge_in(speed: str, request: pytest.FixtureRequest) -> None:
    """While the answer is made, and after it was made, but not heard."""

    async def story() -> Talk:
        async with talking(request.getfixturevalue(speed)) as talk:
            await talk.microphone.say(pcm(humming(1.0)))
            await talk.wait_for_sound(1)
            await asyncio.sleep(0.9)
            await talk.microphone.say(pcm(humming(1.0)))
            await talk.wait_for_answers(2)
            await asyncio.sleep(0.2)
            return talk

    talk = asyncio.run(story())
    cut, whole = talk.said_by("assistant")
    assert (cut.interrupted, whole.interrupted) == (True, False)
    assert whole.text_content == ANSWER
    assert ANSWER.startswith(cut.text_content.strip())
    assert [item.text_content for item in talk.said_by("user")] == [TRANSCRIPT] * 2


def test_real_models(real_pod: PodProcess, questions: list[Clip]) -> None:
    """A question, and another in the midst of the answer; turns end by what is said, which is this client's default."""
    asked = questions[:2]

    async def story() -> Talk:
        async with talking(real_pod) as talk:
            await talk.microphone.say(pcm(at_rate(asked[0], RATE)))
            await talk.wait_for_sound(1)
            await asyncio.sleep(0.6)
            await talk.microphone.say(pcm(at_rate(asked[1], RATE)))
            await talk.wait_for_answers(2)
            return talk

    talk = asyncio.run(story())
    heard, said = ([item.text_content for item in talk.said_by(role)] for role in ("user", "assistant"))
    rate = word_error_rate(zip([clip.text or "" for clip in asked], heard, strict=True))
    print(f"heard {heard}, answered {said}, WER {rate}")
    assert rate is not None
    assert rate < 0.3
    assert [item.interrupted for item in talk.said_by("assistant")] == [True, False]
