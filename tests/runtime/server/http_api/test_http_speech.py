"""POST /v1/audio/speech with emulated engines and scripted ones."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import numpy as np
import pytest
from http_api_world import in_process, over_loopback
from voice_world import ScriptedVoice

from antiphon_runtime.engines.protocols import EngineError, Sound, Speech
from antiphon_runtime.server.http_api import sound_files

_TEXT = "It is noon. Let us go and eat something warm."
_SECONDS = len(_TEXT.replace(". ", ".")) / 15
"""Of the emulated voice, which says each clause without the spaces around it."""


async def _say(client: httpx.AsyncClient, /, **fields: Any) -> httpx.Response:
    return await client.post("/audio/speech", json={"input": _TEXT, "response_format": "pcm", **fields})


def _said(fields: Mapping[str, Any], engines: Mapping[Any, Any] | None = None, **more: Any) -> httpx.Response:
    async def story() -> httpx.Response:
        async with in_process(engines, **more) as client:
            return await _say(client, **fields)

    return asyncio.run(story())


def test_pcm_and_wav_have_the_same_sound() -> None:
    pcm, file = _said({}), _said({"response_format": "wav"})
    assert pcm.headers["content-type"] == "audio/pcm"
    assert pcm.headers["antiphon-emulated"] == "tts"
    assert len(pcm.content) / 2 / 24_000 == pytest.approx(_SECONDS, abs=0.05)
    with wave.open(io.BytesIO(file.content)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, 24_000)
        assert reader.readframes(10**9) == pcm.content


@pytest.mark.parametrize(
    ("kind", "media_type", "begin"),
    [
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff"),
        ("flac", "audio/flac", b"fLaC"),
    ],
)
def test_formats_that_pyav_writes(kind: str, media_type: str, begin: bytes) -> None:
    pytest.importorskip("av", reason="PyAV writes it")
    answer = _said({"response_format": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content.startswith(begin)


def test_without_pyav_the_message_names_what_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_files, "has_pyav", lambda: False)
    refused, default = _said({"response_format": "mp3"}), _said({"response_format": None})
    assert refused.json()["error"]["message"] == "response_format is mp3; this pod can make wav, pcm"
    assert default.headers["content-type"] == "audio/wav"


def test_as_events() -> None:
    answer = _said({"stream_format": "sse"})
    *deltas, done = [json.loads(line[6:]) for line in answer.text.splitlines() if line]
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert done == {"type": "speech.audio.done"}
    assert b"".join(base64.b64decode(delta["audio"]) for delta in deltas) == _said({}).content


def test_the_silence_before_the_first_sound_is_cut_where_the_agent_wants_it() -> None:
    def silence_seconds(trim: bool) -> float:
        options = {"tts": {"trimLeadingSilence": trim}}
        samples = np.frombuffer(_said({}, {"tts": ScriptedVoice(0, 1)}, options=options).content, "<i2")
        return float(np.flatnonzero(np.abs(samples) > 300)[0]) / 24_000

    assert silence_seconds(False) == pytest.approx(0.3, abs=0.01)
    assert silence_seconds(True) == pytest.approx(0.01, abs=0.005)


class _Voice(ScriptedVoice):
    def __init__(self) -> None:
        super().__init__(0, 1)
        self.asked: list[Speech] = []

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        self.asked.append(speech)
        async for sound in super().speak(speech):
            yield sound


def test_voice_and_speed_as_the_model_knows_them() -> None:
    voice = _Voice()

    async def story() -> None:
        async with in_process({"tts": voice}, options={"tts": {"voice": "ben", "speed": 2.0}}) as client:
            for fields in ({}, {"voice": "alloy"}, {"voice": "anna"}, {"voice": {"id": "anna"}}, {"speed": 4}):
                assert (await _say(client, **fields, input="Hi.")).status_code == 200

    asyncio.run(story())
    assert [(asked.voice, asked.speed) for asked in voice.asked] == [
        ("ben", 2.0),
        ("ben", 2.0),
        ("anna", 2.0),
        ("anna", 2.0),
        ("ben", 4.0),
    ]


def test_the_first_clause_is_heard_before_the_last_is_made() -> None:
    voice = ScriptedVoice(0.05, 1)

    async def story() -> int:
        async with over_loopback({"tts": voice}) as client:
            body = {"input": "One sentence of many. " * 100, "response_format": "pcm"}
            async with client.stream("POST", "/audio/speech", json=body) as answer:
                async for _ in answer.aiter_bytes():
                    return len(voice.said)
        raise AssertionError("there was no sound")

    assert asyncio.run(story()) <= 3


def test_another_rate_becomes_the_one_that_is_sent() -> None:
    voice = ScriptedVoice(0, 1)
    voice.sample_rate = 22_050
    answer = _said({"input": "Hello."}, {"tts": voice}, options={"tts": {"trimLeadingSilence": False}})
    made = (0.3 + 0.06 * 6) * 24_000 / 22_050
    assert len(answer.content) / 2 / 24_000 == pytest.approx(made, abs=0.01)


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"input": ""}, "input", "at least 1"),
        ({"input": "x" * 4097}, "input", "at most 4096"),
        ({"input": "***"}, "input", "nothing that can be said"),
        ({"input": 5}, "input", "string"),
        ({"voice": "siri"}, "voice", "the voices of this agent are: emulated"),
        ({"speed": 5}, "speed", "less than or equal to 4"),
        ({"response_format": "midi"}, "response_format", "'midi'"),
        ({"stream_format": "smoke"}, "stream_format", "'smoke'"),
    ],
)
def test_a_wrong_field_is_named(fields: Mapping[str, Any], param: str, told: str) -> None:
    answer = _said(fields)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert told in answer.json()["error"]["message"]


def test_a_voice_that_fails_before_its_first_sound_is_a_server_error() -> None:
    voice = ScriptedVoice(0, 1)
    voice.fails = EngineError("hoarse")
    answer = _said({}, {"tts": voice})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "engine_error")


def test_a_voice_that_fails_later_breaks_the_connection_off() -> None:
    """Bytes have no place for an error: what is cut off must not look complete."""

    class Fading(ScriptedVoice):
        async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
            if self.said:
                await asyncio.sleep(0.05)
                raise EngineError("hoarse")
            async for sound in super().speak(speech):
                yield sound

    async def story(stream_format: str) -> bytes:
        async with over_loopback({"tts": Fading(0, 1)}) as client:
            return (await _say(client, stream_format=stream_format)).content

    with pytest.raises(httpx.RemoteProtocolError):
        asyncio.run(story("audio"))
    assert b"hoarse" in asyncio.run(story("sse"))
