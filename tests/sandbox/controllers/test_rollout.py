"""The sizes of a Deployment's ReplicaSets, whatever the limits and however slowly pods become available."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.controllers.rollout import Limits, Share, limits_of, new_size, old_sizes, resized

counts = st.integers(0, 40)


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    desired = draw(counts)
    surge, unavailable = draw(st.integers(0, 10)), min(draw(st.integers(0, 10)), desired)
    return Limits(desired, surge, unavailable if surge or unavailable else min(1, desired))


@st.composite
def shares(draw: st.DrawFn, name: str) -> Share:
    replicas = draw(counts)
    return Share(name, replicas, draw(st.integers(0, replicas)), draw(st.integers(0, 60)))


several = st.integers(0, 4).flatmap(lambda n: st.tuples(*(shares(f"old-{i}") for i in range(n))))


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "most", "least"),
    [
        ("25%", "25%", 4, 5, 3),
        ("25%", "25%", 10, 13, 8),  # surge rounds up, unavailability down
        ("25%", "25%", 1, 2, 1),
        (0, 0, 3, 3, 2),  # something has to move
        (0, "10%", 3, 3, 2),
        (2, 0, 3, 5, 3),
        (0, 9, 3, 3, 0),
    ],
)
def test_limits(surge: int | str, unavailable: int | str, replicas: int, most: int, least: int) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    found = limits_of({"spec": {"replicas": replicas, "strategy": rolling}})
    assert (found.most, found.least) == (most, least)


def test_recreate_has_no_margin() -> None:
    assert limits_of({"spec": {"replicas": 3, "strategy": {"type": "Recreate"}}}) == Limits(3, 0, 0)


@given(limits(), shares("new"), several)
def test_the_newest_never_grows_beyond_the_room(limit: Limits, new: Share, old: tuple[Share, ...]) -> None:
    size = new_size(limit, new, old)
    total = size + sum(share.replicas for share in old)
    assert size <= limit.desired
    assert size <= new.replicas or total <= limit.most


@given(limits(), shares("new"), several)
def test_what_serves_is_kept(limit: Limits, new: Share, old: tuple[Share, ...]) -> None:
    sizes = old_sizes(limit, new, old)
    kept = sum(min(share.available, sizes.get(share.name, share.replicas)) for share in old)
    available = new.available + sum(share.available for share in old)
    assert new.available + kept >= min(limit.least, available)
    assert all(0 <= sizes.get(share.name, share.replicas) <= share.replicas for share in old)


@given(limits(), several)
def test_a_change_of_scale_reaches_the_most_exactly(limit: Limits, old: tuple[Share, ...]) -> None:
    pods = sum(share.replicas for share in old)
    active = [replace(share, most_then=0) for share in sorted(old, key=lambda share: -share.replicas) if share.replicas]
    sizes = resized(limit, active, pods)
    assert all(size >= 0 for size in sizes.values())
    if active:
        assert sum(sizes.values()) == (limit.most if limit.desired else 0)


def test_a_change_of_scale_is_proportional() -> None:
    """Upstream's example: 10 replicas with a surge of 3, scaled to 15 while 8 are old and 5 new."""
    sizes = resized(Limits(15, 3, 2), [Share("old", 8, 8, 13), Share("new", 5, 0, 13)], 13)
    assert sizes == {"old": 11, "new": 7}


@given(limits(), st.randoms(use_true_random=False))
def test_a_rollout_comes_to_its_end(limit: Limits, chance: random.Random) -> None:
    """Pods become available one by one, at any time; the limits hold at every step."""
    old, new = Share("old", limit.desired, limit.desired), Share("new", 0, 0)
    for _ in range(40 * (limit.desired + 1)):
        size = new_size(limit, new, [old])
        if size != new.replicas:
            new = Share("new", size, new.available)
        else:
            left = old_sizes(limit, new, [old]).get("old", old.replicas)
            old = Share("old", left, min(old.available, left))
        if new.available < new.replicas and chance.random() < 0.5:
            new = Share("new", new.replicas, new.available + 1)
        assert new.replicas + old.replicas <= limit.most
        assert new.available + old.available >= limit.least
    assert (new.replicas, new.available, old.replicas) == (limit.desired, limit.desired, 0)
