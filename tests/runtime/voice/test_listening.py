"""Agents without a language model: a turn is over when what was heard has been told."""

from __future__ import annotations

from typing import Any

import pytest
from virtual_time import in_virtual_time
from voice_world import VoiceWorld

from antiphon_crds.control import Features
from antiphon_runtime.turns.timeline import Anchor

PLAIN = Features(speculative_asr=False, speculative_llm=False)
COMPLETED = "conversation.item.input_audio_transcription.completed"
SEGMENT = "conversation.item.input_audio_transcription.segment"


def listening(**more: Any) -> VoiceWorld:
    world = VoiceWorld(without=("llm", "tts"), **{"features": PLAIN, **more})
    heard = {"transcription": {"model": "whisper-1"}}
    world.feed("session.update", session={"type": "realtime", "audio": {"input": heard}})
    return world


@in_virtual_time
async def test_a_turn_is_over_with_its_result_and_nothing_fails() -> None:
    world = listening()
    for _ in range(2):
        await world.say(1000)
        await world.wait(2000)
    decided, told = world.times("input_audio_buffer.speech_stopped"), world.times(COMPLETED)
    assert [result for _, result in world.heard.turns] == ["completed", "completed"]
    found = [timeline.metrics() for timeline, _ in world.heard.turns]
    assert [each["result"] for each in found] == [
        pytest.approx(sent - over, abs=0.001) for over, sent in zip(decided, told, strict=True)
    ]
    assert all(abs(each["result"] - 0.1) < 0.02 and each["result_overhead"] < 0.02 for each in found)
    assert world.of("response.created") == world.of("error") == []
    await world.close()


@in_virtual_time
async def test_what_was_heard_ahead_is_told_at_once() -> None:
    world = listening(features=Features(speculative_asr=True))
    await world.say(1000)
    await world.wait(2000)
    assert world.heard.turns[0][0].metrics()["result"] < 0.01
    await world.close()


@in_virtual_time
async def test_a_result_has_its_speakers() -> None:
    world = listening(diarizes=True, features=Features(speculative_asr=True, diarization=True))
    world.encoder.seconds = 0.5
    await world.say(4000)
    await world.wait(4000)
    timeline, result = world.heard.turns[0]
    assert result == "completed"
    assert timeline.at(Anchor.RESULT_SENT) == pytest.approx(world.times(SEGMENT)[-1])
    assert timeline.metrics()["result"] > 0.2
    assert timeline.metrics()["result_overhead"] < 0.02
    await world.close()


@in_virtual_time
async def test_the_audio_ends_where_the_client_says_so() -> None:
    world = listening()
    world.feed("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
    await world.say(1000)
    world.feed("input_audio_buffer.commit")
    await world.wait(1000)
    assert world.heard.turns[0][0].metrics()["result"] == pytest.approx(0.1, abs=0.02)
    await world.close()


@in_virtual_time
async def test_noise_is_a_result_without_words() -> None:
    world = listening(texts=("",))
    await world.say(1000)
    await world.wait(2000)
    ((timeline, result),) = world.heard.turns
    assert (result, timeline.metrics()["result"] > 0.05) == ("empty", True)
    await world.close()


@in_virtual_time
async def test_what_could_not_be_recognised_has_failed() -> None:
    world = listening()
    world.asr.fails = RuntimeError("no more memory")
    await world.say(1000)
    await world.wait(2000)
    ((timeline, result),) = world.heard.turns
    assert (result, "result" in timeline.metrics()) == ("failed", False)
    await world.close()


@in_virtual_time
async def test_who_neither_hears_words_nor_answers_takes_no_turns_that_could_fail() -> None:
    """An agent that only tells speakers apart."""
    world = VoiceWorld(without=("asr", "llm", "tts"), features=PLAIN, diarizes=True)
    await world.say(1000)
    await world.wait(2000)
    assert world.heard.turns == []
    await world.close()
