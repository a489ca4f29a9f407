from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from engine_models import engine
from spoken import SENTENCES, resampled, spoken

from antiphon_runtime.engines.ge2e import Ge2e
from antiphon_runtime.engines.protocols import HEARD_RATE, EngineError, Samples


@pytest.fixture(scope="module")
def encoder() -> Iterator[Ge2e]:
    with engine("ge2e", "fp32") as loaded:
        yield loaded


@pytest.fixture(scope="module")
def voices() -> tuple[list[Samples], list[Samples]]:
    """Two voices: one as it is, and one that is a third lower, as of a larger throat."""
    with engine("hibari", "heart-int8") as voice:
        one = [spoken(voice, text) for text in SENTENCES]
    return one, [resampled(samples, 2, 3) for samples in one]


def test_one_voice_is_nearer_to_itself_than_to_another(
    encoder: Ge2e, voices: tuple[list[Samples], list[Samples]]
) -> None:
    one, other = (encoder.embed(stretches) for stretches in voices)
    same = [first @ second for group in (one, other) for first, second in combinations(group, 2)]
    different = [first @ second for first in one for second in other]
    assert min(same) > 0.7
    assert max(different) < min(same)


def test_directions_are_unit_vectors_and_the_same_alone_as_in_a_batch(
    encoder: Ge2e, voices: tuple[list[Samples], list[Samples]]
) -> None:
    together = encoder.embed(voices[0])
    for stretch, direction in zip(voices[0], together, strict=True):
        assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5)
        assert encoder.embed([stretch])[0] == pytest.approx(direction, abs=1e-5)


def test_quiet_speech_is_the_same_speaker(encoder: Ge2e, voices: tuple[list[Samples], list[Samples]]) -> None:
    loud, quiet = encoder.embed([voices[0][0], voices[0][0] * np.float32(0.01)])
    assert loud @ quiet > 0.95


@pytest.mark.parametrize("samples", [0, 1, 300, HEARD_RATE])
def test_short_and_silent_stretches_have_a_direction(encoder: Ge2e, samples: int) -> None:
    (direction,) = encoder.embed([np.zeros(samples, np.float32)])
    assert direction.shape == (256,)
    assert np.isfinite(direction).all()


def test_nothing_in_nothing_out_and_a_closed_one_says_so(encoder: Ge2e) -> None:
    assert encoder.embed([]) == []
    with engine("ge2e", "fp32") as closed:
        closed.close()
        with pytest.raises(EngineError, match="closed"):
            closed.embed([np.zeros(HEARD_RATE, np.float32)])


def test_two_synthetic_voices_are_told_apart(encoder: Ge2e, voices: tuple[list[Samples], list[Samples]]) -> None:
    with engine("piper", "joe-medium-fp32") as joe:
        other = encoder.embed([spoken(joe, text) for text in SENTENCES[:3]])
    one = encoder.embed(voices[0][:3])
    assert min(first @ second for first, second in combinations(one, 2)) > 0.75
    assert max(first @ second for first in one for second in other) < 0.65
