from __future__ import annotations

from compared_cascade import compared_cascade
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_pods import seen_pods

from antiphon_policies.baselines.fixed import fixed
from antiphon_policies.baselines.queueing import QueueingController, QueueingKnobs

FACTS = compared_cascade()
RUNNING = fixed(FACTS)


def counts_of(controller: QueueingController, turns: list[float], current: int = 2, sessions: int = 10) -> list[int]:
    setting, counts = RUNNING.with_replicas({"main": current}), []
    for tick, rate in enumerate(turns):
        pods = [0.5] * setting.replicas["main"]
        setting = controller.control(
            FACTS, seen_pods(15.0 * tick, pods, turns_per_second=rate, sessions=sessions), setting
        )
        counts.append(setting.replicas["main"])
    return counts


def test_more_turns_need_more_replicas() -> None:
    few, many = (counts_of(QueueingController(RUNNING, QueueingKnobs()), [rate] * 3)[-1] for rate in (1.0, 5.0))
    assert few < many


def test_a_tighter_target_needs_more_replicas() -> None:
    loose, tight = (counts_of(QueueingController(RUNNING, QueueingKnobs(share)), [4.0] * 3)[-1] for share in (1.0, 0.5))
    assert loose < tight


def test_it_decides_every_30_seconds_and_is_followed_every_15() -> None:
    controller = QueueingController(RUNNING, QueueingKnobs(0.5))
    counts = counts_of(controller, [1.0, 60.0, 60.0, 60.0], current=2)
    assert counts[1] == counts[0]
    assert counts[0] < counts[2] < counts[3]


def test_a_load_that_falls_is_followed_after_five_minutes() -> None:
    counts = counts_of(QueueingController(RUNNING, QueueingKnobs()), [4.0] * 4 + [0.3] * 40)
    high = counts[3]
    assert counts[3:22] == [high] * 19
    assert counts[-1] == 1


def test_full_places_add_a_replica_though_the_load_is_low() -> None:
    assert counts_of(QueueingController(RUNNING, QueueingKnobs()), [0.2] * 2, sessions=60) == [3, 3]
    assert counts_of(QueueingController(RUNNING, QueueingKnobs(saturation=False)), [0.2] * 2, sessions=60) == [2, 2]


def test_an_unknown_load_changes_nothing() -> None:
    controller, current = QueueingController(RUNNING, QueueingKnobs()), RUNNING.with_replicas({"main": 3})
    assert controller.control(FACTS, seen_pods(0, [0.5] * 3), current) == current


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=30), st.integers(0, 70))
@settings(max_examples=40, deadline=None)
def test_it_stays_within_the_bounds_whatever_it_sees(rates: list[float | None], sessions: int) -> None:
    controller, current = QueueingController(RUNNING, QueueingKnobs()), RUNNING.with_replicas({"main": 1})
    for tick, rate in enumerate(rates):
        pods = [0.5] * current.replicas["main"]
        seen = seen_pods(15.0 * tick, pods, turns_per_second=rate, sessions=sessions, queued=sessions % 7)
        current = controller.control(FACTS, seen, current)
        assert 1 <= current.replicas["main"] <= 12
