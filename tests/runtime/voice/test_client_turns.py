"""Sessions that the client leads: manual turns, text, tools, responses beside the conversation, transcription alone."""

from __future__ import annotations

import base64

import numpy as np
from virtual_time import in_virtual_time
from voice_world import VoiceWorld

from antiphon_crds.control import Features
from antiphon_crds.stage_options import LlmOptions
from antiphon_runtime.voice.defaults import AgentOptions


def manual(world: VoiceWorld) -> None:
    world.feed("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})


def write(world: VoiceWorld, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    world.feed("conversation.item.create", item=item)


@in_virtual_time
async def test_a_turn_ends_when_the_client_says_so() -> None:
    world = VoiceWorld()
    manual(world)
    await world.say(1000)
    await world.wait(2000)
    assert world.of("input_audio_buffer.speech_started") == []
    world.feed("input_audio_buffer.commit")
    world.feed("response.create")
    await world.wait(3000)
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    assert world.llm.chats[0].messages[-1]["content"] == "What time is it?"
    await world.close()


@in_virtual_time
async def test_an_answer_waits_until_the_words_are_known() -> None:
    world = VoiceWorld()
    manual(world)
    world.asr.seconds = 2.0
    await world.say(1000)
    world.feed("input_audio_buffer.commit")
    world.feed("response.create")
    await world.wait(1000)
    assert world.llm.chats == []
    await world.wait(3000)
    assert world.llm.chats[0].messages[-1]["content"] == "What time is it?"
    await world.close()


@in_virtual_time
async def test_a_pod_without_detection_serves_manual_turns() -> None:
    world = VoiceWorld(without=("vad",))
    assert world.of("session.created")[0]["session"]["audio"]["input"]["turn_detection"] is None
    await world.say(1000)
    world.feed("input_audio_buffer.commit")
    world.feed("response.create")
    await world.wait(3000)
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    await world.close()


@in_virtual_time
async def test_written_questions_get_written_answers_where_asked_for() -> None:
    world = VoiceWorld()
    write(world, "Hello")
    world.feed("response.create", response={"output_modalities": ["text"]})
    await world.wait(1000)
    assert world.of("response.output_text.done")[0]["text"] == "It is noon. Go and eat."
    assert world.tts.said == []
    await world.close()


@in_virtual_time
async def test_calls_of_functions_are_passed_through_after_what_is_said() -> None:
    world = VoiceWorld(answer="One moment.")
    world.llm.tool_call = {"index": 0, "id": "call_7", "function": {"name": "clock", "arguments": '{"zone":"UTC"}'}}
    tool = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
    world.feed("session.update", session={"type": "realtime", "tools": [tool]})
    await world.say(1000)
    await world.wait(3000)
    (done,) = world.of("response.done")
    assert [item["type"] for item in done["response"]["output"]] == ["message", "function_call"]
    assert world.of("response.function_call_arguments.done")[0]["arguments"] == '{"zone":"UTC"}'
    assert world.llm.chats[0].tools[0]["function"]["name"] == "clock"
    world.llm.tool_call = None
    output = {"type": "function_call_output", "call_id": "call_7", "output": "noon"}
    world.feed("conversation.item.create", item=output)
    world.feed("response.create")
    await world.wait(3000)
    assert world.llm.chats[-1].messages[-1] == {"role": "tool", "tool_call_id": "call_7", "content": "noon"}
    assert world.of("response.done")[-1]["response"]["status"] == "completed"
    await world.close()


@in_virtual_time
async def test_a_response_beside_the_conversation_disturbs_nothing() -> None:
    world = VoiceWorld()
    world.feed("response.create", response={"conversation": "none", "output_modalities": ["text"]})
    await world.say(1000)
    await world.wait(3000)
    assert [done["response"]["status"] for done in world.of("response.done")] == ["completed", "completed"]
    assert len(list(world.session.protocol.conversation)) == 2
    await world.close()


@in_virtual_time
async def test_a_client_cancels() -> None:
    world = VoiceWorld()
    world.llm.seconds = 2.0
    write(world, "Hello")
    world.feed("response.create")
    await world.wait(500)
    world.feed("response.cancel")
    await world.wait(5000)
    (done,) = world.of("response.done")
    assert done["response"]["status_details"]["reason"] == "client_cancelled"
    assert world.llm.cancelled == 1
    assert world.heard.interruptions == ["client"]
    await world.close()


@in_virtual_time
async def test_audio_of_an_item_is_recognised() -> None:
    world = VoiceWorld()
    audio = base64.b64encode(np.zeros(24_000, "<i2").tobytes()).decode()
    content = [{"type": "input_audio", "audio": audio}]
    world.feed("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    world.feed("response.create", response={"output_modalities": ["text"]})
    await world.wait(2000)
    assert world.llm.chats[0].messages[-1]["content"] == "What time is it?"
    await world.close()


@in_virtual_time
async def test_an_agent_without_a_model_only_listens() -> None:
    world = VoiceWorld(without=("llm", "tts"))
    session = world.of("session.created")[0]["session"]
    assert session["type"] == "transcription"
    transcription = {"model": "whisper-1"}
    world.feed(
        "session.update", session={"type": "transcription", "audio": {"input": {"transcription": transcription}}}
    )
    await world.say(1000)
    await world.wait(2000)
    (told,) = world.of("conversation.item.input_audio_transcription.completed")
    assert told["transcript"] == "What time is it?"
    assert world.of("response.created") == []
    await world.close()


@in_virtual_time
async def test_an_agent_without_recognition_says_so() -> None:
    world = VoiceWorld(without=("asr",))
    await world.say(1000)
    await world.wait(2000)
    (failed,) = world.of("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["code"] == "no_asr"
    await world.close()


@in_virtual_time
async def test_no_more_tokens_than_the_agent_allows() -> None:
    options = AgentOptions(stages=frozenset({"vad", "asr", "llm", "tts"}), llm=LlmOptions(max_new_tokens=50))
    world = VoiceWorld(options=options)
    for asked, got in ((20, 20), (1000, 50)):
        world.feed("response.create", response={"max_output_tokens": asked})
        await world.wait(4000)
        assert world.llm.chats[-1].max_tokens == got
    await world.close()


@in_virtual_time
async def test_after_long_silence_the_agent_speaks() -> None:
    world = VoiceWorld()
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    world.feed("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    await world.say(1000)
    await world.wait(5000)
    assert len(world.of("response.done")) == 1
    await world.wait(4000)
    assert len(world.of("input_audio_buffer.timeout_triggered")) == 1
    assert len(world.of("response.done")) == 2
    await world.close()


@in_virtual_time
async def test_silence_within_a_turn_is_left_out_where_that_is_wanted() -> None:
    long_pause = {"type": "server_vad", "silence_duration_ms": 2000}
    lengths = []
    for wanted in (False, True):
        world = VoiceWorld(features=Features(speculative_asr=False, vad_filter=wanted))
        world.feed("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": long_pause}}})
        await world.say(600)
        await world.wait(1500)
        await world.say(600)
        await world.wait(4000)
        lengths.append(len(world.asr.heard[-1].samples) / 16_000)
        await world.close()
    assert lengths[0] > 4
    assert lengths[1] < 2.2
