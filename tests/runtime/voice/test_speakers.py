"""Who said what, told beside the transcript."""

from __future__ import annotations

from typing import Any

from virtual_time import in_virtual_time
from voice_world import VoiceWorld

from antiphon_crds.control import Features

TEXT = "one two three four five six seven eight nine ten"


def asks_for_transcripts(world: VoiceWorld) -> None:
    heard = {"transcription": {"model": "whisper-1"}}
    world.feed("session.update", session={"type": "realtime", "audio": {"input": heard}})


async def two_voices(world: VoiceWorld) -> list[dict[str, Any]]:
    asks_for_transcripts(world)
    await world.say(4000, loudness=0.3)
    await world.say(4000, loudness=0.6)
    await world.wait(4000)
    return world.of("conversation.item.input_audio_transcription.segment")


@in_virtual_time
async def test_each_speaker_gets_what_was_said() -> None:
    world = VoiceWorld(texts=(TEXT,), diarizes=True, features=Features(speculative_asr=True, diarization=True))
    segments = await two_voices(world)
    assert [segment["speaker"] for segment in segments] == ["A", "B"]
    assert " ".join(segment["text"].strip() for segment in segments) == TEXT
    assert abs(segments[0]["end"] - 4.3) < 1.0
    (done,) = world.of("conversation.item.input_audio_transcription.completed")
    assert {segment["item_id"] for segment in segments} == {done["item_id"]}
    await world.close()


@in_virtual_time
async def test_switched_off_it_costs_nothing() -> None:
    world = VoiceWorld(texts=(TEXT,), diarizes=True, features=Features(diarization=False))
    assert await two_voices(world) == []
    assert not world.asr.heard[-1].words
    await world.close()


@in_virtual_time
async def test_where_it_fails_the_conversation_goes_on() -> None:
    world = VoiceWorld(texts=(TEXT,), diarizes=True, features=Features(diarization=True))
    world.encoder.fails = RuntimeError("no more memory")
    assert await two_voices(world) == []
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    assert world.of("error") == []
    await world.close()
