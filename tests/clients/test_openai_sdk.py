"""The `openai` SDK's realtime client against a server with emulated models: each part of the protocol once."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from openai_calls import RATE, Call, base64_of, humming, pcm
from voice_process import PodProcess

TRANSCRIPT = "This transcript is emulated."
ANSWER = "This answer is emulated. No model has made it."
SPOKEN_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
]
SPOKEN_ANSWER_BEGINS = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
SPOKEN_ANSWER_ENDS = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
WITH_TRANSCRIPTS = {"transcription": {"model": "whisper-1"}}
BY_HAND = {"input": {"turn_detection": None, **WITH_TRANSCRIPTS}}
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a place",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}


def text_message(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def seconds(audio: bytes) -> float:
    return len(audio) / 2 / RATE


def test_a_spoken_turn_is_answered_in_the_order_that_clients_rely_on(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod, microphone=True, audio={"input": WITH_TRANSCRIPTS}) as call:
            await call.say(pcm(humming(1.0)))
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    kinds = call.kinds[2:]
    turn = [kind for kind in kinds if kind in SPOKEN_TURN[:3] or "transcription" in kind]
    assert turn == [kind for kind in SPOKEN_TURN if "item.added" not in kind and "item.done" not in kind]
    answer = kinds[kinds.index("response.created") :]
    assert answer[: len(SPOKEN_ANSWER_BEGINS)] == SPOKEN_ANSWER_BEGINS
    assert answer[-len(SPOKEN_ANSWER_ENDS) :] == SPOKEN_ANSWER_ENDS
    assert call.of("conversation.item.input_audio_transcription.completed")[0].transcript == TRANSCRIPT
    assert call.of("response.output_audio_transcript.done")[0].transcript.strip() == ANSWER
    response = call.of("response.done")[0].response
    assert (response.status, response.output[0].content[0].transcript.strip()) == ("completed", ANSWER)
    assert response.usage.total_tokens > 0
    assert 2 < seconds(call.heard) < 5
    assert np.abs(np.frombuffer(call.heard, "<i2")).max() > 1000


def test_text_in_and_text_out(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod, output_modalities=["text"]) as call:
            await call.connection.conversation.item.create(item=text_message("Hello"))
            await call.connection.response.create()
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    assert "".join(delta.delta for delta in call.of("response.output_text.delta")) == ANSWER
    assert call.of("response.output_text.done")[0].text == ANSWER
    assert call.of("response.done")[0].response.output[0].content[0].type == "output_text"
    assert call.heard == b""


def test_a_client_that_says_itself_when_a_turn_ends(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod, audio=BY_HAND) as call:
            await call.give(pcm(humming(1.0)))
            await asyncio.sleep(1.0)
            assert call.kinds[2:] == []
            await call.connection.input_audio_buffer.commit()
            await call.wait("conversation.item.input_audio_transcription.completed")
            assert "response.created" not in call.kinds
            await call.connection.response.create()
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    assert "input_audio_buffer.speech_started" not in call.kinds
    committed = call.of("input_audio_buffer.committed")[0]
    assert call.of("conversation.item.input_audio_transcription.completed")[0].item_id == committed.item_id
    assert call.of("response.done")[0].response.status == "completed"
    assert seconds(call.heard) > 2


def test_a_commit_and_a_response_at_once(pod: PodProcess) -> None:
    """As clients with a key to hold send it: the answer waits for the words."""

    async def story() -> Call:
        async with Call.to(pod, audio=BY_HAND) as call:
            await call.give(pcm(humming(1.0)))
            await call.connection.input_audio_buffer.commit()
            await call.connection.response.create()
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    kinds = call.kinds
    assert kinds.index("conversation.item.input_audio_transcription.completed") < kinds.index(
        "response.output_audio.delta"
    )
    assert call.of("response.done")[0].response.usage.input_tokens > 0


def test_a_function_call_is_passed_through_and_its_output_answered(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod, tools=[WEATHER], tool_choice={"type": "function", "name": "get_weather"}) as call:
            await call.connection.conversation.item.create(item=text_message("How is the weather?"))
            await call.connection.response.create()
            asked = (await call.wait("response.done")).response.output[0]
            await call.connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": asked.call_id, "output": '{"sky": "blue"}'}
            )
            await call.connection.response.create(response={"tool_choice": "none"})
            await call.wait("response.done", 2)
            return call

    call = asyncio.run(story())
    asked, said = (done.response.output[0] for done in call.of("response.done"))
    assert (asked.type, asked.name, asked.arguments) == ("function_call", "get_weather", "{}")
    done = call.of("response.function_call_arguments.done")[0]
    assert (done.call_id, done.item_id, done.arguments) == (asked.call_id, asked.id, asked.arguments)
    assert said.type == "message"
    assert call.of("response.output_audio_transcript.done")[0].transcript.strip() == ANSWER


def test_a_session_that_only_transcribes(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod, microphone=True) as call:
            listening: Any = {"type": "transcription", "audio": {"input": WITH_TRANSCRIPTS}}
            await call.connection.session.update(session=listening)
            await call.wait("session.updated")
            for number in (1, 2):
                await call.say(pcm(humming(0.8)))
                await call.wait("conversation.item.input_audio_transcription.completed", number)
            await asyncio.sleep(0.5)
            return call

    call = asyncio.run(story())
    assert call.of("session.updated")[0].session.type == "transcription"
    heard = call.of("conversation.item.input_audio_transcription.completed")
    assert [each.transcript for each in heard] == [TRANSCRIPT] * 2
    assert not any(kind.startswith("response.") for kind in call.kinds)


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_audio_of_telephones(pod: PodProcess, law: Any) -> None:
    """A tone of 8 kHz is heard as speech; the answer is as long at 8 kHz, and as loud."""
    formats: Any = {
        "input": {"format": {"type": law}, "turn_detection": None, **WITH_TRANSCRIPTS},
        "output": {"format": {"type": law}},
    }

    async def story() -> Call:
        async with Call.to(pod, audio=formats) as call:
            await call.give(g711_square(law, 1.0))
            await call.connection.input_audio_buffer.commit()
            await call.connection.response.create()
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    usage = call.of("conversation.item.input_audio_transcription.completed")[0].usage
    assert usage.seconds == pytest.approx(1.0, abs=0.01)
    assert 2 < len(call.heard) / 8000 < 5
    loudest = max(set(call.heard), key=lambda code: magnitude(law, code))
    assert 2000 < magnitude(law, loudest) < 6000


def g711_square(law: str, length: float) -> bytes:
    """At 200 Hz; the codes are those of about 8000 and -8000, which differ in the sign bit."""
    code = 0x9F if law == "audio/pcmu" else 0xB5
    return (bytes([code] * 20 + [code ^ 0x80] * 20) * (round(length * 8000) // 40 + 1))[: round(length * 8000)]


def magnitude(law: str, code: int) -> int:
    """By the tables of G.711, scaled to 16 bits."""
    code ^= 0xFF if law == "audio/pcmu" else 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    if law == "audio/pcmu":
        return ((mantissa * 2 + 33) << exponent) * 4 - 132
    return (mantissa * 2 + 1) * 8 if exponent == 0 else ((mantissa * 2 + 33) << (exponent - 1)) * 8


def test_an_answer_that_is_cut_off_is_forgotten_from_where_it_was_not_heard(slow_pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(slow_pod, microphone=True, audio={"input": WITH_TRANSCRIPTS}) as call:
            await call.say(pcm(humming(1.0)))
            await call.wait("response.output_audio.delta")
            await asyncio.sleep(0.9)
            await call.say(pcm(humming(1.0)))
            item = (await call.wait("response.output_item.added")).item
            await call.connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=600)
            await call.wait("conversation.item.truncated")
            await call.connection.conversation.item.retrieve(item_id=item.id)
            await call.wait("conversation.item.retrieved")
            await call.wait("response.done", 2)
            return call

    call = asyncio.run(story())
    first, second = (done.response for done in call.of("response.done"))
    assert (first.status, first.status_details.reason) == ("cancelled", "turn_detected")
    assert second.status == "completed"
    kept = call.of("conversation.item.retrieved")[0].item.content[0].transcript
    assert ANSWER.startswith(kept.strip())
    assert len(kept.strip()) < len(ANSWER) / 2
    truncated = call.of("conversation.item.truncated")[0]
    assert (truncated.content_index, truncated.audio_end_ms) == (0, 600)
    assert nothing_late(call, first.id)


def nothing_late(call: Call, response_id: str) -> bool:
    """No event of a response comes after its end."""
    (end,) = (at for at, event in enumerate(call.events) if is_end(event, response_id))
    return not any(getattr(event, "response_id", None) == response_id for event in call.events[end:])


def is_end(event: Any, response_id: str) -> bool:
    return bool(event.type == "response.done" and event.response.id == response_id)


def test_an_answer_that_was_sent_whole_is_truncated_too(pod: PodProcess) -> None:
    """It was made faster than it can be heard."""

    async def story() -> Call:
        async with Call.to(pod, microphone=True, audio={"input": WITH_TRANSCRIPTS}) as call:
            await call.say(pcm(humming(1.0)))
            await call.wait("response.done")
            await call.say(pcm(humming(1.0)))
            item = call.of("response.output_item.added")[0].item
            await call.connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=600)
            await call.wait("response.done", 2)
            await call.connection.conversation.item.retrieve(item_id=item.id)
            await call.wait("conversation.item.retrieved")
            return call

    call = asyncio.run(story())
    assert [done.response.status for done in call.of("response.done")] == ["completed"] * 2
    kept = call.of("conversation.item.retrieved")[0].item.content[0].transcript.strip()
    assert ANSWER.startswith(kept)
    assert len(kept) < len(ANSWER) / 2


def test_a_response_is_cancelled_and_the_next_is_whole(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod) as call:
            await call.connection.conversation.item.create(item=text_message("Tell me a story"))
            await call.connection.response.create()
            await call.wait("response.created")
            await call.connection.response.cancel()
            await call.wait("response.done")
            await call.connection.response.create()
            await call.wait("response.done", 2)
            return call

    call = asyncio.run(story())
    first, second = (done.response for done in call.of("response.done"))
    assert (first.status, first.status_details.reason) == ("cancelled", "client_cancelled")
    assert second.status == "completed"
    assert nothing_late(call, first.id)


def test_a_response_beside_the_conversation_leaves_no_trace_in_it(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod) as call:
            beside: Any = {
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"topic": "classification"},
                "instructions": "Is it about the weather?",
                "input": [text_message("It rains")],
            }
            await call.connection.response.create(response=beside)
            await call.connection.response.create()
            await call.wait("response.done", 2)
            return call

    call = asyncio.run(story())
    responses = {(done.response.metadata or {}).get("topic"): done.response for done in call.of("response.done")}
    aside, spoken = responses["classification"], responses[None]
    assert (aside.status, aside.conversation_id) == ("completed", None)
    assert aside.output[0].content[0].text == ANSWER
    assert spoken.conversation_id is not None
    assert [added.item.id for added in call.of("conversation.item.added")] == [spoken.output[0].id]


def test_audio_in_an_item_that_the_client_creates(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod, audio=BY_HAND) as call:
            said = {"type": "input_audio", "audio": base64_of(pcm(humming(1.0)))}
            item: Any = {"id": "my_question", "type": "message", "role": "user", "content": [said]}
            await call.connection.conversation.item.create(item=item)
            await call.connection.response.create()
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    heard = call.of("conversation.item.input_audio_transcription.completed")[0]
    assert (heard.item_id, heard.content_index, heard.transcript) == ("my_question", 0, TRANSCRIPT)
    assert call.of("response.done")[0].response.status == "completed"


@pytest.mark.parametrize("eagerness", ["low", "auto", "high"])
def test_turns_by_what_is_said(pod: PodProcess, eagerness: Any) -> None:
    detection: Any = {"type": "semantic_vad", "eagerness": eagerness}

    async def story() -> Call:
        heard = {"input": {"turn_detection": detection, **WITH_TRANSCRIPTS}}
        async with Call.to(pod, microphone=True, audio=heard) as call:
            await call.say(pcm(humming(1.0)))
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    assert call.of("session.updated")[0].session.audio.input.turn_detection.eagerness == eagerness
    assert call.of("response.done")[0].response.status == "completed"


def test_a_mistake_is_told_with_the_event_that_made_it_and_the_session_goes_on(pod: PodProcess) -> None:
    async def story() -> Call:
        async with Call.to(pod, errors=2) as call:
            await call.connection.input_audio_buffer.commit(event_id="mine_1")
            await call.connection.response.cancel(event_id="mine_2")
            await call.wait("error", 2)
            await call.connection.response.create()
            await call.wait("response.done")
            return call

    call = asyncio.run(story())
    assert [(event.error.event_id, event.error.code) for event in call.of("error")] == [
        ("mine_1", "input_audio_buffer_commit_empty"),
        ("mine_2", "response_cancel_not_active"),
    ]
