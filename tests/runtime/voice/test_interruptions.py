"""The user speaks over the agent, goes on with a turn, or says "mhm"."""

from __future__ import annotations

import numpy as np
import pytest
from virtual_time import in_virtual_time
from voice_world import VoiceWorld

from antiphon_crds.control import Features
from antiphon_crds.stage_options import VadOptions
from antiphon_runtime.engines.protocols import HEARD_RATE, Utterance
from antiphon_runtime.voice.defaults import AgentOptions

LONG = "This is the first sentence of a long answer. And here comes a second one, which is long as well. A third one."


@in_virtual_time
async def test_after_a_barge_in_no_more_audio_comes() -> None:
    world = VoiceWorld(texts=("Tell me.", "Stop."), answer=LONG)
    await world.say(1000)
    await world.wait(1200)
    assert world.of("response.output_audio.delta")
    await world.say(600)
    started_again = world.times("input_audio_buffer.speech_started")[1]
    late = [at for at in world.times("response.output_audio.delta") if at > started_again]
    assert late == []
    (done,) = world.of("response.done")
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"]["reason"] == "turn_detected"
    assert world.heard.interruptions == ["barge_in"]
    timeline, result = world.heard.turns[0]
    assert result == "interrupted"
    assert timeline.metrics()["barge_in_stop"] == pytest.approx(0.15, abs=0.05)
    await world.close()


@in_virtual_time
async def test_speaking_while_the_rest_of_an_answer_plays_is_a_barge_in_too() -> None:
    world = VoiceWorld(answer="It is noon, and you should go and eat now.")
    await world.say(1000)
    await world.wait(1000)
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    assert world.session.answers.is_heard
    await world.say(400)
    assert world.heard.interruptions == ["barge_in"]
    assert not world.session.answers.is_heard
    await world.close()


@in_virtual_time
async def test_the_next_answer_knows_only_what_was_heard_of_the_last() -> None:
    """The client says how much of it was played."""
    world = VoiceWorld(texts=("Tell me.", "And now?"), answer=LONG)
    await world.say(1000)
    await world.wait(1500)
    await world.say(400)
    item = world.of("response.output_item.added")[0]["item"]["id"]
    world.feed("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=600)
    await world.wait(3000)
    said = [message["content"] for message in world.llm.chats[-1].messages]
    assert said[0] == "Tell me."
    assert said[-1] == "And now?"
    assert said[1]
    assert LONG.startswith(said[1])
    assert len(said[1]) < 20
    await world.close()


@in_virtual_time
async def test_a_user_who_goes_on_before_the_answer_is_heard_is_not_answered_twice() -> None:
    world = VoiceWorld(texts=("I want", "to know the time."), features=Features(speculative_asr=False))
    world.llm.seconds = 1.0
    await world.say(800)
    await world.wait(600)
    assert len(world.of("response.created")) == 1
    await world.say(800)
    await world.wait(3000)
    first, second = world.of("response.done")
    assert (first["response"]["status"], second["response"]["status"]) == ("cancelled", "completed")
    assert world.audio_seconds(first["response"]["id"]) == 0
    said = [message["content"] for message in world.llm.chats[-1].messages]
    assert said == ["I want", "to know the time."]
    assert [result for _, result in world.heard.turns] == ["superseded", "completed"]
    assert world.heard.interruptions == ["reopened"]
    await world.close()


def semantic(world: VoiceWorld) -> None:
    detection = {"type": "semantic_vad", "eagerness": "medium"}
    world.feed("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})


def told_by_length(utterance: Utterance) -> str:
    return "mhm" if loud_seconds(utterance) < 0.6 else "Please tell me the whole story."


def loud_seconds(utterance: Utterance) -> float:
    return float(np.count_nonzero(np.abs(utterance.samples) > 0.02) / HEARD_RATE)


@in_virtual_time
async def test_a_backchannel_does_not_stop_the_agent() -> None:
    world = VoiceWorld(answer=LONG)
    semantic(world)
    world.asr.text_of = told_by_length
    await world.say(1200)
    await world.wait(1500)
    assert world.session.answers.is_heard
    await world.say(300)
    await world.wait(3000)
    assert len(world.of("input_audio_buffer.speech_started")) == 1
    assert world.heard.interruptions == ["backchannel"]
    assert [done["response"]["status"] for done in world.of("response.done")] == ["completed"]
    await world.close()


@in_virtual_time
async def test_words_take_the_floor() -> None:
    world = VoiceWorld(answer=LONG)
    semantic(world)
    world.asr.text_of = lambda _: "No, stop that."
    await world.say(1200)
    await world.wait(1500)
    await world.say(800)
    await world.wait(3000)
    assert len(world.of("input_audio_buffer.speech_started")) == 2
    assert "barge_in" in world.heard.interruptions
    assert len(world.of("response.created")) == 2
    await world.close()


@in_virtual_time
async def test_semantic_detection_waits_for_the_end_of_a_sentence() -> None:
    patience: dict[str, float] = {}
    for text in ("What time is it?", "I would like to"):
        world = VoiceWorld(texts=(text,))
        semantic(world)
        await world.say(1000)
        await world.wait(6000)
        (stopped,) = world.times("input_audio_buffer.speech_stopped")
        patience[text] = stopped - (world.times("input_audio_buffer.speech_started")[0] + 0.9)
        await world.close()
    assert patience["What time is it?"] < 0.6
    assert patience["I would like to"] > 2


@in_virtual_time
async def test_an_agent_that_may_not_be_interrupted_answers_afterwards() -> None:
    options = AgentOptions(
        stages=frozenset({"vad", "asr", "llm", "tts"}), vad=VadOptions(barge_in=False, reopen_grace_ms=0)
    )
    world = VoiceWorld(texts=("Tell me.", "And more?"), answer=LONG, options=options)
    await world.say(1000)
    await world.wait(800)
    await world.say(600)
    await world.wait(15_000)
    assert [done["response"]["status"] for done in world.of("response.done")] == ["completed", "completed"]
    assert world.llm.chats[-1].messages[-1]["content"] == "And more?"
    await world.close()


@in_virtual_time
async def test_what_is_said_before_it_is_known_to_take_the_floor_is_heard_too() -> None:
    world = VoiceWorld(answer=f"{LONG} {LONG} {LONG}")
    semantic(world)
    await world.say(1200)
    await world.wait(1000)
    world.asr.text_of = lambda utterance: "okay" if loud_seconds(utterance) < 2.5 else "Okay, but what about tomorrow?"
    await world.say(4000)
    await world.wait(3000)
    assert loud_seconds(world.asr.heard[-1]) > 3.8
    assert world.heard.interruptions == ["barge_in"]
    await world.close()
