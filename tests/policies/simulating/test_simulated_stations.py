"""Stages of one replica: waiting times as queueing theory has them, and batches as the runtime forms them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.facts import Service, VariantFacts
from antiphon_policies.simulating.clockwork import Clockwork
from antiphon_policies.simulating.devices import Beat, Device, Lockstep, SharedBatches, SharedLockstep, SharedStreams
from antiphon_policies.simulating.speeds import Speed
from antiphon_policies.simulating.stations import Batches, Station, Streams

CALLS = 40_000
Factors = Callable[[], float]


def a_speed(service: Service, most: int = 1024, factor: Factors | None = None, seed: int = 1) -> Speed:
    speed = Speed("asr", VariantFacts("v", service, max_batch=most), service, np.random.default_rng(seed))
    if factor is not None:
        speed.factor = factor
    return speed


def ask_at_random(station: Station, per_second: float, calls: int, seed: int = 2) -> None:
    """Poisson."""
    gaps = np.random.default_rng(seed).exponential(1 / per_second, calls)
    for when in np.cumsum(gaps).tolist():
        station.clock.at(when, station.ask)
    station.clock.run_until(math.inf)


def assert_within_sampling_error(speed: Speed, expected_wait: float, blocks: int = 40) -> None:
    """Four standard errors, as the means of long blocks tell them."""
    waits = np.array(speed.asked) - np.array(speed.took)
    means = waits[: len(waits) // blocks * blocks].reshape(blocks, -1).mean(axis=1)
    error = float(means.std(ddof=1)) / math.sqrt(blocks)
    assert error < 0.1 * expected_wait
    assert waits.mean() == pytest.approx(expected_wait, abs=4 * error)
    assert speed.waited == pytest.approx(waits.sum())


def ask_at(station: Station, *times: float) -> None:
    for when in times:
        station.clock.at(when, station.ask)
    station.clock.run_until(math.inf)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.75])
def test_one_at_a_time_waits_as_in_m_d_1(load: float) -> None:
    speed = a_speed(Service(100.0, 0.0, noise=0.0))
    ask_at_random(Batches("asr", True, Clockwork(), speed, 1), load / 0.1, CALLS)
    assert_within_sampling_error(speed, load * 0.1 / (2 * (1 - load)))


def test_noise_lengthens_waiting_as_in_m_g_1() -> None:
    speed = a_speed(Service(100.0, 0.0, noise=0.8))
    ask_at_random(Batches("asr", True, Clockwork(), speed, 1), 6.0, CALLS)
    assert_within_sampling_error(speed, 0.6 * 0.1 * (1 + 0.8**2) / (2 * 0.4))
    assert np.mean(speed.took) == pytest.approx(0.1, rel=0.02)
    assert np.std(speed.took) == pytest.approx(0.08, rel=0.05)


@pytest.mark.parametrize(("places", "load"), [(1, 0.6), (3, 0.7), (8, 0.8)])
def test_streams_wait_as_in_m_m_c(places: int, load: float) -> None:
    exponential = np.random.default_rng(3).exponential
    speed = a_speed(Service(100.0, 0.0), factor=lambda: float(exponential()))
    ask_at_random(Streams("llm", True, Clockwork(), speed, places), places * load / 0.1, CALLS)
    assert_within_sampling_error(speed, erlang_c_wait(places, load, 0.1))


def erlang_c_wait(places: int, load: float, service: float) -> float:
    offered = places * load
    blocked = offered**places / math.factorial(places) / (1 - load)
    chance = blocked / (sum(offered**k / math.factorial(k) for k in range(places)) + blocked)
    return chance * service / (places * (1 - load))


def test_the_rest_of_a_stream_keeps_its_place_and_delays_nobody_who_has_one() -> None:
    speed = a_speed(Service(100.0, 0.0, noise=0.0, rest_alpha_ms=900.0))
    ask_at(Streams("llm", True, Clockwork(), speed, 2), 0.0, 0.0, 0.0)
    assert speed.asked == pytest.approx([0.1, 0.1, 1.1])


def test_streams_slow_each_other() -> None:
    speed = a_speed(Service(100.0, 50.0, noise=0.0))
    ask_at(Streams("llm", True, Clockwork(), speed, 8), 0.0, 0.01, 0.02)
    assert speed.sizes == [1, 2, 3]
    assert speed.took == pytest.approx([0.15, 0.2, 0.25])


def test_a_batch_is_what_waited_when_the_last_one_ended() -> None:
    speed = a_speed(Service(100.0, 10.0, noise=0.0))
    ask_at(Batches("asr", True, Clockwork(), speed, 3), 0.0, 0.02, 0.04, 0.06, 0.08)
    assert speed.sizes == [1, 3, 1]
    assert speed.asked == pytest.approx([0.11, 0.22, 0.20, 0.18, 0.27])
    assert speed.waited == pytest.approx(0.09 + 0.07 + 0.05 + 0.16)


@settings(max_examples=40, deadline=None)
@given(
    cap=st.integers(1, 12),
    most=st.integers(1, 12),
    times=st.lists(st.floats(0, 3), min_size=1, max_size=80),
    streams=st.booleans(),
)
def test_no_batch_exceeds_its_cap_and_every_call_is_answered(
    cap: int, most: int, times: list[float], streams: bool
) -> None:
    speed = a_speed(Service(60.0, 10.0, noise=0.4, rest_alpha_ms=30.0), most)
    station = (Streams if streams else Batches)("asr", True, Clockwork(), speed, cap)
    ask_at(station, *times)
    assert max(speed.sizes) <= min(cap, most)
    assert len(speed.asked) == len(times)
    assert min(speed.asked) >= 0
    assert station.waiting == 0
    assert streams or sum(speed.sizes) == len(times)


def test_a_smaller_cap_holds_from_the_next_batch_on() -> None:
    speed = a_speed(Service(100.0, 0.0, noise=0.0))
    station = Batches("asr", True, Clockwork(), speed, 8)
    station.clock.at(0.05, lambda now, _: station.tune(now, 2))
    ask_at(station, 0.0, *(0.01 * k for k in range(1, 5)))
    assert speed.sizes == [1, 2, 2]


def test_another_variant_serves_from_the_next_batch_on() -> None:
    slow, quick = a_speed(Service(100.0, 0.0, noise=0.0)), a_speed(Service(10.0, 0.0, noise=0.0), most=2)
    station = Batches("asr", True, Clockwork(), slow, 8)
    station.clock.at(0.05, station.use, quick)
    ask_at(station, 0.0, 0.01, 0.02, 0.03)
    assert (slow.sizes, quick.sizes) == ([1], [2, 1])
    assert quick.asked == pytest.approx([0.1, 0.09, 0.09])


def test_more_places_are_taken_at_once() -> None:
    speed = a_speed(Service(1000.0, 0.0, noise=0.0))
    station = Streams("llm", True, Clockwork(), speed, 1)
    station.clock.at(0.5, lambda now, _: station.tune(now, 3))
    ask_at(station, 0.0, 0.1, 0.2)
    assert speed.asked == pytest.approx([1.0, 1.4, 1.3])


def test_stages_on_one_device_take_turns_by_who_asked_first() -> None:
    device, clock = Device(), Clockwork()
    speeds = [a_speed(Service(100.0, 0.0, noise=0.0)) for _ in range(2)]
    asr = SharedBatches("asr", True, clock, speeds[0], 8, device)
    llm = SharedStreams("llm", True, clock, speeds[1], 8, device)
    for when, station in ((0.0, asr), (0.01, llm), (0.02, asr), (0.03, llm)):
        clock.at(when, station.ask)
    clock.run_until(math.inf)
    assert speeds[0].asked == pytest.approx([0.1, 0.28])
    assert speeds[1].asked == pytest.approx([0.19, 0.37])


def test_alone_on_a_shared_device_is_as_on_its_own() -> None:
    alone, shared = (a_speed(Service(100.0, 5.0, noise=0.0)) for _ in range(2))
    ask_at_random(Batches("asr", True, Clockwork(), alone, 4), 12.0, 2000)
    ask_at_random(SharedBatches("asr", True, Clockwork(), shared, 4, Device()), 12.0, 2000)
    assert shared.asked == pytest.approx(alone.asked)


def a_beat(sessions: int, duty: float = 1.0) -> Beat:
    return Beat(0.08, duty, lambda: sessions, np.random.default_rng(5))


def test_lockstep_steps_once_a_period_with_the_sessions_that_are_active() -> None:
    speed = a_speed(Service(10.0, 1.0, noise=0.0))
    station = Lockstep("speech", True, Clockwork(), speed, 64, a_beat(40, 0.3))
    station.begin(0.0)
    station.clock.run_until(80.0)
    assert len(speed.took) == pytest.approx(1000, abs=2)
    assert np.mean(speed.sizes) == pytest.approx(12, rel=0.03)
    station.ask(80.0, None)
    assert 0.01 < speed.asked[0] < 0.05


def test_lockstep_that_does_not_keep_up_falls_behind() -> None:
    speed = a_speed(Service(10.0, 10.0, noise=0.0))
    station = Lockstep("speech", True, Clockwork(), speed, 64, a_beat(8))
    station.begin(0.0)
    station.clock.run_until(8.0)
    station.ask(8.0, None)
    assert speed.asked[0] == pytest.approx(0.09 + 0.01 * 99, rel=0.05)


def test_lockstep_without_sessions_computes_nothing() -> None:
    speed = a_speed(Service(10.0, 1.0))
    station = Lockstep("speech", True, Clockwork(), speed, 64, a_beat(0))
    station.begin(0.0)
    station.clock.run_until(8.0)
    assert speed.took == []


def test_steps_on_a_shared_device_wait_for_a_batch() -> None:
    device, clock = Device(), Clockwork()
    video, asr = a_speed(Service(10.0, 0.0, noise=0.0)), a_speed(Service(60.0, 0.0, noise=0.0))
    lockstep = SharedLockstep("lipsync", False, clock, video, 64, a_beat(1), device)
    batches = SharedBatches("asr", True, clock, asr, 1, device)
    lockstep.begin(0.0)
    ask_beat = [0.16 * k for k in range(50)]
    for when in ask_beat:
        clock.at(when, batches.ask)
    clock.run_until(8.0)
    assert len(video.took) == pytest.approx(100, abs=2)
    assert max(asr.asked) == pytest.approx(0.06, abs=0.0101)


def test_nothing_of_a_dead_station_goes_on() -> None:
    speed = a_speed(Service(100.0, 0.0, noise=0.0))
    station = Batches("asr", True, Clockwork(), speed, 1)
    station.clock.at(0.05, lambda _, station: setattr(station, "dead", True), station)
    ask_at(station, 0.0, 0.01)
    assert speed.sizes == [1]
