from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import numpy as np
import pytest
from engine_models import engine
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.engines.hibari import Hibari, marks
from antiphon_runtime.engines.protocols import EngineError, Sound, Speech

_TEXT = "Hello there. My flight was delayed for three hours because of the heavy snow! Is it far?"


@pytest.fixture(scope="module")
def voice() -> Iterator[Hibari]:
    with engine("hibari", "heart-int8") as loaded:
        yield loaded


async def _speak(voice: Hibari, speech: Speech) -> list[Sound]:
    return [sound async for sound in voice.speak(speech)]


def test_it_speaks_sentence_by_sentence(voice: Hibari) -> None:
    sounds = asyncio.run(_speak(voice, Speech(_TEXT)))
    assert len(sounds) == 3
    assert all(0.3 < len(sound.samples) / voice.sample_rate < 8 for sound in sounds)
    assert all(0.05 < np.abs(sound.samples).max() <= 1.5 for sound in sounds)


def test_marks_cover_the_sound_without_a_gap(voice: Hibari) -> None:
    for sound in asyncio.run(_speak(voice, Speech(_TEXT))):
        assert sound.marks[0][1] == 0
        assert sound.marks[-1][2] == pytest.approx(len(sound.samples) / voice.sample_rate)
        assert [start for _, start, _ in sound.marks[1:]] == [end for _, _, end in sound.marks[:-1]]
        silence = sound.marks[0]
        assert silence[0] == "_"
        assert np.abs(sound.samples[: int(silence[2] * 0.75 * voice.sample_rate)]).max() < 0.02


def test_the_same_speech_is_the_same_to_the_last_bit(voice: Hibari) -> None:
    (first,), (second,) = (asyncio.run(_speak(voice, Speech("Hello there."))) for _ in range(2))
    assert np.array_equal(first.samples, second.samples)


def test_faster_is_shorter(voice: Hibari) -> None:
    slow, fast = (asyncio.run(_speak(voice, Speech("Hello there.", speed=speed)))[0] for speed in (0.8, 1.6))
    assert len(fast.samples) * 1.6 < len(slow.samples)


def test_closing_leaves_the_other_sentences_unspoken(voice: Hibari) -> None:
    said: list[str] = []
    (loaded,) = voice._voices.values()
    compute = voice._compute

    async def counted(function: object, *given: object) -> object:
        said.append(str(given[0]))
        return await compute(function, *given)  # type: ignore[arg-type]

    async def story() -> None:
        async with aclosing(voice.speak(Speech(_TEXT * 20))) as sounds:  # type: ignore[type-var]
            await anext(sounds)

    voice._compute = counted  # type: ignore[assignment, method-assign]
    try:
        asyncio.run(story())
    finally:
        voice._compute = compute  # type: ignore[method-assign]
    assert len(said) == 2  # the phonemes and the sound of the first sentence
    assert loaded.tells_durations


def test_voices_and_texts_that_are_none(voice: Hibari) -> None:
    with pytest.raises(EngineError, match="no voice 'nobody'; there are: heart"):
        asyncio.run(_speak(voice, Speech("Hello.", voice="nobody")))
    assert asyncio.run(_speak(voice, Speech("  "))) == []
    assert asyncio.run(_speak(voice, Speech("..."))) is not None


_SYMBOLS = st.lists(st.tuples(st.sampled_from("_abc\u02c8\u02cc\u02d0 ,"), st.integers(0, 9)), max_size=30)


@given(_SYMBOLS)
def test_marks_follow_one_another(symbols: list[tuple[str, int]]) -> None:
    found = marks([symbol for symbol, _ in symbols], [float(length) for _, length in symbols])
    assert [start for _, start, _ in found[1:]] == [end for _, _, end in found[:-1]]
    assert not {"\u02c8", "\u02cc"} & {symbol for symbol, _, _ in found}
