from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import numpy as np
import pytest
from engine_models import engine

from antiphon_runtime.engines.espeak import Espeak
from antiphon_runtime.engines.protocols import EngineError, Sound, Speech

_LONG = "The quick brown fox jumps over the lazy dog. " * 40


@pytest.fixture(scope="module")
def voice() -> Iterator[Espeak]:
    with engine("espeak", "rules") as loaded:
        yield loaded


async def _speak(voice: Espeak, speech: Speech) -> list[Sound]:
    return [sound async for sound in voice.speak(speech)]


def _seconds(voice: Espeak, sounds: list[Sound]) -> float:
    return sum(len(sound.samples) for sound in sounds) / voice.sample_rate


def test_it_speaks_in_pieces(voice: Espeak) -> None:
    sounds = asyncio.run(_speak(voice, Speech("The quick brown fox jumps over the lazy dog.")))
    assert 1.5 < _seconds(voice, sounds) < 5
    assert len(sounds) > 5
    assert max(float(np.abs(sound.samples).max()) for sound in sounds) > 0.1


def test_text_is_never_an_option_of_the_program(voice: Espeak) -> None:
    assert _seconds(voice, asyncio.run(_speak(voice, Speech("--voices --version -h")))) > 0.5


def test_faster_is_shorter_and_other_voices_differ(voice: Espeak) -> None:
    def said(speech: Speech) -> float:
        return _seconds(voice, asyncio.run(_speak(voice, speech)))

    assert said(Speech("Good morning.", speed=2)) < 0.8 * said(Speech("Good morning."))
    assert said(Speech("Guten Morgen.", voice="de")) > 0.3
    with pytest.raises(EngineError, match="no voice 'nobody'"):
        said(Speech("Hello.", voice="nobody"))


def test_closing_kills_the_process(voice: Espeak) -> None:
    async def story() -> int | None:
        async with aclosing(voice.speak(Speech(_LONG))) as sounds:  # type: ignore[type-var]
            await anext(sounds)
            (process,) = voice._running
        return process.returncode

    assert asyncio.run(story()) == -9
    assert not voice._running
