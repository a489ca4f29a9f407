"""A stage that other pods run: their HTTP API, asked by the engine that such stages have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from http_api_world import serving, tone

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Memory, Variant
from antiphon_runtime.engines import openai
from antiphon_runtime.engines.protocols import Chat, Speech, Utterance


@asynccontextmanager
async def _remote(stage: Stage) -> AsyncIterator[Any]:
    async with serving(options={"llm": {"instructions": "Be brief."}}) as url:
        options = {"model": f"{stage}-model"}
        variant = Variant(name="remote", engine="openai", url=url, memory=Memory(host="1Mi"), options=options)
        engine = await asyncio.to_thread(openai.create, stage, variant, Path(), threads=1)
        await asyncio.to_thread(engine.warm_up)
        try:
            yield engine
        finally:
            await asyncio.to_thread(engine.close)


def test_another_pod_hears_with_times_of_words() -> None:
    async def story() -> None:
        async with _remote("asr") as engine:
            asked = [Utterance(tone(1.0), words=True), Utterance(tone(2.0), language="")]
            with_words, plain = await asyncio.to_thread(engine.transcribe, asked)
        assert with_words.text == plain.text == "This transcript is emulated."
        assert [word.text for word in with_words.words] == with_words.text.split()
        assert with_words.words[-1].end_seconds == 1.0

    asyncio.run(story())


def test_another_pod_answers_without_instructions_of_its_own() -> None:
    async def story() -> None:
        async with _remote("llm") as engine:
            tokens = [token async for token in engine.answer(Chat([{"role": "user", "content": "Hello you"}]))]
        assert "".join(token.text for token in tokens) == "This answer is emulated. No model has made it."
        assert (tokens[-1].prompt_tokens, tokens[-1].completion_tokens, tokens[-1].finish) == (2, 9, "stop")

    asyncio.run(story())


def test_another_pod_speaks() -> None:
    async def story() -> float:
        async with _remote("tts") as engine:
            sounds = [sound.samples async for sound in engine.speak(Speech("Hello there."))]
            return sum(map(len, sounds)) / float(engine.sample_rate)

    assert 0.7 < asyncio.run(story()) < 0.9
