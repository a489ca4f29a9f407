"""POST /v1/audio/transcriptions with emulated engines and scripted ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import pytest
from http_api_world import in_process, tone, wav
from voice_world import ScriptedRecognizer

from antiphon_runtime.engines.protocols import HEARD_RATE, EngineError, Transcript, Utterance, Word

_SAID = "This transcript is emulated."


async def _post(client: httpx.AsyncClient, seconds: float = 1.0, /, **fields: Any) -> httpx.Response:
    return await client.post("/audio/transcriptions", files={"file": ("a.wav", wav(tone(seconds)))}, data=fields)


def _events(response: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in response.text.splitlines() if line]


class CountingRecognizer(ScriptedRecognizer):
    """Says how many seconds it heard, word by word."""

    def __init__(self) -> None:
        super().__init__(0, 8, [""])

    def transcribe(self, utterances: list[Utterance]) -> list[Transcript]:  # type: ignore[override]
        self._fail()
        self.heard += utterances
        return [_counted(utterance) for utterance in utterances]


def _counted(utterance: Utterance) -> Transcript:
    seconds = len(utterance.samples) / HEARD_RATE
    words = (Word("About", 0.0, 0.5), Word(f"{round(seconds)}.", 0.5, seconds + 1))
    text = " ".join(word.text for word in words)
    return Transcript(text, "en", words if utterance.words else (), 0.25)


def test_all_formats() -> None:
    async def story() -> dict[str, httpx.Response]:
        async with in_process() as client:
            kinds = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json")
            return {kind: await _post(client, response_format=kind) for kind in kinds}

    answers = asyncio.run(story())
    assert {answer.status_code for answer in answers.values()} == {200}
    assert {answer.headers["antiphon-emulated"] for answer in answers.values()} == {"asr", "asr, diarization"}
    assert answers["json"].json() == {"text": _SAID, "usage": {"type": "duration", "seconds": 1}}
    assert answers["text"].text == f"{_SAID}\n"
    assert answers["srt"].text == f"1\n00:00:00,000 --> 00:00:01,000\n{_SAID}\n"
    assert answers["vtt"].text == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{_SAID}\n"
    assert answers["srt"].headers["content-type"].startswith("text/plain")
    verbose = answers["verbose_json"].json()
    assert (verbose["language"], verbose["duration"], verbose["text"]) == ("en", 1.0, _SAID)
    assert [segment["text"] for segment in verbose["segments"]] == [_SAID]
    assert "words" not in verbose
    (segment,) = answers["diarized_json"].json()["segments"]
    assert (segment["speaker"], segment["text"], segment["end"]) == ("A", _SAID, 1.0)


def test_long_audio_is_heard_in_windows_with_times_of_the_whole() -> None:
    recognizer = CountingRecognizer()
    samples = tone(70)
    for at in (25, 50):
        samples[(at * HEARD_RATE) - 3000 : at * HEARD_RATE + 3000] = 0

    async def story() -> dict[str, Any]:
        async with in_process({"asr": recognizer}) as client:
            fields = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
            answer = await client.post("/audio/transcriptions", files={"file": ("a", wav(samples))}, data=fields)
            return dict(answer.json())

    answer = asyncio.run(story())
    assert answer["text"] == "About 25. About 25. About 20."
    assert max(len(heard.samples) for heard in recognizer.heard) <= 30 * HEARD_RATE
    assert sum(len(heard.samples) for heard in recognizer.heard) == len(samples)
    starts = [word["start"] for word in answer["words"]]
    assert starts == pytest.approx([0, 0.5, 25, 25.5, 50, 50.5], abs=0.2)
    assert max(word["end"] for word in answer["words"]) <= 70
    assert sorted({segment["seek"] for segment in answer["segments"]}) == pytest.approx([0, 2500, 5000], abs=20)
    assert answer["segments"][0]["no_speech_prob"] == 0.25


def test_streamed_pieces_joined_are_the_whole() -> None:
    async def story() -> list[dict[str, Any]]:
        async with in_process({"asr": CountingRecognizer()}) as client:
            return _events(await _post(client, 70, stream="true"))

    *deltas, done = asyncio.run(story())
    assert len(deltas) > 1
    assert {delta["type"] for delta in deltas} == {"transcript.text.delta"}
    assert done == {"type": "transcript.text.done", "text": "".join(delta["delta"] for delta in deltas)}


def test_streamed_speakers() -> None:
    async def story() -> list[dict[str, Any]]:
        async with in_process() as client:
            return _events(await _post(client, stream="true", response_format="diarized_json"))

    segment, done = asyncio.run(story())
    assert (segment["type"], segment["speaker"], segment["text"]) == ("transcript.text.segment", "A", _SAID)
    assert done["text"] == _SAID


def test_what_was_asked_for_reaches_the_recognizer() -> None:
    recognizer = CountingRecognizer()

    async def story() -> None:
        options = {"language": "de", "beamSize": 5, "prompt": "Names."}
        async with in_process({"asr": recognizer}, options={"asr": options}) as client:
            await _post(client)
            await _post(client, language="pt-BR", prompt="Other.")

    asyncio.run(story())
    heard = [(each.language, each.prompt, each.beam_size, each.words) for each in recognizer.heard]
    assert heard == [("de", "Names.", 5, False), ("pt-BR", "Other.", 5, False)]


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"response_format": "yaml"}, "response_format", "'yaml'"),
        ({"temperature": "2"}, "temperature", "less than or equal to 1"),
        ({"temperature": "nan"}, "temperature", "finite"),
        ({"language": "klingon!"}, "language", "klingon!"),
        ({"stream": "perhaps"}, "stream", "'perhaps'"),
        ({"stream": "true", "response_format": "srt"}, "stream", "needs one of json, text, diarized_json"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities[]", "it needs verbose_json"),
        ({"timestamp_granularities": "letter"}, "timestamp_granularities[].0", "'letter'"),
        ({"chunking_strategy": '{"type": "x"}'}, "chunking_strategy", "must be auto"),
        ({"include[]": "logprobs"}, "include[]", "leave it out"),
        ({"known_speaker_names[]": "Ada"}, "known_speaker_names[]", "not known by name"),
    ],
)
def test_a_wrong_field_is_named(fields: Mapping[str, str], param: str, told: str) -> None:
    async def story() -> httpx.Response:
        async with in_process() as client:
            return await _post(client, **fields)

    answer = asyncio.run(story())
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert told in answer.json()["error"]["message"]


def test_what_is_harmless_is_read_past() -> None:
    fields = {"chunking_strategy": "auto", "keywords[]": "x", "temperature": "0", "language": "", "anything": "1"}

    async def story() -> list[int]:
        async with in_process() as client:
            first = await _post(client, **fields)
            second = await _post(client, **{"chunking_strategy[type]": "server_vad"})
            return [first.status_code, second.status_code]

    assert asyncio.run(story()) == [200, 200]


def test_bodies_that_are_no_form_with_a_file() -> None:
    async def story() -> list[httpx.Response]:
        async with in_process() as client:
            url = "/audio/transcriptions"
            return [
                await client.post(url, json={"file": "x"}),
                await client.post(url, content=b"x", headers={"content-type": "multipart/form-data"}),
                await client.post(url, content=b"x", headers={"content-type": "multipart/form-data; boundary=a"}),
                await client.post(url, files={"other": b"x"}),
                await client.post(url, files={"x": b""}, data={"file": "text"}),
                await client.post(url, files={"file": b"x" * 28 * 2**20}),
                await client.post(url, files={"file": b"x" * (25 * 2**20 + 1)}),
            ]

    found = [(answer.status_code, answer.json()["error"]["code"]) for answer in asyncio.run(story())]
    assert found == [
        (415, "unsupported_media_type"),
        (400, "invalid_form"),
        (400, "invalid_form"),
        (400, "missing_required_parameter"),
        (400, "invalid_value"),
        (413, "body_too_large"),
        (413, "body_too_large"),
    ]


def test_an_agent_that_can_not() -> None:
    async def story() -> tuple[httpx.Response, httpx.Response]:
        async with in_process(without=("diarization",)) as client:
            by_speaker = await _post(client, response_format="diarized_json")
        async with in_process(without=("asr",)) as client:
            return by_speaker, await _post(client)

    by_speaker, heard = asyncio.run(story())
    assert by_speaker.status_code == 400
    assert "no stage diarization" in by_speaker.json()["error"]["message"]
    assert (heard.status_code, heard.json()["error"]["code"]) == (404, "stage_not_found")


def test_an_engine_that_fails_in_the_middle_of_a_stream_ends_it_with_an_error() -> None:
    class Tiring(CountingRecognizer):
        def transcribe(self, utterances: list[Utterance]) -> list[Transcript]:  # type: ignore[override]
            if len(self.heard) >= 4:
                raise EngineError("tired")
            return super().transcribe(utterances)

    async def story() -> list[dict[str, Any]]:
        async with in_process({"asr": Tiring()}) as client:
            return _events(await _post(client, 180, stream="true"))

    *before, last = asyncio.run(story())
    assert [event["type"] for event in before] == ["transcript.text.delta"] * 4
    assert last["error"]["code"] == "engine_error"
    assert "tired" in last["error"]["message"]


def test_a_language_that_the_engine_does_not_know_is_the_clients_fault() -> None:
    recognizer = CountingRecognizer()
    recognizer.fails = EngineError("faster-whisper does not know language 'tlh'")

    async def story() -> httpx.Response:
        async with in_process({"asr": recognizer}) as client:
            return await _post(client, language="tlh")

    answer = asyncio.run(story())
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "language")


def test_silence_is_no_words() -> None:
    recognizer = ScriptedRecognizer(0, 8, [""])

    async def story() -> httpx.Response:
        async with in_process({"asr": recognizer}) as client:
            file = wav(np.zeros(HEARD_RATE, np.float32))
            fields = {"response_format": "verbose_json"}
            return await client.post("/audio/transcriptions", files={"file": ("a", file)}, data=fields)

    answer = asyncio.run(story()).json()
    assert (answer["text"], answer["segments"]) == ("", [])
