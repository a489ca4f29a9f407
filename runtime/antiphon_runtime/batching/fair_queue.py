"""What waits, in the order in which it will be computed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Generic, TypeAlias

from antiphon_runtime.batching.work import Item, Result, Work

_Lanes: TypeAlias = OrderedDict[Hashable, OrderedDict[int, Work[Item, Result]]]


class FairQueue(Generic[Item, Result]):
    """Finals before partials; among each, one session after the other, and within a session in order of arrival.

    A session whose work was taken goes behind all others that wait, so between two pieces of work of one session at most
    one of each other session is taken. Of a session at most one partial waits: the latest.
    """

    def __init__(self) -> None:
        self._all: OrderedDict[int, Work[Item, Result]] = OrderedDict()
        self._finals: _Lanes[Item, Result] = OrderedDict()
        self._partials: _Lanes[Item, Result] = OrderedDict()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Work[Item, Result]]:
        """In order of arrival. Over a copy: the queue may change meanwhile."""
        return iter(tuple(self._all.values()))

    @property
    def oldest(self) -> Work[Item, Result] | None:
        return next(iter(self._all.values()), None)

    def batch_size(self, *, once_per_session: bool) -> int:
        """Size of the batch that could be taken now, were there no cap."""
        return len(self._finals.keys() | self._partials.keys()) if once_per_session else len(self)

    def superseded_by(self, session: Hashable) -> Work[Item, Result] | None:
        """The partial that new work of the session makes useless."""
        return next(iter(self._partials.get(session, {}).values()), None)

    def add(self, work: Work[Item, Result]) -> None:
        lanes = self._finals if work.final else self._partials
        self._all[work.number] = work
        lanes.setdefault(work.session, OrderedDict())[work.number] = work

    def remove(self, work: Work[Item, Result]) -> bool:
        """Says whether it was there."""
        if self._all.pop(work.number, None) is None:
            return False
        lanes = self._finals if work.final else self._partials
        lane = lanes[work.session]
        del lane[work.number]
        if not lane:
            del lanes[work.session]
        return True

    def take(
        self, most: int, is_wanted: Callable[[Work[Item, Result]], bool], *, once_per_session: bool = False
    ) -> list[Work[Item, Result]]:
        """Removes and returns the next batch. Unwanted work goes too; it costs its session no turn."""
        taken: list[Work[Item, Result]] = []
        served: set[Hashable] = set()
        for lanes in (self._finals, self._partials):
            while room := most - len(taken):
                turn = tuple(islice((session for session in lanes if session not in served), room))
                if not turn:
                    break
                found = [self._next(lanes, session, is_wanted) for session in turn]
                taken.extend(work for work in found if work is not None)
                if once_per_session:
                    served.update(work.session for work in found if work is not None)
        return taken

    def _next(
        self, lanes: _Lanes[Item, Result], session: Hashable, is_wanted: Callable[[Work[Item, Result]], bool]
    ) -> Work[Item, Result] | None:
        lane = lanes.pop(session)
        found = None
        while lane and found is None:
            number, work = lane.popitem(last=False)
            del self._all[number]
            found = work if is_wanted(work) else None
        if lane:
            lanes[session] = lane
        return found
