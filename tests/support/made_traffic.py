"""Traffic made for tests: callers that come by chance at a changing rate and stay for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from antiphon_policies.forecasting.forecast import Forecast, forecast
from antiphon_policies.forecasting.history import History


@dataclass(frozen=True)
class MadeTraffic:
    """Sessions and arrivals, every 5 s."""

    times: list[float]
    sessions: list[int]
    arrivals_per_second: list[float]


def made_traffic(
    rate: Callable[[float], float], holding_seconds: float, seconds: float, seed: int, start: float = 1.7e9
) -> MadeTraffic:
    """`rate(t)`: arrivals a second, t seconds after the start. It begins with as many sessions as its first rate keeps."""
    rng = np.random.default_rng(seed)
    present = int(rng.poisson(rate(0.0) * holding_seconds))
    stays = 1 - np.exp(-5.0 / holding_seconds)
    times: list[float] = []
    sessions: list[int] = []
    arrivals: list[float] = []
    last: list[int] = []
    for step in range(int(seconds / 5)):
        come = int(rng.poisson(rate(step * 5.0) * 5.0))
        present += come - int(rng.binomial(present, stays))
        last = [*last[-11:], come]
        times.append(start + step * 5.0)
        sessions.append(present)
        arrivals.append(sum(last) / (5.0 * len(last)))
    return MadeTraffic(times, sessions, arrivals)


@dataclass(frozen=True)
class Backtest:
    """Forecasts held against what came."""

    covered: float
    """Share that did not exceed the upper forecast."""
    error: float
    """Root of the mean square of the expected ones' misses."""
    naive_error: float
    """The same of saying that nothing changes."""
    margin: float
    """By how much the upper forecast lay above what came, on average, in sessions."""


def backtest(traffic: MadeTraffic, ahead_seconds: float, *, after: float, every: int = 12) -> Backtest:
    """From `after` seconds on, at every so many samples."""
    history, steps = History(), round(ahead_seconds / 5)
    told: list[tuple[Forecast, int, int]] = []
    for index, at in enumerate(traffic.times[:-steps]):
        history.add(at, traffic.sessions[index], traffic.arrivals_per_second[index])
        if index % every == 0 and at - traffic.times[0] >= after:
            found = forecast(history, at, ahead_seconds)
            assert found is not None
            told.append((found, traffic.sessions[index], traffic.sessions[index + steps]))
    came = np.array([later for _, _, later in told], dtype=float)
    return Backtest(
        float(np.mean([found.upper >= later for found, _, later in told])),
        float(np.sqrt(np.mean((np.array([found.expected for found, _, _ in told]) - came) ** 2))),
        float(np.sqrt(np.mean((np.array([now for _, now, _ in told]) - came) ** 2))),
        float(np.mean(np.array([found.upper for found, _, _ in told]) - came)),
    )
