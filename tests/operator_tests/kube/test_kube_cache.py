"""What is known after any news, in any order."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_operator.kube.cache import Cache, Change, Key

Obj = dict[str, Any]
Event = tuple[Literal["ADDED", "MODIFIED", "DELETED"], Obj]


def made(name: str, uid: int, version: int) -> Obj:
    return {"metadata": {"name": name, "namespace": "ns", "uid": f"u{uid}", "resourceVersion": str(version)}}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[list[Obj]]]:
    """What happened, and the whole at each version from 0."""
    events: list[Event] = []
    now: dict[str, Obj] = {}
    wholes: list[list[Obj]] = [[]]
    for version in range(1, draw(st.integers(1, 25)) + 1):
        name = draw(st.sampled_from("abc"))
        if name not in now:
            now[name] = made(name, version, version)
            events.append(("ADDED", now[name]))
        elif draw(st.booleans()):
            now[name] = made(name, int(now[name]["metadata"]["uid"][1:]), version)
            events.append(("MODIFIED", now[name]))
        else:
            uid = int(now.pop(name)["metadata"]["uid"][1:])
            events.append(("DELETED", made(name, uid, version)))
        wholes.append(list(now.values()))
    return events, wholes


class Follower:
    """Who only hears of changes knows what the cache knows."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.known: dict[Key, Obj] = {}

    def hear(self, changes: list[Change]) -> None:
        for kind, obj in changes:
            key = ("ns", obj["metadata"]["name"])
            assert (key in self.known) == (kind != "ADDED")
            if kind == "DELETED":
                del self.known[key]
            else:
                self.known[key] = obj
        assert self.known == dict(self._cache.objects)


@settings(max_examples=300)
@given(histories(), st.data())
def test_any_news_and_a_list_end_at_the_truth(
    history: tuple[list[Event], list[list[Obj]]], data: st.DataObject
) -> None:
    """Dropped, doubled, reordered and coalesced events, old lists, and answers of writes in between."""
    events, wholes = history
    cache = Cache()
    follower = Follower(cache)
    for _ in range(data.draw(st.integers(0, 30))):
        match data.draw(st.sampled_from(["event", "event", "event", "old list", "answer"])):
            case "event":
                follower.hear(cache.heard(*data.draw(st.sampled_from(events))))
            case "old list":
                version = data.draw(st.integers(0, len(wholes) - 1))
                follower.hear(cache.listed(wholes[version], version))
            case "answer":
                kind, obj = data.draw(st.sampled_from(events))
                if kind != "DELETED":
                    follower.hear(cache.put(obj))
    follower.hear(cache.listed(wholes[-1], len(events)))
    assert sorted(map(str, cache.objects.values())) == sorted(map(str, wholes[-1]))


@given(histories(), st.data())
def test_a_list_then_the_rest_of_the_events_end_at_the_truth(
    history: tuple[list[Event], list[list[Obj]]], data: st.DataObject
) -> None:
    """As a watch tells them: some of them twice, after an answer of our own was seen."""
    events, wholes = history
    version = data.draw(st.integers(0, len(events)))
    cache = Cache()
    follower = Follower(cache)
    follower.hear(cache.listed(wholes[version], version))
    for kind, obj in data.draw(st.lists(st.sampled_from(events), max_size=5)):
        follower.hear(cache.put(obj) if kind != "DELETED" else [])
    for event in events[max(version - 3, 0) :]:
        follower.hear(cache.heard(*event))
    assert sorted(map(str, cache.objects.values())) == sorted(map(str, wholes[-1]))


@given(histories(), histories())
def test_starting_over_forgets_all_that_was(
    before: tuple[list[Event], list[list[Obj]]], after: tuple[list[Event], list[list[Obj]]]
) -> None:
    cache = Cache()
    follower = Follower(cache)
    for event in before[0]:
        follower.hear(cache.heard(*event))
    follower.hear(cache.start_over(after[1][-1], len(after[0])))
    assert sorted(map(str, cache.objects.values())) == sorted(map(str, after[1][-1]))


def test_an_object_of_an_older_state_changes_nothing() -> None:
    cache = Cache()
    cache.put(made("a", 1, 7))
    assert cache.put(made("a", 1, 6)) == []
    assert cache.heard("DELETED", made("a", 1, 6)) == []
    assert [kind for kind, _ in cache.heard("MODIFIED", made("a", 2, 9))] == ["DELETED", "ADDED"]
    assert [kind for kind, _ in cache.heard("DELETED", made("a", 2, 9))] == ["DELETED"]
    assert cache.put(made("a", 2, 8)) == []


def test_of_those_that_are_gone_only_so_many_are_remembered() -> None:
    cache = Cache()
    for version in range(1, 10_000):
        cache.heard("DELETED", made(f"n{version}", version, version))
    assert len(cache._gone_at) == 4096
