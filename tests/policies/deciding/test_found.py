"""Facts with what was learned of an agent are made anew only where something changed."""

from __future__ import annotations

from dataclasses import replace

from simulated_agents import a_setting, an_agent

from antiphon_policies.deciding.found import Learned, found

LEARNED = Learned(overhead_ms=5.0, turns_per_second=0.05, duty_cycle=0.25)


def test_what_does_not_change_is_the_very_same() -> None:
    given = an_agent()
    first = found(None, given, LEARNED, a_setting(2))
    assert found(first, given, replace(LEARNED), a_setting(2)) is first
    assert first.facts.turns_per_second == 0.05
    assert first.cheapest == replace(first.facts, prefer="Cost")


def test_another_setting_leaves_the_facts_and_other_habits_do_not() -> None:
    given = an_agent()
    first = found(None, given, LEARNED, a_setting(2))
    moved = found(first, given, LEARNED, a_setting(3))
    assert moved.facts is first.facts
    assert moved.fitted.replicas == a_setting(3).replicas
    slower = found(moved, given, replace(LEARNED, overhead_ms=10.0), a_setting(3))
    assert slower.facts.modes[0].shape.overhead_ms == given.modes[0].shape.overhead_ms + 10.0
    assert found(slower, an_agent(max_replicas=3), LEARNED, a_setting(3)).facts.groups[0].max_replicas == 3
