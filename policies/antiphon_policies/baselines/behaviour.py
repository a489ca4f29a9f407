"""How fast a HorizontalPodAutoscaler follows what it would have: `spec.behavior`, with its documented defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Knobs of `spec.behavior`; the policies' `selectPolicy` is Max, and their period the same for all."""

    up_pods: int = 4
    """Pods that may be added in a period."""
    up_share: float = 1.0
    """Share of the pods that may be added in a period; the larger of both counts."""
    up_stabilization_seconds: float = 0.0
    down_share: float = 1.0
    """Share of the pods that may be removed in a period."""
    down_stabilization_seconds: float = 300.0
    period_seconds: float = 15.0


@dataclass(slots=True)
class Scale:
    """One scaled Deployment: what was recommended and changed of late."""

    behaviour: Behaviour
    _recommended: list[tuple[float, int]] = field(default_factory=list)
    _changes: list[tuple[float, int]] = field(default_factory=list)

    def follow(self, now: float, current: int, recommended: int, least: int, most: int) -> int:
        """Replicas from now on. Stabilization first, then the rate, then the bounds."""
        if not self._recommended:
            self._recommended.append((now, current))
        if current > most:
            wanted = most
        elif current < least:
            wanted = least
        else:
            wanted = self._limited(now, current, self._stabilized(now, current, recommended), least, most)
        if wanted != current:
            self._changes.append((now, wanted - current))
        return wanted

    def _stabilized(self, now: float, current: int, recommended: int) -> int:
        """Scaling down follows the highest recommendation of its window, scaling up the lowest of its own."""
        behaviour = self.behaviour
        longest = max(behaviour.up_stabilization_seconds, behaviour.down_stabilization_seconds)
        self._recommended = [(at, count) for at, count in self._recommended if at >= now - longest]
        up = recommended >= current
        window = behaviour.up_stabilization_seconds if up else behaviour.down_stabilization_seconds
        recent = [count for at, count in self._recommended if at > now - window]
        self._recommended.append((now, recommended))
        return min([recommended, *recent]) if up else max([recommended, *recent])

    def _limited(self, now: float, current: int, wanted: int, least: int, most: int) -> int:
        """Changes count where they are younger than the period, so that it is kept whatever the interval of looking."""
        behaviour = self.behaviour
        self._changes = [(at, change) for at, change in self._changes if at > now - behaviour.period_seconds]
        if wanted > current:
            started = current - sum(change for _, change in self._changes if change > 0)
            fastest = max(started + behaviour.up_pods, math.ceil(started * (1.0 + behaviour.up_share)))
            return min(wanted, most, max(current, fastest))
        if wanted < current:
            started = current - sum(change for _, change in self._changes if change < 0)
            fastest = math.floor(started * (1.0 - behaviour.down_share))
            return max(wanted, least, min(current, fastest))
        return wanted
