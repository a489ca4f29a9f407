"""What all controllers share: which keys a change touches, and one visit for each of them at the start."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from antiphon_sandbox.kube import Event, Kube
from antiphon_sandbox.objects import Obj, name_of, namespace_of
from antiphon_sandbox.reconciler import Reconciler

REST_SECONDS = 0.02
REST_PER_SECOND = 4.0
"""Between two visits for changes of one key, at least, and for each second that the first of them took.

A hundred pods that start at once are one change, not a hundred; and whoever has thousands leaves time to others.
"""

Key = tuple[str, str]
"""Namespace (empty for what is cluster-scoped) and name."""


def key_of(obj: Obj) -> Key:
    return namespace_of(obj), name_of(obj)


class Controller(ABC):
    """Makes the world what the objects of one kind say. `name` is the source of its Events."""

    name: ClassVar[str]
    watched: ClassVar[tuple[str, ...]]

    def __init__(self, kube: Kube) -> None:
        self.kube = kube
        self.due: Reconciler[Key] = Reconciler(self.name, self._visit)
        self._resting: dict[Key, bool] = {}

    @abstractmethod
    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        """What may have to act on a change of `obj`; asked for its old and for its new state."""

    @abstractmethod
    def reconcile(self, key: Key) -> None:
        """One visit; writes nothing when the world is as it should be."""

    async def run(self) -> None:
        """Until cancelled."""
        unsubscribe = self.kube.subscribe(self.watched, self.on_event)
        try:
            for resource in self.watched:
                for obj in self.kube.list(resource):
                    self._mark(resource, obj)
            await self.due.run()
        finally:
            unsubscribe()

    def on_event(self, event: Event) -> None:
        self._mark(event.resource, event.object)
        if event.old is not None:
            self._mark(event.resource, event.old)

    def _mark(self, resource: str, obj: Obj) -> None:
        for key in self.affected(resource, obj):
            if key in self._resting:
                self._resting[key] = True
            else:
                self.due.mark(key)

    def _visit(self, key: Key) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        self._resting[key] = False
        try:
            self.reconcile(key)
        finally:
            rest = REST_SECONDS + REST_PER_SECOND * (loop.time() - start)
            loop.call_later(rest, self._rested, key)

    def _rested(self, key: Key) -> None:
        if self._resting.pop(key, False):
            self.due.mark(key)
