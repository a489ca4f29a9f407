from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from engine_models import engine
from spoken import SENTENCES, spoken, voiced

from antiphon_runtime.engines.protocols import HEARD_RATE, VAD_SAMPLES, EngineError, Samples
from antiphon_runtime.engines.silero import Silero, batched_graph

_SILENCE_SECONDS = 0.8


@pytest.fixture(scope="module")
def silero() -> Iterator[Silero]:
    with engine("silero-vad", "v6-fp32") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def voices() -> list[Samples]:
    """Each sentence between two silences."""
    silence = np.zeros(int(_SILENCE_SECONDS * HEARD_RATE), np.float32)
    with engine("hibari", "heart-int8") as voice:
        return [np.concatenate([silence, spoken(voice, text), silence]) for text in SENTENCES]


def _frames(samples: Samples) -> Samples:
    return samples[: len(samples) // VAD_SAMPLES * VAD_SAMPLES].reshape(-1, VAD_SAMPLES)


def _alone(silero: Silero, samples: Samples) -> list[float]:
    stream = silero.open()
    return [silero.step([(stream, frame)])[0] for frame in _frames(samples)]


def test_speech_is_found_where_it_begins_and_ends(silero: Silero, voices: list[Samples]) -> None:
    frame_seconds = VAD_SAMPLES / HEARD_RATE
    for samples in voices:
        begins, ends = voiced(samples)
        (speech,) = np.nonzero(np.array(_alone(silero, samples)) > 0.5)
        assert speech[0] * frame_seconds == pytest.approx(begins, abs=0.15)
        assert (speech[-1] + 1) * frame_seconds == pytest.approx(ends, abs=0.25)


def test_noise_is_no_speech(silero: Silero) -> None:
    noise = np.random.default_rng(0).standard_normal(2 * HEARD_RATE).astype(np.float32)
    assert max(_alone(silero, noise * np.float32(0.01))[5:]) < 0.5


def test_a_frame_is_judged_the_same_to_the_last_bit_whoever_else_is_in_the_batch(
    silero: Silero, voices: list[Samples]
) -> None:
    alone = [_alone(silero, samples) for samples in voices]
    streams = [silero.open() for _ in voices]
    together: list[list[float]] = [[] for _ in voices]
    for index in range(max(map(len, alone))):
        present = [at for at, samples in enumerate(voices) if index < len(_frames(samples))]
        order = present[:: -1 if index % 2 else 1]
        found = silero.step([(streams[at], _frames(voices[at])[index]) for at in order])
        for at, value in zip(order, found, strict=True):
            together[at].append(value)
    assert together == alone


@pytest.mark.parametrize("size", [2, 3, 5, 8, 17, 32, 64])
def test_any_size_of_batch_is_the_same_to_the_last_bit(silero: Silero, size: int) -> None:
    noise = np.random.default_rng(size).standard_normal((6, size, VAD_SAMPLES)).astype(np.float32) * np.float32(0.1)
    streams, twins = [silero.open() for _ in range(size)], [silero.open() for _ in range(size)]
    for frames in noise:
        together = silero.step(list(zip(streams, frames, strict=True)))
        assert together == [silero.step([(twin, frame)])[0] for twin, frame in zip(twins, frames, strict=True)]


def test_wrong_frames_are_refused(silero: Silero) -> None:
    with pytest.raises(EngineError, match="512 samples"):
        silero.step([(silero.open(), np.zeros(100, np.float32))])
    assert silero.step([]) == []


def test_another_graph_is_refused() -> None:
    with pytest.raises(ValueError, match="0 times"):
        batched_graph(b"another model")
