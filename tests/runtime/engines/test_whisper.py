from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_models import engine, variant
from spoken import SENTENCES, spoken, voiced, word_errors, words

from antiphon_runtime.engines.protocols import HEARD_RATE, EngineError, Samples, Utterance
from antiphon_runtime.engines.registry import create
from antiphon_runtime.engines.whisper import Whisper


@pytest.fixture(scope="module")
def voices() -> list[Samples]:
    with engine("hibari", "heart-int8") as voice:
        return [spoken(voice, text) for text in SENTENCES]


@pytest.fixture(scope="module")
def tiny() -> Iterator[Whisper]:
    with engine("whisper-cpu", "tiny.en-int8", maxBatch=4) as loaded:
        yield loaded


def _errors(whisper: Whisper, voices: list[Samples]) -> float:
    heard = [whisper.transcribe([Utterance(samples)])[0].text for samples in voices]
    wrong = sum(map(word_errors, SENTENCES, heard))
    return wrong / sum(len(words(text)) for text in SENTENCES)


def test_tiny_understands_synthesised_speech(tiny: Whisper, voices: list[Samples]) -> None:
    assert _errors(tiny, voices) < 0.1


@pytest.mark.parametrize("name", ["base-int8", "base-fp32"])
def test_base_understands_synthesised_speech(name: str, voices: list[Samples]) -> None:
    with engine("whisper-cpu", name) as base:
        assert _errors(base, voices) < 0.1


def test_a_batch_hears_what_one_by_one_hears(tiny: Whisper, voices: list[Samples]) -> None:
    alone = [tiny.transcribe([Utterance(samples)])[0].text for samples in voices]
    assert [found.text for found in tiny.transcribe([Utterance(samples) for samples in voices])] == alone


def test_a_batch_may_mix_what_is_wanted(tiny: Whisper, voices: list[Samples]) -> None:
    mixed = [
        Utterance(voices[0], beam_size=5),
        Utterance(voices[1], words=True),
        Utterance(voices[0], final=False),
        Utterance(np.concatenate(voices[:4]), prompt="A conversation."),
    ]
    beam, timed, partial, longer = tiny.transcribe(mixed)
    assert beam.text == partial.text == SENTENCES[0]
    assert timed.words
    assert not beam.words
    assert word_errors(" ".join(SENTENCES[:4]), longer.text) <= 3


def test_times_of_words_lie_in_the_speech_and_in_order(tiny: Whisper, voices: list[Samples]) -> None:
    (found,) = tiny.transcribe([Utterance(voices[1], words=True)])
    _, ends = voiced(voices[1])
    times = [time for word in found.words for time in (word.start_seconds, word.end_seconds)]
    assert " ".join(word.text for word in found.words) == found.text
    assert times == sorted(times)
    assert ends - 0.2 < times[-1] <= len(voices[1]) / HEARD_RATE + 0.2


def test_audio_longer_than_a_window_is_heard_whole(tiny: Whisper, voices: list[Samples]) -> None:
    (found,) = tiny.transcribe([Utterance(np.concatenate(voices * 2), words=True)])
    said = " ".join(SENTENCES * 2)
    assert word_errors(said, found.text) / len(words(said)) < 0.1
    assert found.words[-1].end_seconds == pytest.approx(sum(map(len, voices)) * 2 / HEARD_RATE, abs=1)


@pytest.mark.parametrize("samples", [0, 100, 700, 2 * HEARD_RATE])
def test_in_silence_nothing_is_said(tiny: Whisper, samples: int) -> None:
    (found,) = tiny.transcribe([Utterance(np.zeros(samples, np.float32))])
    assert found.text == ""
    assert found.no_speech_probability is not None


def test_what_loops_in_a_short_window_is_heard_again_in_the_full_one(voices: list[Samples]) -> None:
    """A window of 5 s is too short for this model: final utterances are mended, partial ones are left as they are."""
    with engine("whisper-cpu", "tiny.en-int8", windowSeconds=5) as short:
        texts = [Utterance(samples) for samples in voices]
        mended = sum(map(word_errors, SENTENCES, (found.text for found in short.transcribe(texts))))
        partial = [replace(text, final=False) for text in texts]
        left = sum(map(word_errors, SENTENCES, (found.text for found in short.transcribe(partial))))
    assert mended < left
    assert mended / sum(len(words(text)) for text in SENTENCES) < 0.1


def test_a_language_that_is_not_given_is_detected(voices: list[Samples]) -> None:
    with engine("whisper-cpu", "base-int8") as base:
        (found,) = base.transcribe([Utterance(np.concatenate(voices), language="")])
        assert found.language == "en"
        with pytest.raises(EngineError, match="language 'xx'"):
            base.transcribe([Utterance(voices[0], language="xx")])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    stage, whisper = variant("whisper-cpu", "tiny.en-int8")
    with pytest.raises(EngineError, match=r"needs model\.bin in"):
        create(stage, whisper, tmp_path, threads=1)
