import math

import numpy as np
import pytest

from antiphon_policies.predicting.times import Times, added, quantile_ms, stage_times

MANY = 1e9


def batches(alpha_ms: float, calls_per_second: float, cap: int = 1, beta_ms: float = 0.0) -> Times:
    return stage_times(
        "batches",
        alpha_ms=alpha_ms, beta_ms=beta_ms, noise=0, cap=cap, calls_per_second=calls_per_second, sessions=MANY,
    )  # fmt: skip


def test_times_of_which_nothing_else_is_known_are_added() -> None:
    one, other = (Times(np.asarray(u), np.asarray(1.0), np.asarray(2.0), np.asarray(3.0)) for u in (0.1, 0.6))
    both = added([one, other])
    assert both.utilisation == 0.6
    assert [both.mean_ms, both.variance, both.third] == pytest.approx([2, 4, 6])


@pytest.mark.parametrize("calls_per_second", [10, 25, 40])
@pytest.mark.parametrize(("first_ms", "second_ms"), [(20, 10), (10, 20)])
def test_of_two_regular_servers_only_the_slower_has_a_queue(
    calls_per_second: float, first_ms: float, second_ms: float
) -> None:
    """A theorem of regular tandem queues: the order makes no difference, and all wait as long as at the slower alone."""
    both = added([batches(first_ms, calls_per_second), batches(second_ms, calls_per_second)])
    used = calls_per_second * 0.02
    assert both.mean_ms == pytest.approx(30 + 20 * used / (2 * (1 - used)), rel=0.02)


def test_what_comes_in_batches_is_computed_in_batches() -> None:
    """A quick stage that takes one at a time, behind batches of about ten: on average five others go first."""
    slow, quick = batches(400, 20, cap=32), batches(5, 20)
    assert slow.batching is not None
    came = float(slow.batching.size)
    assert added([slow, quick]).mean_ms == pytest.approx(float(slow.mean_ms) + 5 * (came + 1) / 2, rel=0.02)


def test_sizes_are_common_to_stages() -> None:
    """A large batch is slow in each of them, so that the spreads add up and not the variances."""
    one = batches(1, 20, cap=32, beta_ms=20)
    three = added([one, one, one])
    assert three.variance > 3 * one.batching.spread_ms**2 * 2.5  # type: ignore[union-attr]


def test_what_never_ends_stays_so() -> None:
    saturated, calm = batches(20, 60), batches(5, 60)
    for stages in ([saturated, calm], [calm, saturated], [calm, saturated, calm]):
        assert math.isinf(float(quantile_ms(added(stages), 95)))
    assert math.isfinite(float(quantile_ms(added([calm, calm]), 95)))


def test_stages_that_take_many_at_once_keep_their_wait_behind_a_full_one() -> None:
    """The later stage is slow but far from full: calls wait for the batch under way, not in a queue that the first one spares."""
    full, slow = batches(100, 8), batches(250, 8, cap=32)
    both = added([full, slow])
    assert both.mean_ms > float(full.mean_ms) + float(slow.mean_ms) - 0.4 * float(slow.waiting_ms)


def test_batches_that_vary_wait_for_one_another() -> None:
    """Of two stages alike the second has no queue if all batches take as long, but one if they vary."""
    even, uneven = (
        stage_times("batches", alpha_ms=100, beta_ms=0, noise=noise, cap=1, calls_per_second=8, sessions=MANY)
        for noise in (0.0, 0.3)
    )
    assert float(added([even, even]).mean_ms) < float(even.mean_ms) + 100 + 0.25 * float(even.waiting_ms)
    assert float(added([uneven, uneven]).mean_ms) > float(uneven.mean_ms) + 100 + 0.25 * float(even.waiting_ms)


@pytest.mark.parametrize("places", [1, 8])
def test_of_calls_that_come_one_by_one_only_a_single_place_is_spared(places: int) -> None:
    """Behind a stage that takes one at a time, and as long as the next place is busy."""
    first = batches(100, 8)
    place = stage_times(
        "streams",
        alpha_ms=100 * places, beta_ms=0, noise=0, cap=places, calls_per_second=8, sessions=MANY,
    )  # fmt: skip
    queue = float(added([first, place]).mean_ms) - 100 - 100 * places - float(first.waiting_ms)
    assert (queue < 0.25 * float(place.waiting_ms)) == (places == 1)


def test_a_step_is_as_late_wherever_it_comes() -> None:
    """What a stage in lockstep waits for is its own step before, so that no other queue makes it shorter."""
    step = stage_times(
        "lockstep",
        alpha_ms=60, beta_ms=1, noise=0.3, cap=64, calls_per_second=8, sessions=80, period_ms=100, duty_cycle=0.3,
    )  # fmt: skip
    full = batches(100, 8)
    assert added([full, step]).mean_ms == pytest.approx(float(full.mean_ms) + float(step.mean_ms))
