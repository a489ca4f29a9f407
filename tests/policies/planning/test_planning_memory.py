from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_cases import Drawn

from antiphon_policies.planning.asking import Ask
from antiphon_policies.planning.foreseeing import foreseen
from antiphon_policies.planning.memory import Memory, Tokens, TokensOfSame, key_of
from antiphon_policies.planning.planner import forget, plan, plan_one
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.predicting.turn import predict


def _ask(seed: int, groups: int = 1) -> Ask:
    return Drawn(np.random.default_rng(seed)).ask(
        stages=("asr", "llm", "tts"), variants=2, largest_cap=8, groups=groups
    )


def _named(ask: Ask, name: str) -> Ask:
    return replace(ask, facts=replace(ask.facts, key=("default", name)))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.lists(st.floats(1, 300), min_size=2, max_size=5))
def test_what_is_remembered_changes_no_plan(seed: int, groups: int, sessions: list[float]) -> None:
    ask = _ask(seed, groups=groups)
    asks = [replace(ask, load=Load(count, ask.load.turns_per_second)) for count in sessions]
    asks += [replace(one, serving=one.current.replicas) for one in asks]
    fresh = []
    for one in asks:
        forget()
        fresh.append(plan_one(one))
    forget()
    assert [plan_one(one) for one in asks] == fresh
    assert plan([*reversed(asks), *asks]) == [*reversed(fresh), *fresh]


def test_agents_with_the_same_facts_have_the_same_plan_whoever_they_are() -> None:
    one, other = _named(_ask(3), "one"), _named(_ask(3), "other")
    assert key_of(one, {}) == key_of(other, {})
    assert plan_one(one) == plan([other, one])[0]


def test_all_that_matters_is_told_apart() -> None:
    ask = _ask(4)
    facts = ask.facts
    slower = replace(facts.modes[0], shape=replace(facts.modes[0].shape, overhead_ms=90.0))
    rails = facts.guardrails.model_copy(update={"min_headroom": 0.5})
    asks = [
        ask,
        replace(ask, slack=0.9),
        replace(ask, load=Load(ask.load.sessions + 1, ask.load.turns_per_second)),
        replace(ask, serving=ask.current.replicas),
        replace(ask, current=replace(ask.current, mode="other")),
        replace(ask, facts=replace(facts, prefer="Cost")),
        replace(ask, facts=replace(facts, duty_cycle=0.9)),
        replace(ask, facts=replace(facts, scales=False)),
        replace(ask, facts=replace(facts, actuators=frozenset())),
        replace(ask, facts=replace(facts, guardrails=rails)),
        replace(ask, facts=replace(facts, modes=(slower, *facts.modes[1:]))),
        replace(ask, facts=replace(facts, objectives=())),
        replace(ask, facts=replace(facts, stages=facts.stages[:-1])),
    ]
    assert len({key_of(one, {}) for one in asks} | {key_of(ask, {"1g": 2})}) == len(asks) + 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(1, 200), st.integers(0, 4))
def test_what_is_foreseen_is_what_is_predicted(seed: int, sessions: float, replicas: int) -> None:
    ask = _ask(seed)
    load, serving = Load(sessions, ask.load.turns_per_second), {"g0": replicas}
    found = predict(ask.facts, ask.current, load, serving)
    assert [foreseen(ask.facts, ask.current, load, serving) for _ in range(2)] == [found, found]


def test_a_memory_keeps_what_was_asked_for_lately_and_no_more() -> None:
    memory: Memory[int] = Memory(10)
    for number in range(100):
        memory.keep((number,), number)
        assert memory.get((0,)) == 0
    assert sum(memory.get((number,)) is not None for number in range(100)) <= 20
    memory.forget()
    assert memory.get((0,)) is None


def test_no_number_stands_for_two_keys() -> None:
    tokens, given_out = Tokens(4), dict[int, int]()
    for number in [*range(20), *range(20)]:
        token = tokens.of((number,))
        assert given_out.setdefault(token, number) == number


def test_equal_objects_have_one_number_and_others_another() -> None:
    tokens: TokensOfSame[list[int]] = TokensOfSame(4, lambda given: ("given", *given))
    one, same, other = [1, 2], [1, 2], [1, 3]
    assert tokens.of(one) == tokens.of(one) == tokens.of(same)
    assert tokens.of(other) != tokens.of(one)
