from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai_server import (
    World,
    break_off,
    hang_up,
    openai_server,
    piece,
    refuse,
    speak,
    tell,
    tell_for_ever,
    transcribe,
)

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.openai_http import lines, refusal, with_version
from antiphon_runtime.engines.protocols import HEARD_RATE, Chat, EngineError, Speech, Token, Utterance, Word
from antiphon_runtime.engines.registry import create

_ASKED = [{"role": "user", "content": "How do I make tea?"}]


@pytest.fixture
def server() -> Iterator[tuple[str, World]]:
    with openai_server() as served:
        yield served


def _variant(url: str, **options: Any) -> Variant:
    given = {"name": "v", "engine": "openai", "url": url, "memory": {"host": "1Mi"}}
    return Variant.model_validate(given | {"options": {"model": "m"} | options})


@asynccontextmanager
async def _engine(stage: Stage, url: str, **options: Any) -> AsyncIterator[Any]:
    engine = create(stage, _variant(url, **options), Path(), threads=1)
    try:
        yield engine
    finally:
        await asyncio.to_thread(engine.close)


async def _answer(url: str, chat: Chat, **options: Any) -> list[Token]:
    async with _engine("llm", url, **options) as model:
        return [token async for token in model.answer(chat)]


def _text(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens)


def _seconds(seconds: float, **rest: Any) -> Utterance:
    return Utterance(np.full(int(seconds * HEARD_RATE), 0.5, np.float32), **rest)


# --- llm -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
def test_an_answer_streams_and_ends_with_its_counts(server: tuple[str, World], ending: str) -> None:
    url, world = server
    tokens = asyncio.run(_answer(url + ending, Chat(_ASKED, max_tokens=9, stop=["x"])))
    assert _text(tokens) == world.answer
    assert tokens[-1] == Token(finish="stop", prompt_tokens=7, completion_tokens=3)
    (asked,) = world.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.json["model"] == "m"
    assert (asked.json["max_tokens"], asked.json["stop"], asked.json["stream"]) == (9, ["x"], True)
    assert "tools" not in asked.json
    assert "authorization" not in asked.headers


def test_tool_calls_pass_through(server: tuple[str, World]) -> None:
    url, world = server
    calls = [
        {"index": 0, "id": "c1", "function": {"name": "kettle", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"on": true}'}},
    ]
    world.next.append(tell(*(piece(tool_calls=[call]) for call in calls), finish="tool_calls"))
    tool = {"type": "function", "function": {"name": "kettle", "parameters": {}}}
    tokens = asyncio.run(_answer(url, Chat(_ASKED, tools=[tool], tool_choice="required")))
    assert [token.tool_call for token in tokens[:-1]] == calls
    assert tokens[-1].finish == "tool_calls"
    assert world.asked[0].json["tools"] == [tool]
    assert world.asked[0].json["tool_choice"] == "required"


def test_closing_an_answer_hangs_up_on_the_server(server: tuple[str, World]) -> None:
    url, world = server
    world.next.append(tell_for_ever)

    async def story() -> float:
        async with _engine("llm", url) as model:
            async with aclosing(model.answer(Chat(_ASKED))) as answer:
                await anext(answer)
                closed = time.monotonic()
            took = time.monotonic() - closed
            assert await asyncio.to_thread(world.left.wait, 5)
            return took

    assert asyncio.run(story()) < 0.5


def test_a_cancelled_task_hangs_up_and_the_next_answer_comes(server: tuple[str, World]) -> None:
    url, world = server
    world.next.append(tell_for_ever)

    async def story() -> str:
        async with _engine("llm", url) as model:

            async def listen() -> None:
                async for _ in model.answer(Chat(_ASKED)):
                    pass

            task = asyncio.create_task(listen())
            while not world.asked:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(world.left.wait, 5)
            return _text([token async for token in model.answer(Chat(_ASKED))])

    assert asyncio.run(story()) == world.answer


@pytest.mark.parametrize("trouble", [hang_up, refuse(503), refuse(429), break_off(), tell(finish=None, usage=False)])
def test_what_fails_for_now_is_asked_again(server: tuple[str, World], trouble: Any) -> None:
    url, world = server
    world.next += [trouble, trouble]
    assert _text(asyncio.run(_answer(url, Chat(_ASKED)))) == world.answer
    assert len(world.asked) == 3


def test_it_gives_up_after_the_third_time(server: tuple[str, World]) -> None:
    url, world = server
    world.next += [refuse(503, "too much to do")] * 3
    with pytest.raises(EngineError, match=r"/v1/chat/completions: 503 Service Unavailable: too much to do$"):
        asyncio.run(_answer(url, Chat(_ASKED)))
    assert len(world.asked) == 3


@pytest.mark.parametrize("trouble", [break_off(piece(content="Boil")), tell(piece(content="Boil"), finish=None)])
def test_nothing_is_asked_again_once_a_word_was_streamed(server: tuple[str, World], trouble: Any) -> None:
    url, world = server
    world.next.append(trouble)
    said: list[str] = []

    async def story() -> None:
        async with _engine("llm", url) as model:
            async for token in model.answer(Chat(_ASKED)):
                said.append(token.text)  # noqa: PERF401 (what came before the error is wanted)

    with pytest.raises(EngineError, match="/v1/chat/completions"):
        asyncio.run(story())
    assert said == ["Boil"]
    assert len(world.asked) == 1


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (refuse(400, "context is 12 tokens"), r"400 Bad Request: context is 12 tokens$"),
        (refuse(401, "the key secret-key is wrong"), r"401 Unauthorized: the key \*\*\* is wrong$"),
        (lambda handler, _: handler.reply(500, b"<h1>oh\n no</h1>"), r"500 Internal Server Error: <h1>oh no</h1>$"),
        (tell({"error": {"message": "out of memory"}}), r"out of memory$"),
        (tell({"object": "error", "message": "it is"}), r"it is$"),
        (tell("{nonsense"), r"this is no JSON"),
    ],
)
def test_what_is_wrong_for_good_is_told_and_not_tried_again(
    server: tuple[str, World], trouble: Any, told: str, tmp_path: Path
) -> None:
    url, world = server
    world.next.append(trouble)
    (tmp_path / "key").write_text("secret-key\n")
    with pytest.raises(EngineError, match=told):
        asyncio.run(_answer(url, Chat(_ASKED), apiKeyFile=str(tmp_path / "key")))
    assert len(world.asked) == 1
    assert world.asked[0].headers["authorization"] == "Bearer secret-key"


def test_a_server_that_says_nothing_times_out(server: tuple[str, World]) -> None:
    url, world = server
    world.next.append(lambda *_: time.sleep(0.5))
    with pytest.raises(EngineError, match="no answer in time"):
        asyncio.run(_answer(url, Chat(_ASKED), timeoutSeconds=0.1))


def test_nobody_there_is_an_engine_error() -> None:
    with openai_server() as (url, _):
        pass
    with pytest.raises(EngineError, match=r"openai: http://127\.0\.0\.1:"):
        asyncio.run(_answer(url, Chat(_ASKED)))


def test_fields_may_be_added_renamed_and_left_out(server: tuple[str, World]) -> None:
    url, world = server
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "stream_options": None}
    asyncio.run(_answer(url, Chat(_ASKED, max_tokens=5), extra=extra, maxTokensName="max_completion_tokens"))
    body = world.asked[0].json
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert body["max_completion_tokens"] == 5
    assert not {"stream_options", "max_tokens"} & set(body)


def test_a_closed_engine_says_so(server: tuple[str, World]) -> None:
    async def story() -> None:
        async with _engine("llm", server[0]) as model:
            pass
        await anext(model.answer(Chat(_ASKED)))

    with pytest.raises(EngineError, match="openai is closed"):
        asyncio.run(story())


# --- asr -----------------------------------------------------------------------------------------------------------


def test_a_batch_is_asked_side_by_side_and_keeps_its_order(server: tuple[str, World]) -> None:
    url, world = server

    def slow(asked: Callable[..., None]) -> Callable[..., None]:
        def behave(*given: Any) -> None:
            time.sleep(0.2)
            asked(*given)

        return behave

    world.next += [slow(transcribe)] * 4
    recognizer: Any = create("asr", _variant(url), Path(), threads=1)
    try:
        found = recognizer.transcribe([_seconds(n / 10) for n in (3, 9, 1, 20)])
    finally:
        recognizer.close()
    assert [transcript.text for transcript in found] == ["3 tenths", "9 tenths", "1 tenths", "20 tenths"]
    assert world.most_at_once == 4


def test_what_is_wanted_of_an_utterance_is_asked_for(server: tuple[str, World]) -> None:
    url, world = server
    recognizer: Any = create("asr", _variant(url), Path(), threads=1)
    try:
        (plain,) = recognizer.transcribe([_seconds(1, language="pt-BR", prompt="Lisboa")])
        (timed,) = recognizer.transcribe([_seconds(1, language="", words=True)])
        (nothing,) = recognizer.transcribe([_seconds(0.05)])
    finally:
        recognizer.close()
    first, second = (asked.form for asked in world.asked)
    assert (first["language"], first["prompt"], first["response_format"]) == (b"pt", b"Lisboa", b"json")
    assert "language" not in second
    assert second["timestamp_granularities[]"] == b"word"
    assert (plain.language, plain.words, plain.no_speech_probability) == ("pt-BR", (), None)
    assert timed.words == (Word("tenths", 0.1, 0.4),)
    assert (timed.language, timed.no_speech_probability) == ("english", 0.25)
    assert nothing.text == ""


def test_recognition_is_tried_again_where_that_helps(server: tuple[str, World]) -> None:
    url, world = server
    recognizer: Any = create("asr", _variant(url), Path(), threads=1)
    try:
        world.next += [refuse(503), hang_up]
        assert recognizer.transcribe([_seconds(0.5)])[0].text == "5 tenths"
        assert len(world.asked) == 3
        world.next.append(refuse(400, "no speech"))
        with pytest.raises(EngineError, match="/v1/audio/transcriptions: 400 Bad Request: no speech"):
            recognizer.transcribe([_seconds(0.5)])
        world.next.append(lambda handler, _: handler.reply(200, b"hello"))
        with pytest.raises(EngineError, match="this is no transcript: hello"):
            recognizer.transcribe([_seconds(0.5)])
    finally:
        recognizer.close()
    with pytest.raises(EngineError, match="closed"):
        recognizer.transcribe([_seconds(0.5), _seconds(0.5)])


# --- tts -----------------------------------------------------------------------------------------------------------


async def _speak(url: str, speech: Speech, **options: Any) -> np.ndarray[Any, Any]:
    async with _engine("tts", url, **options) as voice:
        return np.concatenate([sound.samples async for sound in voice.speak(speech)])


def test_speech_comes_whole_though_chunks_cut_samples(server: tuple[str, World]) -> None:
    url, world = server
    samples = asyncio.run(_speak(url, Speech("Hello.", speed=1.5), voice="alloy"))
    expected = (0.5 * np.sin(np.arange(4800) * 0.1) * 32768).astype("<i2") / 32768
    np.testing.assert_allclose(samples, expected, atol=1e-6)
    assert world.asked[0].json == {
        "model": "m", "input": "Hello.", "voice": "alloy", "response_format": "pcm", "speed": 1.5,
    }  # fmt: skip


def test_without_a_voice_the_server_chooses(server: tuple[str, World]) -> None:
    url, world = server
    asyncio.run(_speak(url, Speech("Hello.")))
    assert "voice" not in world.asked[0].json
    assert "speed" not in world.asked[0].json


def test_speech_that_is_no_pcm_is_refused(server: tuple[str, World]) -> None:
    url, world = server
    world.next.append(speak(0.1, "audio/mpeg"))
    with pytest.raises(EngineError, match="asked for pcm and got audio/mpeg"):
        asyncio.run(_speak(url, Speech("Hello.")))


def test_speech_is_tried_again_only_while_nothing_was_heard(server: tuple[str, World]) -> None:
    url, world = server
    world.next += [speak(0), refuse(502)]
    assert len(asyncio.run(_speak(url, Speech("Hello.")))) == 4800
    assert len(world.asked) == 3

    def half(handler: Any, _: Any) -> None:
        handler.begin("audio/pcm")
        handler.chunk(b"\1\2" * 100)
        handler.close_connection = True

    world.next.append(half)
    with pytest.raises(EngineError, match="/v1/audio/speech"):
        asyncio.run(_speak(url, Speech("Hello.")))
    assert len(world.asked) == 4


# --- all -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["asr", "llm", "tts"])
def test_warming_up_finds_out_whether_the_server_can_do_it(server: tuple[str, World], stage: Stage) -> None:
    url, world = server

    async def story() -> None:
        async with _engine(stage, url) as engine:
            await asyncio.to_thread(engine.warm_up)
            world.next.append(refuse(404, "model 'm' does not exist"))
            with pytest.raises(EngineError, match="model 'm' does not exist"):
                await asyncio.to_thread(engine.warm_up)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": ""}, "needs option model"),
        ({"timeoutSeconds": 0}, "timeoutSeconds is 0"),
        ({"maxBatch": 0}, "maxBatch is 0"),
        ({"extra": 3}, "extra is 3"),
        ({"voices": "all"}, "voices is 'all'"),
    ],
)
def test_an_option_that_can_not_be_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineError, match=told):
        create("tts", _variant("http://127.0.0.1:1", **options), Path(), threads=1)


def test_a_key_that_can_not_be_read_is_named(server: tuple[str, World], tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="the key can't be read from"):
        asyncio.run(_answer(server[0], Chat(_ASKED), apiKeyFile=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://pod:8080", "http://pod:8080/v1"),
        ("http://pod:8080/", "http://pod:8080/v1"),
        ("https://api.example/openai/v1/", "https://api.example/openai/v1"),
        ("https://api.example/v1beta/openai", "https://api.example/v1beta/openai"),
        ("https://v1.example/openai", "https://v1.example/openai/v1"),
        ("https://api.example/voice1", "https://api.example/voice1/v1"),
    ],
)
def test_a_version_is_added_where_none_is(url: str, found: str) -> None:
    assert with_version(url) == found


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"))), st.integers(1, 9))
def test_lines_are_the_same_however_they_are_cut(texts: list[str], size: int) -> None:
    data = "".join(f"{text}\n" for text in texts).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    async def story() -> list[bytes]:
        return [line async for line in lines(chunks())]

    assert [line.decode() for line in asyncio.run(story())] == texts


@given(st.text())
def test_a_refusal_is_one_short_line(text: str) -> None:
    assert len(refusal(text)) <= 500
    assert "\n" not in refusal(text)
