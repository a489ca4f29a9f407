"""One batcher for all stages: calls from many sessions become few calls of a plain function, off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Generic

from antiphon_runtime.batching.adaptive_cap import AdaptiveCap
from antiphon_runtime.batching.compute_thread import Computer, ComputeThread, Outcome
from antiphon_runtime.batching.errors import (
    BatchingError,
    ClosedError,
    ComputeError,
    ExpiredError,
    HungError,
    OverloadedError,
    SupersededError,
)
from antiphon_runtime.batching.fair_queue import FairQueue
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Batch, Dropped, End, Nobody, Observer, tell
from antiphon_runtime.batching.work import Item, Result, Work

_log = logging.getLogger(__name__)
_SMOOTHING = 0.2


@dataclass(slots=True, eq=False)
class _Run(Generic[Item, Result]):
    works: list[Work[Item, Result]]
    started: float
    queued: int
    cap: int
    hang_timer: asyncio.TimerHandle | None = None


class Batcher(Generic[Item, Result]):
    """Every item submitted ends exactly once: with its result, or with a BatchingError.

    Nothing is held back unless `max_wait_seconds` says so: what waits when the last batch is done forms the next one, and
    what arrives within one pass of the event loop goes together. Finals go before partials, so partials may wait as long
    as finals keep the function busy. To be made on a running event loop.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Sequence[Result]],
        limits: Limits | None = None,
        *,
        name: str = "batcher",
        observer: Observer | None = None,
        once_per_session: bool = False,
        bisect: bool = False,
        start_computer: Callable[[str], Computer] = ComputeThread,
    ) -> None:
        """`once_per_session`: a batch has at most one item of a session, for functions that move a session's state on.

        `bisect`: a batch that raises is computed again in halves, so that only the bad items fail. For functions that
        may safely see an item twice; one that always raises is then called twice as often as it has items.
        """
        self.name = name
        self._compute = compute
        self._limits = limits or Limits()
        self._cap = AdaptiveCap(self._limits)
        self._observer: Observer = observer or Nobody()
        self._once_per_session = once_per_session
        self._bisect = bisect
        self._start_computer = start_computer
        self._loop = asyncio.get_running_loop()
        self._queue: FairQueue[Item, Result] = FairQueue()
        self._numbers = count()
        self._halves: deque[list[Work[Item, Result]]] = deque()
        self._running: _Run[Item, Result] | None = None
        self._computer: Computer | None = None
        self._woken = False
        self._hold_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._finished = asyncio.Event()
        self._usual_seconds = 0.0
        self.hung_computations = 0
        """Threads that were left behind and have not come back."""

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def cap(self) -> int:
        """Cap of the next batch: the operator's bound, or less where the objective asks for it."""
        return self._cap.cap

    @property
    def limits(self) -> Limits:
        return self._limits

    def tune(self, limits: Limits) -> None:
        """In force from the next batch on. What waits stays, even if the queue is now shorter than what waits."""
        self._limits = limits
        self._cap.tune(limits)
        self._wake()

    def submit(
        self,
        item: Item,
        *,
        session: Hashable,
        final: bool = True,
        deadline: float | None = None,
        is_fenced: Callable[[], bool] | None = None,
    ) -> asyncio.Future[Result]:
        """The result to wait for; cancelling it hurts nobody else.

        `deadline` is in the loop's time: work that has not begun then never will. `is_fenced` tells that the session has
        moved on; it is asked just before the work would begin. A partial gives way to any later work of its session.
        """
        if self._closing:
            self._tell_dropped("closed")
            raise ClosedError(self.name)
        older = self._queue.superseded_by(session)
        if older is None and len(self._queue) >= self._limits.max_queue:
            self._tell_dropped("overloaded")
            raise OverloadedError(f"{len(self._queue)} wait for {self.name} already", self._retry_after_seconds())
        if older is not None:
            self._drop(older, SupersededError(), "superseded")
        future: asyncio.Future[Result] = self._loop.create_future()
        work = Work(next(self._numbers), item, future, session, final, self._loop.time(), is_fenced)
        future.add_done_callback(partial(self._forget_cancelled, work))
        self._queue.add(work)
        self._set_deadline(work, deadline)
        self._wake()
        return future

    def sweep(self) -> None:
        """Ends what is fenced off at once, not only when its turn comes: for the moment after a fence has moved."""
        for work in self._queue:
            if work.is_fenced is not None and work.is_fenced():
                self._drop(work, ExpiredError("fenced"), "fenced")

    async def close(self, *, drain: bool = True) -> None:
        """Takes nothing more; finishes what waits, or rejects it; returns when nothing is computed any more."""
        self._closing = True
        if not drain:
            self._reject_waiting()
        self._wake()
        await self._finished.wait()
        self._stop_computer()

    # --- waiting -------------------------------------------------------------------------------------------------

    def _set_deadline(self, work: Work[Item, Result], deadline: float | None) -> None:
        if self._limits.max_age_seconds is not None:
            oldest = work.submitted + self._limits.max_age_seconds
            deadline = oldest if deadline is None else min(deadline, oldest)
        if deadline is not None:
            work.deadline = deadline
            work.timer = self._loop.call_at(deadline, self._drop, work, ExpiredError("deadline"), "deadline")

    def _drop(self, work: Work[Item, Result], error: BatchingError, why: Dropped) -> None:
        self._queue.remove(work)
        work.fail(error)
        self._tell_dropped(why)
        self._wake()

    def _forget_cancelled(self, work: Work[Item, Result], future: asyncio.Future[Result]) -> None:
        if future.cancelled() and self._queue.remove(work):
            work.stop_timer()
            self._tell_dropped("cancelled")
            self._wake()

    def _reject_waiting(self) -> None:
        for work in (*self._queue, *(work for half in self._halves for work in half)):
            self._drop(work, ClosedError(self.name), "closed")
        self._halves.clear()

    def _is_wanted(self, work: Work[Item, Result]) -> bool:
        """Asked of work that has left the queue; ends it where it is not."""
        work.stop_timer()
        if work.future.done():
            if work.future.cancelled():
                self._tell_dropped("cancelled")
            return False
        if work.deadline is not None and self._loop.time() >= work.deadline:
            self._drop(work, ExpiredError("deadline"), "deadline")
            return False
        if work.is_fenced is not None and work.is_fenced():
            self._drop(work, ExpiredError("fenced"), "fenced")
            return False
        return True

    # --- forming a batch -----------------------------------------------------------------------------------------

    def _wake(self) -> None:
        if not self._woken and self._running is None:
            self._woken = True
            self._loop.call_soon(self._form)

    def _form(self) -> None:
        self._woken = False
        self._stop_holding()
        if self._running is not None:
            return
        if works := self._next_batch():
            self._start(works)
        elif self._closing and not self._queue:
            self._finished.set()

    def _next_batch(self) -> list[Work[Item, Result]]:
        while self._halves:
            if works := [work for work in self._halves.popleft() if self._is_wanted(work)]:
                return works
        if self._is_held():
            return []
        return self._queue.take(self.cap, self._is_wanted, once_per_session=self._once_per_session)

    def _is_held(self) -> bool:
        oldest = self._queue.oldest
        if oldest is None or self._closing or not self._limits.max_wait_seconds:
            return False
        until = oldest.submitted + self._limits.max_wait_seconds
        if self._loop.time() >= until or self._queue.batch_size(once_per_session=self._once_per_session) >= self.cap:
            return False
        self._hold_timer = self._loop.call_at(until, self._form)
        return True

    def _stop_holding(self) -> None:
        if self._hold_timer is not None:
            self._hold_timer.cancel()
            self._hold_timer = None

    # --- computing -----------------------------------------------------------------------------------------------

    def _start(self, works: list[Work[Item, Result]]) -> None:
        run = _Run(works, self._loop.time(), len(self._queue), self.cap)
        self._running = run
        if self._limits.hang_seconds is not None:
            run.hang_timer = self._loop.call_later(self._limits.hang_seconds, self._leave_behind, run)
        if self._computer is None:
            self._computer = self._start_computer(self.name)
        items = [work.item for work in works]
        self._computer.call(partial(self._checked, items), partial(self._done, run))

    def _checked(self, items: Sequence[Item]) -> Sequence[Result]:
        results = self._compute(items)
        if len(results) != len(items):
            raise RuntimeError(f"{len(results)} results came back for {len(items)} items")
        return results

    def _done(self, run: _Run[Item, Result], outcome: Outcome[Sequence[Result]]) -> None:
        if run is not self._running:
            self.hung_computations -= 1
            return
        self._end(run)
        if outcome.value is not None:
            self._usual_seconds += _SMOOTHING * (outcome.seconds - self._usual_seconds)
            self._cap.learn(len(run.works), outcome.seconds)
            for work, result in zip(run.works, outcome.value, strict=True):
                if not work.future.done():
                    work.future.set_result(result)
        elif outcome.error is not None:
            self._fail(run.works, outcome.error)
        self._tell_batch(run, outcome)
        self._wake()

    def _fail(self, works: list[Work[Item, Result]], error: BaseException) -> None:
        if self._bisect and len(works) > 1:
            middle = len(works) // 2
            self._halves.extendleft((works[middle:], works[:middle]))
            return
        _log.warning("%s: a batch of %d failed", self.name, len(works), exc_info=error)
        for work in works:
            work.fail(ComputeError(self.name, error))

    def _leave_behind(self, run: _Run[Item, Result]) -> None:
        """The batch fails; its thread, which nobody can stop, gets a successor."""
        seconds = self._loop.time() - run.started
        _log.error(
            "%s: a batch of %d hangs since %.1f s; its thread is left behind", self.name, len(run.works), seconds
        )
        self._end(run)
        self._stop_computer()
        self.hung_computations += 1
        for work in run.works:
            work.fail(HungError(self.name, seconds))
        self._tell_batch(run, None)
        self._wake()

    def _stop_computer(self) -> None:
        if self._computer is not None:
            self._computer.stop()
            self._computer = None

    def _end(self, run: _Run[Item, Result]) -> None:
        self._running = None
        if run.hang_timer is not None:
            run.hang_timer.cancel()

    # --- telling -------------------------------------------------------------------------------------------------

    def _retry_after_seconds(self) -> float:
        return self._usual_seconds * (len(self._queue) / self.cap + 1)

    def _tell_dropped(self, why: Dropped) -> None:
        tell(partial(self._observer.on_dropped, why))

    def _tell_batch(self, run: _Run[Item, Result], outcome: Outcome[Sequence[Result]] | None) -> None:
        waits = tuple(run.started - work.submitted for work in run.works)
        seconds = self._loop.time() - run.started if outcome is None else outcome.seconds
        end: End = "hung" if outcome is None else "computed" if outcome.error is None else "failed"
        batch = Batch(len(run.works), waits, seconds, run.queued, run.cap, end)
        tell(partial(self._observer.on_batch, batch))
