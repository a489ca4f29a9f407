from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_cases import Drawn

from antiphon_policies.planning.asking import Ask, Plan, Stock
from antiphon_policies.planning.competing import Wish, filled, shares
from antiphon_policies.planning.planner import plan

_KIND = "1g.18gb"
_CAPS = st.lists(st.tuples(st.integers(0, 12), st.floats(0.1, 50)), min_size=1, max_size=7)


@given(st.integers(0, 60), _CAPS)
def test_filling_gives_all_that_can_be_taken(amount: int, claims: list[tuple[int, float]]) -> None:
    caps, weights = [cap for cap, _ in claims], [weight for _, weight in claims]
    parts = filled(amount, caps, weights)
    assert sum(parts) == min(amount, sum(caps))
    assert all(0 <= part <= cap for part, cap in zip(parts, caps, strict=True))


@given(st.integers(0, 60), _CAPS)
def test_a_heavier_claim_never_gets_less(amount: int, claims: list[tuple[int, float]]) -> None:
    parts = filled(amount, [cap for cap, _ in claims], [weight for _, weight in claims])
    for one, (cap, weight) in zip(parts, claims, strict=True):
        for other, (_, lighter) in zip(parts, claims, strict=True):
            if weight > lighter * (1 + 1e-6) and one < cap:
                assert other <= one + 1


def test_filling_by_weight() -> None:
    assert filled(10, [10, 10], [3, 1]) == [8, 2]
    assert filled(10, [4, 10], [3, 1]) == [4, 6]
    assert filled(1, [5, 5], [1, 1]) == [1, 0]


@st.composite
def _wishes(draw: st.DrawFn) -> list[Wish]:
    count = draw(st.integers(1, 7))
    found = []
    for number in range(count):
        want, floor = draw(st.integers(0, 9)), draw(st.integers(0, 3))
        found.append(
            Wish(
                ("default", f"agent-{number}"),
                draw(st.sampled_from([0, 50, 100])),
                {_KIND: floor},
                {_KIND: want},
                draw(st.integers(0, 9)) > 0,
            )
        )
    return found


@given(_wishes(), st.integers(0, 40))
def test_shares(wishes: list[Wish], there: int) -> None:
    given_to = [share[_KIND] for share in shares(wishes, {_KIND: there})]
    ruled = sum(wish.want[_KIND] for wish in wishes if not wish.ours)
    ours = [(wish, got) for wish, got in zip(wishes, given_to, strict=True) if wish.ours]
    assert sum(got for _, got in ours) <= max(0, there - ruled)
    for wish, got in ours:
        assert 0 <= got <= wish.want[_KIND]
        short = got < wish.want[_KIND]
        for other, taken in ours:
            if short and other.priority < wish.priority:
                assert taken <= other.floor[_KIND]


@given(_wishes(), st.integers(0, 40), st.randoms(use_true_random=False))
def test_the_order_of_wishes_does_not_matter(wishes: list[Wish], there: int, random: object) -> None:
    order = list(range(len(wishes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    plain = shares(wishes, {_KIND: there})
    mixed = shares([wishes[place] for place in order], {_KIND: there})
    assert [plain[place] for place in order] == mixed


def _crowd(seed: int, count: int) -> list[Ask]:
    random = np.random.default_rng(seed)
    drawn = Drawn(random)
    asks = []
    for number in range(count):
        ask = drawn.ask(f"agent-{number}", stages=("asr", "llm"), variants=2, groups=1 + number % 2, largest_cap=8)
        asks.append(replace(ask, facts=replace(ask.facts, priority=int(random.choice([10, 100])))))
    return asks


def _taken(plans: list[Plan]) -> int:
    return sum(sum(each.setting.replicas.values()) for each in plans)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.1, 1.2))
def test_plans_together_never_take_more_than_there_is(seed: int, count: int, share: float) -> None:
    asks = _crowd(seed, count)
    alone = plan(asks)
    there = int(_taken(alone) * share)
    found = plan(asks, Stock({_KIND: there}))
    assert _taken(found) <= there
    for before, after in zip(alone, found, strict=True):
        assert (after.quality, after.feasible) <= (before.quality + 1e-9, before.feasible) or not after.feasible
        if after.feasible and after.setting != before.setting:
            assert after.binding == "stock"


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.randoms(use_true_random=False))
def test_the_order_of_questions_does_not_matter(seed: int, count: int, random: object) -> None:
    asks = _crowd(seed, count)
    order = list(range(count))
    random.shuffle(order)  # type: ignore[attr-defined]
    stock = Stock({_KIND: max(1, _taken(plan(asks)) // 2)})
    plain, mixed = plan(asks, stock), plan([asks[place] for place in order], stock)
    assert [plain[place].setting for place in order] == [each.setting for each in mixed]


def test_the_higher_priority_keeps_what_it_wants() -> None:
    asks = [each for each in _crowd(3, 8) if len(each.facts.groups) == 1][:4]
    first = replace(asks[0], facts=replace(asks[0].facts, priority=900))
    alone = plan([first])[0]
    others = [replace(each, facts=replace(each.facts, priority=10)) for each in asks[1:]]
    there = _taken([alone]) + len(others)
    found = plan([*others, first], Stock({_KIND: there}))
    assert found[-1].setting == alone.setting
    assert all(sum(each.setting.replicas.values()) == 1 for each in found[:-1])


def test_who_gets_nothing_is_told_so() -> None:
    asks = [each for each in _crowd(5, 6) if len(each.facts.groups) == 1]
    found = plan(asks, Stock({_KIND: 1}))
    assert _taken(found) <= 1
    nothing = [each for each in found if not sum(each.setting.replicas.values())]
    assert len(nothing) == len(asks) - 1
    assert not any(each.feasible for each in nothing)
    assert all("nobody serves" in each.message for each in nothing)


def test_replicas_that_are_not_ours_stay() -> None:
    asks = [each for each in _crowd(5, 6) if len(each.facts.groups) == 1]
    current = replace(asks[0].current, replicas={"g0": 3})
    outside = replace(asks[0], facts=replace(asks[0].facts, scales=False), current=current)
    found = plan([outside, *asks[1:]], Stock({_KIND: 5}))
    assert found[0].setting.replicas == {"g0": 3}
    assert _taken(found[1:]) <= 2


@pytest.mark.parametrize("kind", ["", "2g.35gb"])
def test_kinds_that_are_not_in_the_stock_have_no_limit(kind: str) -> None:
    asks = [
        replace(ask, facts=replace(ask.facts, groups=tuple(replace(each, partition=kind) for each in ask.facts.groups)))
        for ask in _crowd(2, 3)
    ]
    assert plan(asks, Stock({_KIND: 0})) == plan(asks)
