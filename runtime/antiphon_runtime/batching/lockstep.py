"""Slots that step together, once a period: for models whose sessions move on frame by frame with the clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from antiphon_runtime.batching.compute_thread import Computer, ComputeThread, Outcome
from antiphon_runtime.batching.errors import BatchingError, ClosedError, ComputeError, HungError, OverloadedError
from antiphon_runtime.batching.observing import Nobody, Tick, TickObserver, tell
from antiphon_runtime.batching.pacer import Pacer, Start
from antiphon_runtime.batching.seats import Frame, Output, Seat

_log = logging.getLogger(__name__)
_RETRY_AFTER_SECONDS = 5.0
_FrameIn = TypeVar("_FrameIn", contravariant=True)
_OutputOut = TypeVar("_OutputOut", covariant=True)


class SteppedModel(Protocol[_FrameIn, _OutputOut]):
    """A model with a fixed number of slots. Called in one thread, never two calls at a time."""

    def reset(self, slot: int) -> None:
        """Forgets the slot's last session."""
        ...

    def step(self, frames: Sequence[_FrameIn | None]) -> Sequence[_OutputOut | None]:
        """Moves on each slot that has a frame; one with None keeps its state. One place for each slot, in and out."""
        ...


def sessions_in_time(step_p99_seconds: Mapping[int, float], period_seconds: float, margin: float) -> int:
    """Most sessions whose step, as measured for each number of them, takes at most `margin` of a period; 0: none."""
    fitting = 0
    for sessions in sorted(step_p99_seconds):
        if step_p99_seconds[sessions] > period_seconds * margin:
            break
        fitting = sessions
    return fitting


class LockstepSlots(Generic[Frame, Output]):
    """Every tick steps the seats that have a frame. Without seats nothing ticks. To be made on a running event loop."""

    def __init__(
        self,
        model: SteppedModel[Frame, Output],
        *,
        slots: int,
        period_seconds: float,
        most_waiting: int = 8,
        hang_seconds: float | None = 10.0,
        name: str = "slots",
        observer: TickObserver | None = None,
        start_computer: Callable[[str], Computer] = ComputeThread,
    ) -> None:
        """`most_waiting`: frames kept for a seat; of more, the oldest are thrown away."""
        self.name = name
        self.slots = slots
        self.capacity = slots
        """Seats given out at most; may be lowered and raised up to `slots` while it runs."""
        self.overruns = 0
        self.skipped = 0
        self._model = model
        self._most_waiting = most_waiting
        self._hang_seconds = hang_seconds
        self._observer: TickObserver = observer or Nobody()
        self._start_computer = start_computer
        self._loop = asyncio.get_running_loop()
        self._pacer = Pacer(period_seconds)
        self._seats: dict[int, Seat[Frame, Output]] = {}
        self._computer: Computer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._hang_timer: asyncio.TimerHandle | None = None
        self._running: Start | None = None
        self._closing = False
        self._finished = asyncio.Event()

    @property
    def taken(self) -> int:
        return len(self._seats)

    def join(
        self, on_output: Callable[[Output], None], on_lost: Callable[[BatchingError], None]
    ) -> Seat[Frame, Output]:
        """A free slot, from the next tick on, or OverloadedError at once. `on_lost` is called if the model fails."""
        if self._closing:
            raise ClosedError(self.name)
        if len(self._seats) >= min(self.capacity, self.slots):
            raise OverloadedError(f"all {len(self._seats)} slots of {self.name} are taken", _RETRY_AFTER_SECONDS)
        slot = next(slot for slot in range(self.slots) if slot not in self._seats)
        seat = Seat(slot, self._most_waiting, on_output, on_lost, self._free)
        self._seats[slot] = seat
        if self._timer is None and self._running is None:
            self._plan(self._pacer.first(self._loop.time()))
        return seat

    async def close(self) -> None:
        """All seats are lost; returns when nothing is computed any more."""
        self._closing = True
        self._lose_all(ClosedError(self.name))
        if self._timer is not None:
            self._timer.cancel()
        if self._running is not None:
            await self._finished.wait()
        self._stop_computer()

    def _free(self, seat: Seat[Frame, Output]) -> None:
        del self._seats[seat.slot]

    def _lose_all(self, error: BatchingError) -> None:
        for seat in tuple(self._seats.values()):
            seat.lose(error)

    # --- ticking -------------------------------------------------------------------------------------------------

    def _plan(self, start: Start) -> None:
        self._timer = self._loop.call_at(start.at, self._tick, start)

    def _tick(self, start: Start) -> None:
        self._timer = None
        if not self._seats:
            return
        self.skipped += start.skipped
        stepped = {seat: frame for seat in self._seats.values() if (frame := seat.next_frame()) is not None}
        if not stepped:
            self._plan(self._pacer.after(start, self._loop.time()))
            return
        frames: list[Frame | None] = [None] * self.slots
        for seat, frame in stepped.items():
            frames[seat.slot] = frame
        resets = [seat.slot for seat in stepped if seat.is_fresh]
        for seat in stepped:
            seat.is_fresh = False
        self._start(start, tuple(stepped), partial(self._stepped, resets, frames))

    def _start(
        self,
        start: Start,
        seats: Sequence[Seat[Frame, Output]],
        step: Callable[[], Sequence[Output | None]],
    ) -> None:
        self._running = start
        if self._computer is None:
            self._computer = self._start_computer(self.name)
        if self._hang_seconds is not None:
            self._hang_timer = self._loop.call_later(self._hang_seconds, self._leave_behind, start)
        began = self._loop.time()
        self._computer.call(step, partial(self._done, start, began, seats))

    def _stepped(self, resets: Sequence[int], frames: Sequence[Frame | None]) -> Sequence[Output | None]:
        for slot in resets:
            self._model.reset(slot)
        outputs = self._model.step(frames)
        if len(outputs) != len(frames):
            raise RuntimeError(f"{len(outputs)} outputs came back for {len(frames)} slots")
        return outputs

    def _done(
        self,
        start: Start,
        began: float,
        seats: Sequence[Seat[Frame, Output]],
        outcome: Outcome[Sequence[Output | None]],
    ) -> None:
        if start is not self._running:
            return
        overrun = outcome.seconds > self._pacer.period_seconds
        self.overruns += overrun
        tick = Tick(len(seats), outcome.seconds, began - start.due, overrun, start.skipped)
        tell(partial(self._observer.on_tick, tick))
        if outcome.error is not None:
            _log.warning("%s: a step failed", self.name, exc_info=outcome.error)
            self._lose_all(ComputeError(self.name, outcome.error))
        elif outcome.value is not None:
            self._give(seats, outcome.value)
        self._end(start)

    def _give(self, seats: Sequence[Seat[Frame, Output]], outputs: Sequence[Output | None]) -> None:
        for seat in seats:
            if (output := outputs[seat.slot]) is not None:
                seat.give(output)

    def _leave_behind(self, start: Start) -> None:
        seconds = self._loop.time() - start.at
        _log.error("%s: a step hangs since %.1f s; its thread is left behind", self.name, seconds)
        self._stop_computer()
        self._lose_all(HungError(self.name, seconds))
        self._end(start)

    def _stop_computer(self) -> None:
        if self._computer is not None:
            self._computer.stop()
            self._computer = None

    def _end(self, start: Start) -> None:
        self._running = None
        if self._hang_timer is not None:
            self._hang_timer.cancel()
        if self._closing:
            self._finished.set()
        else:
            self._plan(self._pacer.after(start, self._loop.time()))
