from __future__ import annotations

from compared_cascade import compared_cascade
from hypothesis import given, settings
from hypothesis import strategies as st
from seen_pods import seen_pods

from antiphon_policies.baselines.fixed import fixed
from antiphon_policies.baselines.hpa import HpaController, HpaKnobs
from antiphon_policies.baselines.static import StaticController

FACTS = compared_cascade()
RUNNING = fixed(FACTS)


def hpa(target: float = 0.5, least: int = 1) -> HpaController:
    return HpaController(RUNNING, HpaKnobs(target, least))


def test_it_looks_every_15_seconds() -> None:
    assert hpa().interval_seconds == 15.0


def test_twice_the_target_doubles_the_replicas_at_once() -> None:
    current = RUNNING.with_replicas({"main": 2})
    assert hpa().control(FACTS, seen_pods(0, [1.0, 1.0]), current).replicas == {"main": 4}


def test_replicas_that_start_are_not_asked_for_twice() -> None:
    controller, current = hpa(), RUNNING.with_replicas({"main": 4})
    assert controller.control(FACTS, seen_pods(0, [1.0, 1.0], starting=2), current).replicas == {"main": 4}


def test_what_is_not_seen_changes_nothing() -> None:
    current = RUNNING.with_replicas({"main": 3})
    assert hpa().control(FACTS, seen_pods(0, [None] * 3), current) == current
    assert hpa().control(FACTS, seen_pods(0), current) == current


def test_idle_replicas_go_after_five_minutes_down_to_the_least() -> None:
    controller, counts, current = hpa(least=2), [], RUNNING.with_replicas({"main": 6})
    for tick in range(25):
        current = controller.control(FACTS, seen_pods(15.0 * tick, [0.01] * current.replicas["main"]), current)
        counts.append(current.replicas["main"])
    assert counts == [6] * 20 + [2] * 5
    assert [note.text for note in controller.notes()] == ["main: 6 -> 2 replicas; 1 recommended"]


def test_variants_and_caps_are_never_changed() -> None:
    quickest = fixed(FACTS, ("asr", "llm", "tts"), cap=4)
    assert {stage: setting.variant for stage, setting in quickest.stages.items()} == {
        "asr": "medium-fp8",
        "llm": "fp8",
        "tts": "fp16",
    }
    assert {setting.cap for setting in quickest.stages.values()} == {4}
    wanted = HpaController(quickest, HpaKnobs()).control(
        FACTS, seen_pods(0, [1.0]), quickest.with_replicas({"main": 1})
    )
    assert wanted.stages == quickest.stages


def test_the_largest_cap_is_what_the_variant_takes() -> None:
    assert {stage: setting.cap for stage, setting in RUNNING.stages.items()} == {"asr": 16, "llm": 32, "tts": 16}


@given(st.lists(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=12), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_it_stays_within_the_bounds_whatever_it_sees(ticks: list[list[float | None]]) -> None:
    controller, current = hpa(least=2), RUNNING.with_replicas({"main": 2})
    for tick, utilisations in enumerate(ticks):
        current = controller.control(FACTS, seen_pods(15.0 * tick, utilisations), current)
        assert 2 <= current.replicas["main"] <= 12


def test_a_static_agent_stays_as_it_is() -> None:
    static = StaticController(RUNNING, 20)
    assert static.control(FACTS, seen_pods(0, [1.0]), RUNNING.with_replicas({"main": 1})).replicas == {"main": 12}
    assert static.notes() == ()
