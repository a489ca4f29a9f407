"""What is known of the objects of one resource, whatever order the news comes in. Pure.

An object is never replaced by an older state of itself, and one that is gone does not come back by old news: versions
of a resource are comparable as numbers, which Kubernetes promises since 1.35 and every API server keeps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from antiphon_operator.kube.watching import Kind
from antiphon_operator.objects import Obj, name_of, namespace_of, uid_of, version_of

Key: TypeAlias = tuple[str, str]
"""Namespace (empty where there is none) and name."""
Change: TypeAlias = tuple[Kind, Obj]

_MOST_REMEMBERED = 4096
"""Of those that are gone. Late news is seconds late: so many are not deleted meanwhile."""


def key_of(obj: Obj) -> Key:
    return namespace_of(obj), name_of(obj)


class Cache:
    """Each method returns what changed by it."""

    def __init__(self) -> None:
        self._objects: dict[Key, Obj] = {}
        self._gone_at: OrderedDict[Key, int] = OrderedDict()
        self._listed_at = 0
        """All that there was at this version was in a list: news of a state before it, of what is not known, is too old."""

    @property
    def objects(self) -> Mapping[Key, Obj]:
        """As they are now; a view."""
        return MappingProxyType(self._objects)

    def heard(self, kind: Kind, obj: Obj) -> list[Change]:
        """Of a watch."""
        return self._drop(obj) if kind == "DELETED" else self.put(obj)

    def put(self, obj: Obj) -> list[Change]:
        """Of a watch, or the answer to a write."""
        return self._put(obj, self._listed_at)

    def _put(self, obj: Obj, listed_at: int) -> list[Change]:
        key, version = key_of(obj), version_of(obj)
        known = self._objects.get(key)
        if known is not None and version <= version_of(known):
            return []
        if version <= self._gone_at.get(key, -1) or (known is None and version <= listed_at):
            return []
        self._objects[key] = obj
        self._gone_at.pop(key, None)
        if known is None:
            return [("ADDED", obj)]
        if uid_of(known) == uid_of(obj):
            return [("MODIFIED", obj)]
        return [("DELETED", known), ("ADDED", obj)]

    def listed(self, objects: Iterable[Obj], version: int) -> list[Change]:
        """All that there was at that version. What is not in it and was last changed before it is gone."""
        found = {key_of(obj): obj for obj in objects}
        changes: list[Change] = []
        for key, known in list(self._objects.items()):
            if key not in found and version_of(known) <= version:
                changes += self._remove(key, known, version)
        listed_at = self._listed_at if version < self._listed_at else -1
        for obj in found.values():
            changes += self._put(obj, listed_at)
        self._listed_at = max(version, self._listed_at)
        return changes

    def start_over(self, objects: Iterable[Obj], version: int) -> list[Change]:
        """The same where the server's versions began anew, and what is known of them is worth nothing."""
        before, self._objects = self._objects, {}
        self._gone_at.clear()
        self._listed_at = 0
        self.listed(objects, version)
        changes: list[Change] = [("DELETED", known) for key, known in before.items() if key not in self._objects]
        for key, obj in self._objects.items():
            known = before.get(key)
            if known != obj:
                changes.append(("ADDED" if known is None else "MODIFIED", obj))
        return changes

    def _drop(self, obj: Obj) -> list[Change]:
        """The event may tell the version of the deletion, or, of old servers, the object's last one."""
        key, version = key_of(obj), version_of(obj)
        known = self._objects.get(key)
        if known is None:
            self._remember(key, version)
            return []
        if version < version_of(known):
            return []
        return self._remove(key, obj, version)

    def _remove(self, key: Key, last: Obj, version: int) -> list[Change]:
        del self._objects[key]
        self._remember(key, version)
        return [("DELETED", last)]

    def _remember(self, key: Key, version: int) -> None:
        self._gone_at[key] = max(version, self._gone_at.get(key, -1))
        self._gone_at.move_to_end(key)
        if len(self._gone_at) > _MOST_REMEMBERED:
            self._gone_at.popitem(last=False)
