"""Election by a Lease: two never hold at once, whatever is slow, lost, paused or wrong about the time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import START

from antiphon_operator.kube.candidacy import Candidacy, Look, Pause, Step, Write

Obj = dict[str, Any]


class LeaseServer:
    """What an API server does with one Lease."""

    def __init__(self) -> None:
        self.lease: Obj | None = None
        self.version = 0

    def write(self, lease: Obj) -> Obj | None:
        """What is stored, or None where another was faster."""
        told = lease["metadata"].get("resourceVersion")
        current = self.lease["metadata"]["resourceVersion"] if self.lease else None
        if told != current:
            return None
        self.version += 1
        self.lease = {**lease, "metadata": {**lease["metadata"], "uid": "u", "resourceVersion": str(self.version)}}
        return self.lease


@dataclass
class Elector:
    """A process: it does one step at a time, each begun, perhaps done by the server, and perhaps answered."""

    candidacy: Candidacy
    clock_offset: float
    wall_offset: float
    step: Step | None = None
    began: float = 0.0
    answer: Obj | None = None
    is_done: bool = False
    late: list[Obj] = field(default_factory=list)
    """Writes that were given up, and may yet reach the server."""

    def now(self, time: float) -> float:
        return time + self.clock_offset

    def begin(self, time: float) -> None:
        if self.step is None:
            wall = START + timedelta(seconds=time + self.wall_offset)
            step = self.candidacy.step(self.now(time), wall)
            if not isinstance(step, Pause):
                self.step, self.began, self.is_done, self.answer = step, self.now(time), False, None

    def reach(self, server: LeaseServer) -> None:
        """The server does what is asked; nobody knows of it yet."""
        if self.step is None or self.is_done:
            return
        self.is_done = True
        self.answer = server.write(self.step.lease) if isinstance(self.step, Write) else server.lease

    def hear(self, time: float) -> None:
        if self.step is None or not self.is_done:
            return
        if isinstance(self.step, Look):
            self.candidacy.saw(self.answer, self.now(time))
        elif self.answer is None:
            self.candidacy.refused(self.now(time))
        else:
            self.candidacy.wrote(self.answer, self.began, self.now(time))
        self.step = None

    def give_up(self, time: float) -> None:
        if self.step is None:
            return
        if isinstance(self.step, Write) and not self.is_done:
            self.late.append(self.step.lease)
        self.candidacy.unanswered(self.now(time))
        self.step = None


ACTIONS = ("begin", "reach", "hear", "round trip", "give up", "late write", "release")
moves = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(ACTIONS),
        st.one_of(st.just(0.0), st.floats(0, 3), st.floats(10, 16), st.floats(0, 60)),
    ),
    max_size=120,
)
offsets = st.floats(-600, 600)


def act(elector: Elector, action: str, server: LeaseServer, time: float) -> None:
    match action:
        case "begin":
            elector.begin(time)
        case "reach":
            elector.reach(server)
        case "hear":
            elector.hear(time)
        case "round trip":
            elector.begin(time)
            elector.reach(server)
            elector.hear(time)
        case "give up":
            elector.give_up(time)
        case "late write":
            if elector.late:
                server.write(elector.late.pop())
        case "release":
            if lease := elector.candidacy.release(START):
                server.write(lease)


@settings(max_examples=400, deadline=None)
@given(moves, st.lists(st.tuples(offsets, offsets), min_size=3, max_size=3))
def test_no_two_hold_at_once(moves: list[tuple[int, str, float]], skews: list[tuple[float, float]]) -> None:
    server, time = LeaseServer(), 1000.0
    electors = [Elector(Candidacy("ns", "lease", f"e{index}"), own, wall) for index, (own, wall) in enumerate(skews)]
    for index, action, passes in moves:
        act(electors[index], action, server, time)
        assert sum(elector.candidacy.holds(elector.now(time)) for elector in electors) <= 1
        time += passes
        assert sum(elector.candidacy.holds(elector.now(time)) for elector in electors) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 2)), min_size=1, max_size=60), offsets)
def test_somebody_holds_in_the_end(turns: list[tuple[int, float]], skew: float) -> None:
    """When all answer again, whatever was before."""
    server, time = LeaseServer(), 1000.0
    electors = [Elector(Candidacy("ns", "lease", name), own, own) for name, own in (("a", 0.0), ("b", skew))]
    for index, passes in turns:
        electors[index].begin(time)
        electors[index].give_up(time)
        time += passes
    for _ in range(80):
        time += 0.5
        for elector in electors:
            act(elector, "round trip", server, time)
            act(elector, "round trip", server, time)
    assert sum(elector.candidacy.holds(elector.now(time)) for elector in electors) == 1


def round_trips(elector: Elector, server: LeaseServer, time: float, until: float) -> float:
    while time < until:
        act(elector, "round trip", server, time)
        time += 0.25
    return time


def test_a_dead_holder_is_followed_after_the_duration() -> None:
    server = LeaseServer()
    first, second = (Elector(Candidacy("ns", "lease", name), 0, 0) for name in "ab")
    time = round_trips(first, server, 0, 10)
    assert first.candidacy.holds(time)
    died = time
    while not second.candidacy.holds(time):
        act(second, "round trip", server, time)
        time += 0.25
    assert 14.5 <= time - died <= 18
    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 1
    assert second.candidacy.holder_seen == "b"


def test_a_released_lease_is_taken_at_the_next_look() -> None:
    server = LeaseServer()
    first, second = (Elector(Candidacy("ns", "lease", name), 0, 0) for name in "ab")
    time = round_trips(first, server, 0, 5)
    time = round_trips(second, server, time, 10)
    act(first, "release", server, time)
    assert not first.candidacy.holds(time)
    time = round_trips(second, server, time, 13)
    assert second.candidacy.holds(time)


def test_a_lease_that_is_deleted_is_made_again_by_its_holder() -> None:
    server = LeaseServer()
    first, second = (Elector(Candidacy("ns", "lease", name), 0, 0) for name in "ab")
    time = 0.0
    while time < 30:
        if time == 10:
            server.lease = None
        for elector in (first, second) if time < 5 else (second, first):
            act(elector, "round trip", server, time)
        assert not second.candidacy.holds(time)
        time += 0.25
    assert first.candidacy.holds(time)


def test_the_duration_that_the_holder_states_is_respected() -> None:
    server = LeaseServer()
    server.write(
        {
            "metadata": {"name": "lease"},
            "spec": {"holderIdentity": "someone", "leaseDurationSeconds": 60, "renewTime": 7},
        }
    )
    elector = Elector(Candidacy("ns", "lease", "a"), 0, 0)
    time = round_trips(elector, server, 0, 59)
    assert not elector.candidacy.holds(time)
    assert elector.candidacy.holds(round_trips(elector, server, time, 61))


def test_the_time_that_an_answer_takes_is_not_held() -> None:
    """Others count from when the server had the write, which may be when it was begun."""
    server = LeaseServer()
    elector = Elector(Candidacy("ns", "lease", "a"), 0, 0)
    act(elector, "round trip", server, 0)
    elector.begin(0)
    elector.reach(server)
    elector.hear(11)
    assert elector.candidacy.holds(11.9)
    assert not elector.candidacy.holds(12.1)
