from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from engine_models import engine

from antiphon_runtime.engines.protocols import Chat, EngineError, Token
from antiphon_runtime.engines.xllamacpp import Xllamacpp

_ASKED = [{"role": "user", "content": "How do I make a cup of tea?"}]


@pytest.fixture(scope="module")
def model() -> Iterator[Xllamacpp]:
    with engine("smollm2", "135m-q4", contextTokens=1024) as loaded:
        yield loaded


async def _answer(model: Xllamacpp, chat: Chat) -> list[Token]:
    return [token async for token in model.answer(chat)]


def _text(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens)


def test_an_answer_streams_and_ends_with_its_counts(model: Xllamacpp) -> None:
    tokens = asyncio.run(_answer(model, Chat(_ASKED, max_tokens=24)))
    assert "tea" in _text(tokens)
    assert len(tokens) > 10
    assert tokens[-1].finish == "length"
    assert tokens[-1].completion_tokens == 24
    assert tokens[-1].prompt_tokens > 10
    assert all(token.finish is None for token in tokens[:-1])


def test_stop_words_end_it(model: Xllamacpp) -> None:
    tokens = asyncio.run(_answer(model, Chat(_ASKED, max_tokens=60, stop=["tea"])))
    assert "tea" not in _text(tokens)
    assert tokens[-1].finish == "stop"


def test_answers_side_by_side_are_those_one_by_one(model: Xllamacpp) -> None:
    chats = [Chat([{"role": "user", "content": text}], max_tokens=8) for text in ("Hello!", "What is a dog?")]

    async def together() -> list[list[Token]]:
        return list(await asyncio.gather(*(_answer(model, chat) for chat in chats)))

    assert [tokens[-1].completion_tokens for tokens in asyncio.run(together())] == [8, 8]


def test_a_closed_answer_makes_at_most_one_more_token(model: Xllamacpp) -> None:
    made: list[object] = []
    handle = model._server.handle_chat_completions

    class Counting:
        def handle_chat_completions(self, body: dict[str, Any], take: Any) -> None:
            def counted(piece: Any) -> bool:
                made.append(piece)
                return bool(take(piece))

            handle(body, counted)

    async def story() -> tuple[int, int]:
        async with aclosing(model.answer(Chat(_ASKED, max_tokens=400))) as answer:  # type: ignore[type-var]
            async for token in answer:
                if token.text:
                    break
        at_close = len(made)
        await _answer(model, Chat([{"role": "user", "content": "Hi"}], max_tokens=1))
        return at_close, len(made)

    server = model._server
    model._server = Counting()
    try:
        at_close, after_another = asyncio.run(story())
    finally:
        model._server = server
    other_pieces = 6  # progress (2 at most), role, one token, end, counts
    assert after_another - at_close <= 1 + other_pieces


def test_a_cancelled_task_gives_its_place_back(model: Xllamacpp) -> None:
    async def story() -> str:
        for _ in range(2 * model.max_batch):
            task = asyncio.create_task(_answer(model, Chat(_ASKED, max_tokens=900)))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return _text(await asyncio.wait_for(_answer(model, Chat(_ASKED, max_tokens=4)), 20))

    assert asyncio.run(story())


def test_a_conversation_that_goes_on_finds_its_prompt_in_the_cache(model: Xllamacpp) -> None:
    """The library tells how many tokens it had to read; of a longer prompt only what is new."""
    read: list[int] = []
    first = [{"role": "system", "content": "You are brief. " * 20}, *_ASKED]
    grown = [*first, {"role": "assistant", "content": "Boil water."}, {"role": "user", "content": "And then?"}]
    for messages in (first, grown):
        body = model._body(Chat(messages, max_tokens=1))
        model._server.handle_chat_completions(body, lambda piece: read.extend(_read_tokens(piece)))
    assert read[1] < 30 < read[0]


def _read_tokens(piece: Any) -> list[int]:
    pieces = piece if isinstance(piece, list) else [piece]
    return [one["timings"]["prompt_n"] for one in pieces if "timings" in one]


def test_too_long_a_prompt_is_an_error_and_no_more(model: Xllamacpp) -> None:
    with pytest.raises(EngineError, match="context size"):
        asyncio.run(_answer(model, Chat([{"role": "user", "content": "word " * 3000}])))
    with pytest.raises(EngineError):
        asyncio.run(_answer(model, Chat([{"role": "user"}])))
    assert asyncio.run(_answer(model, Chat(_ASKED, max_tokens=1)))


def test_a_model_that_knows_no_tools_answers_without_them_unless_one_is_demanded(model: Xllamacpp) -> None:
    tools = [{"type": "function", "function": {"name": "kettle", "parameters": {"type": "object", "properties": {}}}}]
    assert not model.knows_tools
    assert _text(asyncio.run(_answer(model, Chat(_ASKED, max_tokens=8, tools=tools))))
    with pytest.raises(EngineError, match="knows no tools"):
        asyncio.run(_answer(model, Chat(_ASKED, tools=tools, tool_choice="required")))


def test_the_librarys_own_port_is_closed_to_others(model: Xllamacpp) -> None:
    request = urllib.request.Request(f"{model._server.listening_address}/v1/chat/completions", data=b"{}")
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()


def test_a_closed_engine_says_so() -> None:
    with engine("smollm2", "135m-q4", contextTokens=256, parallel=1) as loaded:
        loaded.close()
        with pytest.raises(EngineError, match="closed"):
            asyncio.run(_answer(loaded, Chat(_ASKED)))
