from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.baselines.ratios import PodMetric, replicas_for_average, replicas_for_pods, replicas_for_value


def ready(*values: float | None) -> list[PodMetric]:
    return [PodMetric(True, value) for value in values]


def unready(count: int) -> list[PodMetric]:
    return [PodMetric(False, None)] * count


@pytest.mark.parametrize(
    ("pods", "current", "target", "wanted"),
    [
        # The documentation: 200m against 100m doubles, 50m halves.
        (ready(200, 200), 2, 100, 4),
        (ready(50, 50, 50, 50), 4, 100, 2),
        # 50 replicas at 90 % with a target of 75 %: 60.
        (ready(*[90.0] * 50), 50, 75, 60),
        # Of Kubernetes' own tests: usage in thousandths of a core, requests of one core.
        (ready(0.3, 0.5, 0.7), 3, 0.3, 5),
        (ready(0.1, 0.3, 0.5, 0.25, 0.25), 5, 0.5, 3),
        ([*ready(0.5, 0.7), *unready(1)], 3, 0.3, 4),
        ([*ready(0.4), *unready(2)], 3, 0.3, 3),
    ],
)
def test_the_documented_examples_come_out_to_the_number(
    pods: list[PodMetric], current: int, target: float, wanted: int
) -> None:
    assert replicas_for_pods(pods, current, target) == wanted


@pytest.mark.parametrize(("value", "wanted"), [(0.899, 9), (0.9, 10), (1.0, 10), (1.1, 10), (1.101, 12)])
def test_a_ratio_within_the_tolerance_changes_nothing(value: float, wanted: int) -> None:
    assert replicas_for_pods(ready(*[value] * 10), 10, 1.0) == wanted


def test_a_pod_without_a_metric_uses_the_whole_target_when_it_goes_down() -> None:
    assert replicas_for_pods(ready(0.1, 0.1, 0.1, 0.1), 4, 0.5) == 1
    assert replicas_for_pods(ready(0.1, 0.1, None, None), 4, 0.5) == 3


def test_a_pod_without_a_metric_uses_nothing_when_it_goes_up() -> None:
    assert replicas_for_pods(ready(0.9, 0.9), 2, 0.5) == 4
    assert replicas_for_pods(ready(0.9, 0.9, None), 3, 0.5) == 4


def test_missing_metrics_never_turn_the_direction_around() -> None:
    assert replicas_for_pods(ready(0.6, None, None), 3, 0.5) == 3


def test_pods_that_start_do_not_count_when_it_goes_down() -> None:
    assert replicas_for_pods([*ready(0.2, 0.2), *unready(2)], 4, 0.5) == 1


def test_nothing_is_done_where_no_ready_pod_has_a_metric() -> None:
    assert replicas_for_pods([*ready(None), *unready(1)], 2, 0.5) is None


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=12),
    st.integers(0, 6),
    st.floats(0.05, 1.0),
)
@settings(max_examples=200, deadline=None)
def test_missing_metrics_and_starting_pods_only_dampen(
    values: list[float | None], starting: int, target: float
) -> None:
    current = len(values) + starting
    heard = [value for value in values if value is not None]
    wanted = replicas_for_pods([*ready(*values), *unready(starting)], current, target)
    if not heard:
        assert wanted is None
        return
    ratio = sum(heard) / len(heard) / target
    assert wanted is not None
    assert 0 <= wanted <= max(current, math.ceil(ratio * len(heard) + 1e-6))
    if len(heard) < len(values):
        assert wanted >= current if ratio > 1 else wanted <= current


def test_one_figure_of_the_whole_scales_the_ready_pods() -> None:
    assert replicas_for_value(ready=2, current=4, value=600, target=300) == 4
    assert replicas_for_value(ready=4, current=4, value=600, target=300) == 8
    assert replicas_for_value(ready=4, current=4, value=320, target=300) == 4


def test_an_average_is_shared_by_the_replicas() -> None:
    assert replicas_for_average(current=3, total=50, target=5) == 10
    assert replicas_for_average(current=10, total=52, target=5) == 10
    assert replicas_for_average(current=10, total=0, target=5) == 0
    assert replicas_for_average(current=0, total=11, target=5) == 3
