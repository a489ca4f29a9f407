from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from engine_models import engine

from antiphon_runtime.engines.piper import Piper
from antiphon_runtime.engines.protocols import EngineError, Sound, Speech

_SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def voice() -> Iterator[Piper]:
    with engine("piper", "joe-medium-fp32") as loaded:
        yield loaded


async def _speak(voice: Piper, speech: Speech) -> list[Sound]:
    return [sound async for sound in voice.speak(speech)]


def _ids(voice: Piper) -> set[int]:
    return {process._process.pid for process in [*voice._idle, *voice._busy]}


def test_it_speaks_sentence_by_sentence_with_the_same_processes(voice: Piper) -> None:
    before = _ids(voice)
    sounds = asyncio.run(_speak(voice, Speech(f"{_SENTENCE} Is it far?\n\nNo!")))
    assert len(sounds) == 3
    assert 1.5 < len(sounds[0].samples) / voice.sample_rate < 5
    assert float(np.abs(sounds[0].samples).max()) > 0.1
    assert _ids(voice) == before
    assert list(Path(voice._folder.name).iterdir()) == []


def test_closing_between_sentences_ends_it(voice: Piper) -> None:
    async def story() -> None:
        async with aclosing(voice.speak(Speech(_SENTENCE * 20))) as sounds:  # type: ignore[type-var]
            await anext(sounds)

    before = _ids(voice)
    asyncio.run(story())
    assert _ids(voice) == before


def test_a_cancelled_sentence_kills_its_process_and_the_next_is_spoken_by_another(voice: Piper) -> None:
    before = _ids(voice)

    async def story() -> list[Sound]:
        task = asyncio.create_task(_speak(voice, Speech(" ".join([_SENTENCE[:-1]] * 60))))
        while not voice._busy:
            await asyncio.sleep(0.001)  # a thread takes the process, which no event tells
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await _speak(voice, Speech(_SENTENCE))

    assert len(asyncio.run(story())) == 1
    assert len(before & _ids(voice)) == len(before) - 1
    assert len(_ids(voice)) == len(before)


def test_another_speed_takes_the_place_of_an_idle_process(voice: Piper) -> None:
    (usual,), (slow,) = (asyncio.run(_speak(voice, Speech(_SENTENCE, speed=speed))) for speed in (1.0, 0.6))
    assert len(slow.samples) > 1.3 * len(usual.samples)
    assert len(_ids(voice)) == voice.max_batch + 1


def test_closed_it_leaves_neither_process_nor_file() -> None:
    with engine("piper", "joe-medium-fp32") as loaded:
        folder, processes = Path(loaded._folder.name), [process._process for process in loaded._idle]
        loaded.close()
        assert not folder.exists()
        assert all(process.returncode is not None for process in processes)
        with pytest.raises(EngineError, match="closed"):
            asyncio.run(_speak(loaded, Speech(_SENTENCE)))
