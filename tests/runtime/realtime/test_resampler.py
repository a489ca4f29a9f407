"""A stream resampled in chunks is the stream resampled at once: no seams, no drift, no aliases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.resampler import Resampler

RATES = [(24_000, 16_000), (8_000, 16_000), (16_000, 24_000), (22_050, 24_000), (24_000, 8_000), (22_050, 8_000)]
PAIRS = pytest.mark.parametrize("rates", RATES, ids=lambda rates: f"{rates[0]}-{rates[1]}")


def whole(samples: Samples, rates: tuple[int, int]) -> Samples:
    resampler = Resampler(*rates)
    return np.concatenate((resampler.feed(samples), resampler.flush()))


def sine(hertz: float, rate: int, seconds: float = 0.5) -> Samples:
    samples: Samples = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)
    return samples


def level(samples: Samples) -> float:
    """Loudness without the edges, in dB below a full sine."""
    middle = samples[len(samples) // 5 : -len(samples) // 5].astype(np.float64)
    return float(10 * np.log10(2 * np.mean(middle**2) + 1e-12))


@PAIRS
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_chunks_leave_no_seam(rates: tuple[int, int], data: st.DataObject) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, rates[0] // 4).astype(np.float32)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(noise)), max_size=20)))
    resampler = Resampler(*rates)
    parts = [resampler.feed(part) for part in np.split(noise, cuts)]
    np.testing.assert_allclose(np.concatenate([*parts, resampler.flush()]), whole(noise, rates), atol=1e-5)


@PAIRS
@given(length=st.integers(0, 5_000))
@settings(max_examples=30, deadline=None)
def test_the_length_is_that_of_the_time(rates: tuple[int, int], length: int) -> None:
    answer = whole(np.ones(length, np.float32), rates)
    assert len(answer) == -(-length * rates[1] // rates[0])


@PAIRS
def test_it_lags_behind_no_more_than_it_says(rates: tuple[int, int]) -> None:
    resampler = Resampler(*rates)
    fed = given_out = 0
    for _ in range(100):
        fed += rates[0] // 50
        given_out += len(resampler.feed(np.zeros(rates[0] // 50, np.float32)))
        assert 0 <= 1000 * (fed / rates[0] - given_out / rates[1]) <= resampler.delay_ms + 0.1
    assert resampler.delay_ms < 25


@PAIRS
@pytest.mark.parametrize("hertz", [100, 1_000, 3_000])
def test_a_tone_stays_what_and_when_it_was(rates: tuple[int, int], hertz: int) -> None:
    answer = whole(sine(hertz, rates[0]), rates)
    error = answer - sine(hertz, rates[1])[: len(answer)]
    assert level(error) < -70


@pytest.mark.parametrize(
    ("rates", "hertz"), [((24_000, 16_000), 9_000), ((24_000, 8_000), 5_000), ((22_050, 8_000), 6_000)]
)
def test_what_the_lower_rate_cannot_hold_is_gone(rates: tuple[int, int], hertz: int) -> None:
    assert level(whole(sine(hertz, rates[0]), rates)) < -60


@PAIRS
def test_a_constant_stays_constant(rates: tuple[int, int]) -> None:
    answer = whole(np.full(rates[0] // 10, 0.5, np.float32), rates)
    edge = len(answer) // 4
    np.testing.assert_allclose(answer[edge:-edge], 0.5, atol=1e-5)


def test_a_flush_begins_a_new_stream() -> None:
    resampler = Resampler(24_000, 16_000)
    noise = np.random.default_rng(2).uniform(-1, 1, 2_400).astype(np.float32)
    first = np.concatenate((resampler.feed(noise), resampler.flush()))
    second = np.concatenate((resampler.feed(noise), resampler.flush()))
    np.testing.assert_array_equal(first, second)


def test_huge_chunks_are_the_same_as_small_ones() -> None:
    noise = np.random.default_rng(3).uniform(-1, 1, 24_000).astype(np.float32)
    resampler = Resampler(24_000, 16_000)
    small = np.concatenate([*(resampler.feed(part) for part in np.split(noise, 50)), resampler.flush()])
    np.testing.assert_allclose(whole(noise, (24_000, 16_000)), small, atol=1e-5)


def test_the_same_rate_is_no_work() -> None:
    resampler = Resampler(24_000, 24_000)
    samples = sine(440, 24_000)
    assert resampler.feed(samples) is samples
    assert len(resampler.flush()) == 0
    assert resampler.delay_ms == 0


def test_rates_must_be_rates() -> None:
    with pytest.raises(ValueError, match="both must be above 0"):
        Resampler(0, 16_000)
