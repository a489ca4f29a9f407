"""How often pods are asked and how hard a tuning is pressed: each setting with its unit, default and reason."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Waits that double."""

    first_seconds: float
    most_seconds: float
    jitter: float = 0.3
    """Share by which a wait is made longer by chance, so that what failed together does not come back together."""

    def seconds(self, failures: int, chance: random.Random) -> float:
        """After so many failures in a row, at least one."""
        wait = self.first_seconds * 2.0 ** min(failures - 1, 30)
        return min(wait, self.most_seconds) * (1 + self.jitter * chance.random())


@dataclass(frozen=True)
class WatchSettings:
    """Of PodWatch."""

    interval_seconds: float = 5.0
    """Between two questions to a pod. As often as the control loop turns: it needs no fresher numbers, and no staler."""
    fast_seconds: float = 0.5
    """The same while a pod starts or applies a tuning: somebody waits for just that, and it is over soon."""
    most_at_once: int = 32
    """Questions under way. Pods that hang for the client's timeout must not keep the others waiting for long."""
    most_per_second: float = 400.0
    """Questions begun in a second. One takes about half a millisecond of this process; thousands of pods are asked
    less often instead of keeping reconciles from running."""
    stale_intervals: int = 3
    """After so many intervals without an answer a state counts as unknown. One lost answer is no news, three are."""
    sessions_every_seconds: float = 5.0
    """Least time between two changes told for an agent of which only session counts are new. They change all the
    time, and each change told may be a write to the API server."""
    silent: Backoff = Backoff(5.0, 40.0)
    """Waits for pods that do not answer: a node that is gone takes its timeout each time it is asked."""


@dataclass(frozen=True)
class DeliverySettings:
    """Of Deliveries."""

    most_at_once: int = 16
    """Tunings under way. A rollout to hundreds of pods takes a second or so, and leaves room for other work."""
    retry: Backoff = Backoff(0.5, 30.0)
    """Waits after a tuning that did not arrive: first at once, as an SLA may depend on it, then as seldom as bearable."""
    ahead_told: int = 3
    """How often a pod may say that it is ahead without ever being level with us. More often, and it is not believed:
    one broken pod must not drive the generation of its group up for ever."""
