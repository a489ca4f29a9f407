from __future__ import annotations

from dataclasses import replace

import pytest
from compared_cascade import compared_cascade
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_pods import seen_pods

from antiphon_policies.baselines.fixed import fixed
from antiphon_policies.baselines.keda import KedaController, KedaKnobs
from antiphon_policies.baselines.objective import turn_target_ms
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.seeing.observation import Observation, StageWork

FACTS = compared_cascade()
RUNNING = fixed(FACTS)
TO_NONE = replace(FACTS, groups=(replace(FACTS.groups[0], min_replicas=0),))


def replicas(knobs: KedaKnobs, seen: Observation, current: int) -> int:
    wanted = KedaController(RUNNING, knobs).control(FACTS, seen, RUNNING.with_replicas({"main": current}))
    return wanted.replicas["main"]


def test_a_scaled_object_without_a_trigger_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a trigger"):
        KedaController(RUNNING, KedaKnobs())


def test_a_queue_is_shared_by_the_replicas() -> None:
    knobs = KedaKnobs(queue_over_seconds=0, queue_target=2)
    assert replicas(knobs, seen_pods(0, [0.5] * 3, queued=5), 3) == 7  # 8 for 15 calls that wait, 4 at once at most
    assert replicas(knobs, seen_pods(0, [0.5] * 3, queued=2), 3) == 3


def test_the_mean_queue_is_the_time_waited_in_each_second() -> None:
    controller, current = KedaController(RUNNING, KedaKnobs(queue_target=2)), RUNNING.with_replicas({"main": 3})
    counts = []
    for tick, waited_ms in enumerate((90_000.0, 0.0, 0.0, 0.0, 600_000.0)):
        work = [StageWork("asr", "large-fp16", 15.0, 10, 10, 1000.0, waits=10, wait_ms=waited_ms)]
        current = controller.control(FACTS, seen_pods(15.0 * tick, [0.5] * 3, queued=0, work=work), current)
        counts.append(current.replicas["main"])
    assert counts == [3, 3, 3, 3, 5]  # 90 s in 15 s: 6 wait, 2 for each; later 600 s in 60 s: 10


def test_the_p95_scales_the_ready_replicas_by_its_ratio() -> None:
    assert turn_target_ms(FACTS) == 450
    knobs = KedaKnobs(p95_share=1.0)
    assert replicas(knobs, seen_pods(0, [0.5] * 2, p95_ms=675), 2) == 3
    assert replicas(knobs, seen_pods(0, [0.5] * 2, p95_ms=480), 2) == 2
    assert replicas(knobs, seen_pods(0, [0.5] * 2, starting=1, p95_ms=675), 3) == 3


def test_the_trigger_that_wants_more_wins() -> None:
    knobs = KedaKnobs(queue_over_seconds=0, queue_target=2, p95_share=1.0)
    assert replicas(knobs, seen_pods(0, [0.5] * 2, queued=4, p95_ms=450), 2) == 4
    assert replicas(knobs, seen_pods(0, [0.5] * 2, queued=2, p95_ms=900), 2) == 4


def test_an_unknown_trigger_blocks_scaling_down_alone() -> None:
    knobs = KedaKnobs(
        queue_target=2,
        queue_over_seconds=0,
        p95_share=1.0,
        behaviour=replace(KedaKnobs().behaviour, down_stabilization_seconds=0),
    )
    assert replicas(knobs, seen_pods(0, [0.5] * 4, queued=0), 4) == 4
    assert replicas(knobs, seen_pods(0, [0.5] * 4, queued=0, p95_ms=100), 4) == 1
    assert replicas(knobs, seen_pods(0, [0.5] * 4, queued=4), 4) == 8
    assert replicas(knobs, seen_pods(0, [0.5] * 4), 4) == 4


def test_cached_metrics_are_those_of_the_last_poll() -> None:
    knobs = KedaKnobs(queue_over_seconds=0, queue_target=2, cached=True)
    controller, current = KedaController(RUNNING, knobs), RUNNING.with_replicas({"main": 2})
    counts = []
    for at, queued in ((0, 2), (15, 6), (30, 6)):
        current = controller.control(FACTS, seen_pods(at, [0.5] * 2, queued=queued), current)
        counts.append(current.replicas["main"])
    assert counts == [2, 2, 6]


def run_to_none(controller: KedaController, queues: list[int]) -> list[int]:
    counts, current = [], RUNNING.with_replicas({"main": 1})
    for tick, queued in enumerate(queues):
        current = _tick(controller, TO_NONE, 15.0 * tick, queued, current)
        counts.append(current.replicas["main"])
    return counts


def _tick(controller: KedaController, facts: AgentFacts, at: float, queued: int, current: Setting) -> Setting:
    return controller.control(facts, seen_pods(at, [0.1] * max(1, current.replicas["main"]), queued=queued), current)


def test_the_last_replica_goes_when_the_cooldown_is_over() -> None:
    controller = KedaController(RUNNING, KedaKnobs(queue_over_seconds=0, queue_target=2, min_replicas=0))
    counts = run_to_none(controller, [1, *[0] * 30])
    assert counts.index(0) * 15.0 == 300.0
    assert set(counts[20:]) == {0}


def test_the_first_replica_comes_with_the_next_poll() -> None:
    controller = KedaController(
        RUNNING, KedaKnobs(queue_over_seconds=0, queue_target=2, min_replicas=0, cooldown_seconds=60)
    )
    counts = run_to_none(controller, [0, 0, 0, 0, 0, 0, 0, 3, 3, 3])
    assert counts[4:] == [0, 0, 0, 0, 1, 2]


def test_a_group_that_needs_a_replica_keeps_it() -> None:
    controller, current = (
        KedaController(RUNNING, KedaKnobs(queue_over_seconds=0, queue_target=2, min_replicas=0)),
        RUNNING.with_replicas({"main": 1}),
    )
    for tick in range(60):
        current = _tick(controller, FACTS, 15.0 * tick, 0, current)
    assert current.replicas == {"main": 1}


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers(0, 50)), st.one_of(st.none(), st.floats(50, 5000))),
        min_size=1,
        max_size=40,
    )
)
@settings(max_examples=50, deadline=None)
def test_it_stays_within_the_bounds_whatever_it_sees(ticks: list[tuple[int | None, float | None]]) -> None:
    controller = KedaController(RUNNING, KedaKnobs(queue_over_seconds=0, queue_target=1, p95_share=0.8))
    current = RUNNING.with_replicas({"main": 1})
    for tick, (queued, p95_ms) in enumerate(ticks):
        seen = seen_pods(15.0 * tick, [0.5] * current.replicas["main"], queued=queued, p95_ms=p95_ms)
        current = controller.control(FACTS, seen, current)
        assert 1 <= current.replicas["main"] <= 12
