"""OpenAI's SDK, unmodified, against the API over loopback: emulated engines always, real models where their files are."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
import openai
import pytest
from engine_models import engine
from http_api_world import AGENT, tone, wav, with_sdk
from openai.types.audio import TranscriptionDiarized, TranscriptionVerbose
from spoken import SENTENCES, word_errors, words
from voice_world import ScriptedModel

from antiphon_crds.stages import Stage

_WER = 0.15


def _file(data: bytes | None = None) -> tuple[str, io.BytesIO]:
    return "speech.wav", io.BytesIO(data or wav(tone(1.0)))


def test_the_sdk_lists_and_finds_models() -> None:
    async def story() -> tuple[list[str], str]:
        async with with_sdk() as client:
            listed = [model.id async for model in client.models.list()]
            found = await client.models.retrieve(AGENT)
            with pytest.raises(openai.NotFoundError, match="it must be one of hello"):
                await client.models.retrieve("gpt-4o")
            return listed, found.owned_by

    listed, owner = asyncio.run(story())
    assert (listed[0], owner) == (AGENT, "antiphon")


def test_the_sdk_reads_every_transcription() -> None:
    async def story() -> None:
        async with with_sdk() as client:
            create = client.audio.transcriptions.create
            said = "This transcript is emulated."
            assert (await create(file=_file(), model=AGENT)).text == said
            assert await create(file=_file(), model=AGENT, response_format="text") == f"{said}\n"
            assert "-->" in await create(file=_file(), model=AGENT, response_format="srt")
            assert (await create(file=_file(), model=AGENT, response_format="vtt")).startswith("WEBVTT")
            verbose: TranscriptionVerbose = await create(
                file=_file(), model=AGENT, response_format="verbose_json", timestamp_granularities=["word", "segment"]
            )
            assert [word.word for word in verbose.words or ()] == said.split()
            assert [segment.text for segment in verbose.segments or ()] == [said]
            diarized: TranscriptionDiarized = await create(
                file=_file(), model=AGENT, response_format="diarized_json", chunking_strategy={"type": "server_vad"}
            )
            assert [(segment.speaker, segment.text) for segment in diarized.segments] == [("A", said)]
            streamed = await create(file=_file(), model=AGENT, stream=True)
            events = [event async for event in streamed]
            assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]

    asyncio.run(story())


def test_the_sdk_streams_speech() -> None:
    async def story() -> int:
        async with (
            with_sdk() as client,
            client.audio.speech.with_streaming_response.create(
                input="Hello there.", model=AGENT, voice="alloy", response_format="pcm"
            ) as answer,
        ):
            return sum([len(piece) async for piece in answer.iter_bytes()])

    assert asyncio.run(story()) > 24_000


def test_the_sdk_streams_chat_and_hangs_up() -> None:
    model = ScriptedModel(0, 4, lambda _: "word " * 1000)

    async def story() -> None:
        async with with_sdk({"llm": model}) as client:
            stream = await client.chat.completions.create(
                model=AGENT, messages=[{"role": "user", "content": "Hi"}], stream=True
            )
            async for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
            await stream.close()
            for _ in range(200):
                if model.cancelled:
                    return
                await asyncio.sleep(0.01)
        raise AssertionError("the answer goes on")

    asyncio.run(story())


def test_the_sdk_raises_what_fits() -> None:
    async def story() -> None:
        async with with_sdk(without=("tts",)) as client:
            with pytest.raises(openai.BadRequestError) as wrong:
                await client.chat.completions.create(model=AGENT, messages=[])
            assert (wrong.value.param, wrong.value.type) == ("messages", "invalid_request_error")
            with pytest.raises(openai.NotFoundError, match="stage tts"):
                await client.audio.speech.create(input="Hi", model=AGENT, voice="alloy")

    asyncio.run(story())


# --- real models -------------------------------------------------------------------------------------------------------


def test_what_a_real_voice_says_a_real_recognizer_hears() -> None:
    async def story(engines: Mapping[Stage, Any]) -> tuple[list[str], str, list[tuple[float, float]]]:
        async with with_sdk(engines) as client:
            heard = []
            for sentence in SENTENCES:
                spoken = await client.audio.speech.create(
                    input=sentence, model=AGENT, voice="alloy", response_format="flac"
                )
                answer = await client.audio.transcriptions.create(file=("a.flac", spoken.content), model=AGENT)
                heard.append(answer.text)
            long = await client.audio.speech.create(
                input=" ".join(SENTENCES * 4), model=AGENT, voice="alloy", response_format="wav"
            )
            verbose = await client.audio.transcriptions.create(
                file=("a.wav", long.content), model=AGENT, response_format="verbose_json"
            )
            return heard, verbose.text, [(segment.start, segment.end) for segment in verbose.segments or ()]

    pytest.importorskip("av", reason="PyAV writes flac")
    with ExitStack() as loaded:
        engines: dict[Stage, Any] = {
            "tts": loaded.enter_context(engine("hibari", "heart-int8")),
            "asr": loaded.enter_context(engine("whisper-cpu", "tiny.en-int8")),
        }
        heard, long, times = asyncio.run(story(engines))
    said = " ".join(SENTENCES)
    rate = word_errors(said, " ".join(heard)) / len(words(said))
    long_rate = word_errors(" ".join(SENTENCES * 4), long) / len(words(said * 4))
    print(f"WER {rate:.1%} of single sentences, {long_rate:.1%} of {times[-1][1]:.0f} s in one file")
    assert rate <= _WER
    assert long_rate <= _WER
    assert times == sorted(times)
    assert all(start < end for start, end in times)
    assert np.diff([start for start, _ in times]).max() < 15


def test_a_real_model_answers_in_pieces() -> None:
    async def story(engines: Mapping[Stage, Any]) -> tuple[str, int]:
        async with with_sdk(engines) as client:
            stream = await client.chat.completions.create(
                model=AGENT,
                messages=[{"role": "user", "content": "Say hello."}],
                max_tokens=12,
                stream=True,
                stream_options={"include_usage": True},
            )
            chunks = [chunk async for chunk in stream]
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        usage = chunks[-1].usage
        assert usage is not None
        return text, usage.completion_tokens

    with engine("smollm2", "135m-q4") as model:
        text, tokens = asyncio.run(story({"llm": model}))
    assert text.strip()
    assert 1 <= tokens <= 12
