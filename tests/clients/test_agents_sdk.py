"""The realtime runner of the `openai-agents` SDK, as it comes, in conversation with the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from microphones import Microphone
from openai_calls import RATE, humming, pcm
from voice_process import PodProcess

from antiphon_runtime.bench.clips import Clip, at_rate
from antiphon_runtime.bench.word_errors import word_error_rate

agents = pytest.importorskip("agents", reason="openai-agents is not installed")
realtime = pytest.importorskip("agents.realtime", reason="openai-agents is not installed")

TRANSCRIPT = "This transcript is emulated."
ANSWER = "This answer is emulated. No model has made it."


class Talk:
    """One session of the runner, with what it told."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.events: list[Any] = []
        self.microphone = Microphone(session.send_audio, RATE)
        self._arrived = asyncio.Condition()

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    async def wait(self, kind: str, number: int = 1, *, seconds: float = 30.0) -> Any:
        try:
            async with asyncio.timeout(seconds), self._arrived:
                await self._arrived.wait_for(lambda: len(self.of(kind)) >= number)
        except TimeoutError:
            told = [event.type for event in self.events if event.type not in ("raw_model_event", "audio")]
            raise AssertionError(f"no {kind} number {number} within {seconds:g} s; there were: {told}") from None
        return self.of(kind)[number - 1]

    async def listen(self) -> None:
        async for event in self.session:
            async with self._arrived:
                self.events.append(event)
                self._arrived.notify_all()

    def said_by(self, role: str) -> list[str]:
        """What the runner's history has, as words."""
        history = self.of("history_updated")[-1].history
        items = [item for item in history if item.type == "message" and item.role == role]
        return [" ".join(part.transcript or part.text or "" for part in item.content).strip() for item in items]

    @property
    def heard_bytes(self) -> int:
        return sum(len(event.audio.data) for event in self.of("audio"))


@asynccontextmanager
async def talking(pod: PodProcess, *, tools: Any = (), **settings: Any) -> AsyncIterator[Talk]:
    agent = realtime.RealtimeAgent(name="Assistant", instructions="Answer in one short sentence.", tools=list(tools))
    runner = realtime.RealtimeRunner(agent)
    where = {"url": pod.realtime_url, "api_key": "none", "initial_model_settings": settings}
    async with await runner.run(model_config=where) as session:
        talk = Talk(session)
        listening = asyncio.create_task(talk.listen())
        try:
            yield talk
        finally:
            listening.cancel()
    assert not talk.of("error"), talk.of("error")


def test_two_turns_and_a_barge_in(slow_pod: PodProcess) -> None:
    async def story() -> Talk:
        async with talking(slow_pod) as talk, talk.microphone.switched_on():
            await talk.microphone.say(pcm(humming(1.0)))
            await talk.wait("audio", 4)
            await talk.microphone.say(pcm(humming(1.0)))
            await talk.wait("audio_interrupted")
            await talk.wait("agent_end", 2)
            await asyncio.sleep(0.3)
            return talk

    talk = asyncio.run(story())
    assert len(talk.of("agent_start")) == 2
    assert talk.said_by("user") == [TRANSCRIPT] * 2
    cut, whole = talk.said_by("assistant")
    assert whole == ANSWER
    assert ANSWER.startswith(cut)
    assert len(cut) < len(ANSWER)
    first, second = dict.fromkeys(event.item_id for event in talk.of("audio"))
    assert [event.item_id for event in talk.of("audio_interrupted")] == [first]
    interrupted = talk.events.index(talk.of("audio_interrupted")[0])
    assert all(event.item_id == second for event in talk.events[interrupted:] if event.type == "audio")


def test_turns_by_what_is_said_and_a_written_one(pod: PodProcess) -> None:
    async def story() -> Talk:
        heard = {"turn_detection": {"type": "semantic_vad"}, "noise_reduction": {"type": "near_field"}}
        async with talking(pod, audio={"input": heard}) as talk, talk.microphone.switched_on():
            await talk.microphone.say(pcm(humming(1.0)))
            await talk.wait("agent_end")
            await talk.session.send_message("And in writing?")
            await talk.wait("agent_end", 2)
            await asyncio.sleep(0.3)
            return talk

    talk = asyncio.run(story())
    assert talk.said_by("user") == [TRANSCRIPT, "And in writing?"]
    assert talk.said_by("assistant") == [ANSWER] * 2


def test_the_client_interrupts(slow_pod: PodProcess) -> None:
    async def story() -> Talk:
        async with talking(slow_pod) as talk:
            await talk.session.send_message("Tell me a story")
            await talk.wait("audio", 4)
            await talk.session.interrupt()
            await talk.wait("audio_interrupted")
            await talk.wait("agent_end")
            await talk.session.send_message("Another one")
            await talk.wait("agent_end", 2)
            return talk

    talk = asyncio.run(story())
    assert talk.said_by("assistant")[-1] == ANSWER


def test_a_tool_of_the_client_runs(pod: PodProcess) -> None:
    """The emulated model calls whenever it has to, so that the story ends after the first call's output."""
    asked: list[str] = []

    def look_outside() -> str:
        """What the sky looks like."""
        asked.append("sky")
        return "blue"

    async def story() -> Talk:
        async with talking(pod, tools=[agents.function_tool(look_outside)], tool_choice="required") as talk:
            await talk.session.send_message("How is the weather?")
            await talk.wait("tool_end")
            return talk

    talk = asyncio.run(story())
    assert asked
    assert talk.of("tool_end")[0].output == "blue"


def test_real_models(real_pod: PodProcess, questions: list[Clip]) -> None:
    """A question, and another in the midst of the answer."""
    asked = questions[:2]

    async def story() -> Talk:
        async with talking(real_pod) as talk, talk.microphone.switched_on():
            await talk.microphone.say(pcm(at_rate(asked[0], RATE)))
            await talk.wait("audio")
            await asyncio.sleep(0.8)
            await talk.microphone.say(pcm(at_rate(asked[1], RATE)))
            await talk.wait("agent_end", 2)
            await asyncio.sleep(0.5)
            return talk

    talk = asyncio.run(story())
    heard = talk.said_by("user")
    rate = word_error_rate(zip([clip.text or "" for clip in asked], heard, strict=True))
    print(f"heard {heard}, answered {talk.said_by('assistant')}, WER {rate}")
    assert rate is not None
    assert rate < 0.3
    assert len(talk.of("audio_interrupted")) == 1
    assert talk.said_by("assistant")[-1]
