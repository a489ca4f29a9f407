"""The `openai` SDK's realtime client asks questions with a voice, and real models of the CPU stack answer."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from openai_calls import RATE, Call, base64_of, pcm
from voice_process import PodProcess

from antiphon_runtime.bench.clips import Clip, at_rate
from antiphon_runtime.bench.word_errors import word_error_rate

WORST_RATE = 0.3
WITH_TRANSCRIPTS: Any = {"transcription": {"model": "whisper-1", "language": "en"}}
COMPLETED = "conversation.item.input_audio_transcription.completed"


def said(clip: Clip) -> bytes:
    return pcm(at_rate(clip, RATE))


def rate_of(clips: list[Clip], call: Call) -> float:
    heard = [event.transcript.strip() for event in call.of(COMPLETED)]
    pairs = [(clip.text or "", text) for clip, text in zip(clips, heard, strict=True)]
    rate = word_error_rate(pairs)
    assert rate is not None
    for spoken, text in pairs:
        print(f"said {spoken!r}, heard {text!r}")
    print(f"WER {rate:.3f}")
    return rate


def test_spoken_questions_get_spoken_answers(real_pod: PodProcess, questions: list[Clip]) -> None:
    asked = questions[:3]

    async def story() -> Call:
        async with Call.to(real_pod, microphone=True, audio={"input": WITH_TRANSCRIPTS}) as call:
            for number, clip in enumerate(asked, 1):
                await call.say(said(clip))
                answer = (await call.wait("response.done", number, seconds=60)).response
                assert answer.status == "completed"
                assert answer.output[0].content[0].transcript.strip()
                await asyncio.sleep(len(call.heard) / 2 / RATE + 0.5)  # until it has been heard
                call.heard = b""
            return call

    call = asyncio.run(story())
    assert rate_of(asked, call) < WORST_RATE
    for answer in call.of("response.done"):
        print(f"answered {answer.response.output[0].content[0].transcript!r}")
    assert len(call.of("input_audio_buffer.committed")) == len(asked)
    assert call.of("response.done")[0].response.usage.output_tokens > 0


def test_an_answer_is_audible_speech(real_pod: PodProcess, questions: list[Clip]) -> None:
    async def story() -> Call:
        async with Call.to(real_pod, audio={"input": {"turn_detection": None, **WITH_TRANSCRIPTS}}) as call:
            item: Any = {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": base64_of(said(questions[0]))}],
            }
            await call.connection.conversation.item.create(item=item)
            await call.connection.response.create()
            await call.wait("response.done", seconds=60)
            return call

    call = asyncio.run(story())
    assert rate_of(questions[:1], call) < WORST_RATE
    heard = np.frombuffer(call.heard, "<i2") / 32768
    assert len(heard) > RATE / 2
    assert np.abs(heard).max() > 0.1
    frames = heard[: len(heard) // 480 * 480].reshape(-1, 480)
    assert np.mean(np.sqrt(np.mean(frames**2, axis=1)) > 0.01) > 0.3


def test_turns_by_what_is_said(real_pod: PodProcess, questions: list[Clip]) -> None:
    heard = {"input": {"turn_detection": {"type": "semantic_vad"}, **WITH_TRANSCRIPTS}}

    async def story() -> Call:
        async with Call.to(real_pod, microphone=True, audio=heard) as call:
            await call.say(said(questions[0]))
            await call.wait("response.done", seconds=60)
            return call

    call = asyncio.run(story())
    assert rate_of(questions[:1], call) < WORST_RATE
    assert call.of("response.done")[0].response.status == "completed"


def test_a_session_that_only_transcribes(real_pod: PodProcess, questions: list[Clip]) -> None:
    async def story() -> Call:
        async with Call.to(real_pod, microphone=True) as call:
            listening: Any = {"type": "transcription", "audio": {"input": WITH_TRANSCRIPTS}}
            await call.connection.session.update(session=listening)
            for number, clip in enumerate(questions[1:3], 1):
                await call.say(said(clip))
                await call.wait(COMPLETED, number)
            return call

    call = asyncio.run(story())
    assert rate_of(questions[1:3], call) < WORST_RATE
    assert not call.of("response.created")


def test_a_voice_over_the_telephone(real_pod: PodProcess, questions: list[Clip]) -> None:
    """At 8 kHz in mu-law, all at once."""
    formats: Any = {
        "input": {"format": {"type": "audio/pcmu"}, "turn_detection": None, **WITH_TRANSCRIPTS},
        "output": {"format": {"type": "audio/pcmu"}},
    }

    async def story() -> Call:
        async with Call.to(real_pod, audio=formats) as call:
            await call.give(mu_law(at_rate(questions[0], 8000)))
            await call.connection.input_audio_buffer.commit()
            await call.wait(COMPLETED)
            return call

    call = asyncio.run(story())
    assert rate_of(questions[:1], call) < WORST_RATE


def mu_law(samples: Any) -> bytes:
    """By the formula of G.711, in 14 bits."""
    values = np.clip(np.round(samples * 8158), -8158, 8158).astype(int)
    magnitude = np.abs(values) + 33
    exponent = np.floor(np.log2(magnitude)).astype(int) - 5
    code = (exponent << 4) | ((magnitude >> (exponent + 1)) & 15) | np.where(values < 0, 0x80, 0)
    return bytes((~code & 0xFF).astype(np.uint8))
