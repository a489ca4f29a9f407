"""What can be kept at the new rate is kept; what can't be is gone, and does not come back as an alias."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_operator.talking.resampling import resampled

LOUD = 10_000
RATES = [8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000]


def tone(hertz: float, rate: int, seconds: float = 0.25) -> list[int]:
    return [round(LOUD * math.sin(2 * math.pi * hertz * n / rate)) for n in range(round(seconds * rate))]


def loudness(samples: Sequence[int]) -> float:
    """Without the edges, where the sound begins and ends at once."""
    inner = np.asarray(samples, float)[len(samples) // 5 : -len(samples) // 5]
    return float(np.sqrt(np.mean(inner**2)))


def loudest_hertz(samples: Sequence[int], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(np.asarray(samples, float) * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [200, 1000, 3000])
def test_a_tone_stays_as_high_and_as_loud(rate: int, hertz: int) -> None:
    heard = resampled(tone(hertz, rate), rate, 24_000)
    assert loudest_hertz(heard, 24_000) == pytest.approx(hertz, abs=8)
    assert loudness(heard) == pytest.approx(LOUD / math.sqrt(2), rel=0.01)


@pytest.mark.parametrize(("rate", "hertz"), [(48_000, 13_500), (48_000, 18_000), (44_100, 15_000), (96_000, 30_000)])
def test_what_is_too_high_is_60_db_down(rate: int, hertz: int) -> None:
    assert loudness(resampled(tone(hertz, rate), rate, 24_000)) < LOUD / math.sqrt(2) / 1000


@pytest.mark.parametrize("hertz", [500, 3000])
def test_no_mirror_image_appears_above_the_old_band(hertz: int) -> None:
    heard = np.asarray(resampled(tone(hertz, 8000), 8000, 24_000), float)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    above = spectrum[int(len(spectrum) * 4400 / 12_000) :]
    assert above.max() < spectrum.max() / 1000


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-32768, 32767), max_size=300),
    st.integers(1_000, 100_000),
    st.integers(1_000, 100_000),
)
def test_any_rates_keep_length_and_bounds(samples: list[int], rate: int, wanted: int) -> None:
    given_back = resampled(samples, rate, wanted)
    assert len(given_back) == -(-len(samples) * wanted // rate)
    assert all(-32768 <= sample <= 32767 for sample in given_back)


@settings(max_examples=20, deadline=None)
@given(st.integers(-20_000, 20_000), st.sampled_from(RATES))
def test_a_constant_stays_what_it_is(level: int, rate: int) -> None:
    heard = resampled([level] * 600, rate, 24_000)
    assert abs(heard[len(heard) // 2] - level) <= 1


def test_the_same_rate_changes_nothing() -> None:
    assert list(resampled([1, -2, 3], 24_000, 24_000)) == [1, -2, 3]


def test_rates_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        resampled([1], 0, 24_000)
