import numpy as np
import pytest

from antiphon_policies.predicting import grid
from antiphon_policies.predicting.batches import batch_times
from antiphon_policies.predicting.chain import BatchStage, solve

MANY = 1e12


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8, 0.95])
def test_one_at_a_time_is_the_queue_of_regular_service(rate: float) -> None:
    exact = solve(BatchStage(1.0, 1, 0.0), rate)
    wait = rate / (2 * (1 - rate))
    assert exact.mean == pytest.approx(1 + wait, rel=1e-4)
    assert exact.variance == pytest.approx(rate / (3 * (1 - rate)) + wait**2, rel=1e-3)


@pytest.mark.parametrize("noise", [0.1, 0.5, 1.0])
def test_one_at_a_time_waits_as_pollaczek_and_khinchine_say(noise: float) -> None:
    exact = solve(BatchStage(0.3, 1, noise), 0.7)
    assert exact.mean == pytest.approx(1 + 0.7 * (1 + noise**2) / (2 * 0.3), rel=3e-3)


def test_hardly_asked_it_takes_a_batch_of_one() -> None:
    exact = solve(BatchStage(0.2, 8, 0.2), 1e-6)
    assert exact.mean == pytest.approx(1, abs=1e-5)
    assert exact.variance == pytest.approx(0.04, rel=1e-3)
    assert exact.size == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("share", "cap", "noise", "used"), [(0.1, 4, 0.1, 0.6), (0.6, 8, 0.3, 0.8), (0.02, 32, 0.1, 0.3)]
)
def test_the_chain_agrees_with_events_one_by_one(share: float, cap: int, noise: float, used: float) -> None:
    stage = BatchStage(share, cap, noise)
    exact = solve(stage, used * stage.most)
    times, sizes = _one_by_one(stage, used * stage.most, 60_000, np.random.default_rng(3))
    assert exact.mean == pytest.approx(times.mean(), rel=0.03)
    assert exact.variance == pytest.approx(times.var(), rel=0.1)
    assert exact.size == pytest.approx(sizes.mean(), rel=0.03)


@pytest.mark.parametrize("point", [(3, 2, 1, 9), (10, 0, 0, 14), (1, 4, 2, 12), (6, 3, 2, 16), (0, 5, 0, 4)])
def test_the_table_holds_what_the_chain_gives(point: tuple[int, int, int, int]) -> None:
    share, cap, noise, load = point
    stage = grid.stage_at(share, cap, noise)
    rate = grid.load_at(load / (grid.LOADS - 1), stage.most)
    mean, spread, skewed, size, _ = grid.row_at(*point)
    found = _looked_up(stage, rate)
    assert found[:4] == pytest.approx((mean, spread**2, skewed**3, size), rel=2e-3)


@pytest.mark.parametrize("used", [0.15, 0.45, 0.75, 0.93])
@pytest.mark.parametrize(("share", "cap", "noise"), [(0.03, 6, 0.1), (0.12, 12, 0.2), (0.5, 3, 0.05), (0.8, 24, 0.15)])
def test_between_the_points_the_table_is_near(share: float, cap: int, noise: float, used: float) -> None:
    stage = BatchStage(share, cap, noise)
    exact = solve(stage, used * stage.most)
    mean, variance, _, _ = _looked_up(stage, used * stage.most)
    assert mean == pytest.approx(exact.mean, rel=0.05)
    assert np.sqrt(variance) == pytest.approx(np.sqrt(exact.variance), rel=0.1)


@pytest.mark.parametrize("part", [0.1, 0.4, 0.8])
@pytest.mark.parametrize(("share", "cap", "noise"), [(0.05, 8, 0.1), (0.2, 16, 0.2), (0.5, 1, 0.05)])
def test_hardly_asked_the_spread_grows_as_the_root_of_the_load(
    part: float, share: float, cap: int, noise: float
) -> None:
    stage = BatchStage(share, cap, noise)
    rate = part * grid.load_at(1 / (grid.LOADS - 1), stage.most)
    exact = solve(stage, rate)
    _, variance, _, _ = _looked_up(stage, rate)
    assert np.sqrt(variance) == pytest.approx(np.sqrt(exact.variance), rel=0.08)


def _looked_up(stage: BatchStage, rate: float) -> tuple[float, float, float, float]:
    figures = (1 - stage.share, stage.share, stage.noise, MANY, rate, float(stage.cap))
    times = batch_times(*(np.asarray(figure) for figure in figures))
    assert times.batching is not None
    return float(times.mean_ms), float(times.variance), float(times.third), float(times.batching.size)


def _one_by_one(stage: BatchStage, rate: float, calls: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    came = np.cumsum(rng.exponential(1 / rate, calls))
    spread = np.sqrt(np.log1p(stage.noise**2))
    factors = rng.lognormal(-(spread**2) / 2, spread, calls)
    times, sizes, now, first = np.zeros(calls), np.zeros(calls), 0.0, 0
    while first < calls:
        now = max(now, came[first])
        after = min(int(np.searchsorted(came, now, side="right")), first + stage.cap)
        now += stage.service(after - first) * factors[first]
        times[first:after], sizes[first:after] = now - came[first:after], after - first
        first = after
    return times, sizes
