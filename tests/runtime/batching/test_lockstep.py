"""Slots in step with a clock: who sits there is stepped once a tick, and nobody hears another."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_computer import VirtualComputer
from virtual_time import in_virtual_time, run_virtually, settled

from antiphon_runtime.batching.errors import BatchingError, ClosedError, ComputeError, HungError, OverloadedError
from antiphon_runtime.batching.lockstep import LockstepSlots, sessions_in_time
from antiphon_runtime.batching.observing import Tick
from antiphon_runtime.batching.seats import Seat

PERIOD = 0.08
Out = tuple[int, int]


@dataclass
class Adder:
    """A model whose slots add up their frames; its output is the frame and the sum so far."""

    slots: int
    seconds: float = 0.01
    sums: dict[int, int] = field(default_factory=dict)
    frames: list[list[int | None]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    fails: bool = False
    ticks: list[Tick] = field(default_factory=list)

    def reset(self, slot: int) -> None:
        self.sums[slot] = 0

    def step(self, frames: Sequence[int | None]) -> list[Out | None]:
        self.frames.append(list(frames))
        self.at.append(asyncio.get_running_loop().time())
        if self.fails:
            raise ValueError("no more memory")
        return [None if frame is None else self._add(slot, frame) for slot, frame in enumerate(frames)]

    def on_tick(self, tick: Tick) -> None:
        self.ticks.append(tick)

    def _add(self, slot: int, frame: int) -> Out:
        self.sums[slot] += frame
        return (frame, self.sums[slot])

    def start(self, **options: Any) -> LockstepSlots[int, Out]:
        return LockstepSlots(
            self,
            slots=self.slots,
            period_seconds=PERIOD,
            observer=self,
            start_computer=lambda _: VirtualComputer(lambda: self.seconds),
            **options,
        )


@dataclass
class Session:
    """Who sits in a seat, and what came."""

    heard: list[Out] = field(default_factory=list)
    lost: list[BatchingError] = field(default_factory=list)

    def join(self, slots: LockstepSlots[int, Out]) -> Seat[int, Out]:
        return slots.join(self.heard.append, self.lost.append)


@in_virtual_time
async def test_active_slots_step_together_once_a_tick_and_the_others_rest() -> None:
    model = Adder(4)
    slots = model.start()
    first, second = Session(), Session()
    seats = [first.join(slots), second.join(slots)]
    for frame in (1, 2, 3):
        seats[0].feed(frame)
    seats[1].feed(10)
    await asyncio.sleep(1)
    assert model.frames == [[1, 10, None, None], [2, None, None, None], [3, None, None, None]]
    assert model.at == pytest.approx([0.0, PERIOD, 2 * PERIOD])
    assert first.heard == [(1, 1), (2, 3), (3, 6)]
    assert second.heard == [(10, 10)]
    await slots.close()


@in_virtual_time
async def test_who_joins_finds_a_fresh_slot() -> None:
    model = Adder(1)
    slots = model.start()
    first, second = Session(), Session()
    seat = first.join(slots)
    seat.feed(5)
    await asyncio.sleep(0.5)
    seat.leave()
    second.join(slots).feed(7)
    await asyncio.sleep(0.5)
    assert (first.heard, second.heard) == ([(5, 5)], [(7, 7)])
    await slots.close()


@in_virtual_time
async def test_what_is_in_hand_for_one_who_leaves_is_not_given_to_the_next() -> None:
    model = Adder(1, seconds=0.05)
    slots = model.start()
    first, second = Session(), Session()
    seat = first.join(slots)
    seat.feed(5)
    await asyncio.sleep(0.02)
    seat.leave()
    second.join(slots).feed(7)
    seat.feed(6)
    await asyncio.sleep(0.5)
    assert (first.heard, second.heard) == ([], [(7, 7)])
    await slots.close()


@in_virtual_time
async def test_a_seat_needs_a_free_slot() -> None:
    model = Adder(3)
    slots = model.start()
    seats = [Session().join(slots) for _ in range(3)]
    with pytest.raises(OverloadedError) as refused:
        Session().join(slots)
    assert refused.value.retry_after_seconds > 0
    seats[1].leave()
    seats[1].leave()
    assert slots.taken == 2
    assert Session().join(slots).slot == 1
    slots.capacity = 2
    with pytest.raises(OverloadedError):
        Session().join(slots)
    await slots.close()


@in_virtual_time
async def test_overruns_are_counted_and_made_up_for_without_a_burst() -> None:
    model = Adder(1, seconds=0.2)
    slots = model.start()
    seat = Session().join(slots)
    for frame in range(8):
        seat.feed(frame)
    await asyncio.sleep(0.01)
    model.seconds = 0.01
    await asyncio.sleep(2)
    gaps = [later - earlier for earlier, later in zip(model.at, model.at[1:], strict=False)]
    assert slots.overruns == 1
    assert slots.skipped == 0
    assert gaps[0] == pytest.approx(0.2)
    assert min(gaps) >= 0.8 * PERIOD - 1e-9
    assert model.at[-1] == pytest.approx(7 * PERIOD, abs=0.8 * PERIOD)
    assert [tick.overrun for tick in model.ticks] == [True] + 7 * [False]
    await slots.close()


@in_virtual_time
async def test_a_long_stall_skips_ticks_and_throws_away_the_oldest_frames() -> None:
    model = Adder(1, seconds=1.0)
    slots = model.start(most_waiting=3)
    session = Session()
    seat = session.join(slots)
    seat.feed(0)
    await asyncio.sleep(0.01)
    model.seconds = 0.01
    for frame in range(1, 13):
        seat.feed(frame)
        await asyncio.sleep(PERIOD)
    await asyncio.sleep(1)
    assert slots.skipped > 0
    assert seat.dropped_frames > 0
    assert len(session.heard) == 13 - seat.dropped_frames
    assert [frame for frame, _ in session.heard] == sorted(frame for frame, _ in session.heard)
    await slots.close()


@in_virtual_time
async def test_without_seats_nothing_ticks() -> None:
    model = Adder(1)
    slots = model.start()
    seat = Session().join(slots)
    seat.leave()
    await asyncio.sleep(1)
    loop = asyncio.get_running_loop()
    before = loop.time()
    late = Session()
    late.join(slots).feed(1)
    await settled()
    assert model.at == [before]
    await slots.close()


@in_virtual_time
async def test_a_step_that_fails_ends_every_session_and_the_slots_can_be_taken_again() -> None:
    model = Adder(2, fails=True)
    slots = model.start()
    first, second = Session(), Session()
    first.join(slots).feed(1)
    second.join(slots)
    await asyncio.sleep(0.05)
    assert [type(session.lost[0]) for session in (first, second)] == [ComputeError, ComputeError]
    model.fails = False
    again = Session()
    again.join(slots).feed(3)
    await asyncio.sleep(0.5)
    assert again.heard == [(3, 3)]
    await slots.close()


@in_virtual_time
async def test_a_step_that_hangs_is_left_behind() -> None:
    model = Adder(1, seconds=math.inf)
    slots = model.start(hang_seconds=2.0)
    session = Session()
    session.join(slots).feed(1)
    await asyncio.sleep(2.5)
    assert isinstance(session.lost[0], HungError)
    model.seconds = 0.01
    again = Session()
    again.join(slots).feed(3)
    await asyncio.sleep(0.5)
    assert again.heard == [(3, 3)]
    await slots.close()


@in_virtual_time
async def test_closing_loses_every_seat_and_waits_for_what_is_in_hand() -> None:
    model = Adder(1, seconds=0.05)
    slots = model.start()
    session = Session()
    session.join(slots).feed(1)
    await settled()
    await slots.close()
    assert asyncio.get_running_loop().time() == pytest.approx(0.05)
    assert isinstance(session.lost[0], ClosedError)
    with pytest.raises(ClosedError):
        Session().join(slots)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["join", "leave", "feed", "wait"]), st.integers(0, 5)), max_size=60),
    st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.5]), min_size=1, max_size=5),
)
def test_each_session_hears_its_own_sums_in_order(script: list[tuple[str, int]], durations: list[float]) -> None:
    async def story() -> None:
        model = Adder(3)
        slots = model.start()
        sessions: list[tuple[Session, Seat[int, Out], list[int]]] = []
        for number, (what, which) in enumerate(script):
            model.seconds = durations[number % len(durations)]
            if what == "wait":
                await asyncio.sleep(which * 0.03)
            elif what == "join" and slots.taken < 3:
                session = Session()
                sessions.append((session, session.join(slots), []))
            elif sessions:
                _, seat, fed = sessions[which % len(sessions)]
                if what == "leave":
                    seat.leave()
                elif what == "feed":
                    seat.feed(number)
                    fed.append(number)
        await asyncio.sleep(10)
        for session, seat, fed in sessions:
            assert not session.lost
            heard = [frame for frame, _ in session.heard]
            assert [total for _, total in session.heard] == [sum(heard[: place + 1]) for place in range(len(heard))]
            assert heard == [frame for frame in fed if frame in heard]
            if seat.is_taken:
                assert len(heard) == len(fed) - seat.dropped_frames
        await slots.close()

    run_virtually(story())


@given(st.dictionaries(st.integers(1, 64), st.floats(0.001, 0.2), max_size=20), st.floats(0.1, 1))
def test_capacity_is_what_was_measured_to_be_in_time(measured: dict[int, float], margin: float) -> None:
    found = sessions_in_time(measured, PERIOD, margin)
    assert all(seconds <= PERIOD * margin for sessions, seconds in measured.items() if sessions <= found)
    assert found == 0 or found in measured
    above = [sessions for sessions in measured if sessions > found]
    assert not above or measured[min(above)] > PERIOD * margin
