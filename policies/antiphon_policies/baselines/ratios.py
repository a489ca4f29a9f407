"""How Kubernetes' HorizontalPodAutoscaler (autoscaling/v2) turns a metric into a number of replicas.

After its documentation ("Algorithm details") and its replica calculator; each function is one type of target.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TOLERANCE = 0.1
"""`--horizontal-pod-autoscaler-tolerance`: a ratio within 1 +- this changes nothing."""


@dataclass(frozen=True, slots=True)
class PodMetric:
    """One pod that is not being deleted."""

    ready: bool
    value: float | None
    """None: the pod has no metric."""


def replicas_for_pods(
    pods: Sequence[PodMetric], current: int, target: float, tolerance: float = TOLERANCE
) -> int | None:
    """For a metric of each pod, such as GPU utilisation. None: no ready pod has a metric, so nothing is done.

    Pods that are not ready are set aside, and pods without a metric too. When that would scale up, both count as using
    nothing; when it would scale down, pods without a metric count as using the whole target. Where this turns the
    direction around, or brings the ratio within the tolerance, nothing is done.
    """
    heard = [pod.value for pod in pods if pod.ready and pod.value is not None]
    if not heard:
        return None
    missing = sum(pod.ready and pod.value is None for pod in pods)
    unready = sum(not pod.ready for pod in pods)
    ratio = sum(heard) / len(heard) / target
    aside_counts = ratio > 1.0 and unready > 0
    if not missing and not aside_counts:
        return current if within(ratio, tolerance) else math.ceil(_even(ratio * len(heard)))
    filled = [*heard, *([target if ratio < 1.0 else 0.0] * missing), *([0.0] * unready if aside_counts else [])]
    return _after_filling(ratio, filled, current, target, tolerance)


def _after_filling(ratio: float, filled: list[float], current: int, target: float, tolerance: float) -> int:
    again = sum(filled) / len(filled) / target
    if within(again, tolerance) or (ratio < 1.0) != (again < 1.0):
        return current
    wanted = math.ceil(_even(again * len(filled)))
    reverses = (again < 1.0 and wanted > current) or (again > 1.0 and wanted < current)
    return current if reverses else wanted


def replicas_for_value(ready: int, current: int, value: float, target: float, tolerance: float = TOLERANCE) -> int:
    """For one figure of the whole, held against the target as it is (type Value). It scales the ready pods."""
    ratio = value / target
    return current if within(ratio, tolerance) else math.ceil(_even(ratio * ready))


def replicas_for_average(current: int, total: float, target: float, tolerance: float = TOLERANCE) -> int:
    """For a figure of the whole that is shared by the replicas (type AverageValue), such as the length of a queue."""
    if current > 0 and within(total / (target * current), tolerance):
        return current
    return math.ceil(_even(total / target))


def within(ratio: float, tolerance: float) -> bool:
    return abs(1.0 - ratio) <= tolerance + 1e-12


def _even(count: float) -> float:
    """Without the last bits, which binary fractions leave wrong: Kubernetes counts in thousandths."""
    return round(count, 9)
