"""Objects, their revisions and what lately happened to them. It knows nothing of kinds or rules.

What is in it is never changed, only replaced: it may be handed out without copying.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Protocol

from antiphon_sandbox.api.errors import expired
from antiphon_sandbox.kube import ApiError, Event
from antiphon_sandbox.objects import Obj, name_of, namespace_of, uid_of

Key = tuple[str, str, str]
"""Resource, namespace, name."""
Callback = Callable[[Event], None]

HISTORY = 1000
"""Events kept for each resource, so that a watch may start in the past; about what a busy minute brings."""


class Journal(Protocol):
    """Where objects outlive the process."""

    def load(self) -> tuple[int, Iterable[tuple[str, Obj]]]:
        """The last revision, and every object with its resource."""
        ...

    def save(self, resource: str, obj: Obj, revision: int) -> None: ...

    def forget(self, resource: str, obj: Obj, revision: int) -> None: ...


class Store:
    """All objects, by resource, namespace and name."""

    def __init__(self, journal: Journal | None = None, history: int = HISTORY) -> None:
        self.revision = 0
        self._objects: dict[str, dict[str, dict[str, Obj]]] = defaultdict(lambda: defaultdict(dict))
        self._keys: dict[str, Key] = {}
        self._dependents: dict[str, dict[Key, None]] = {}
        self._history: dict[str, deque[Event]] = defaultdict(lambda: deque(maxlen=history))
        self._oldest: dict[str, int] = {}
        self._first_revision = 0
        self._callbacks: dict[str, dict[object, Callback]] = defaultdict(dict)
        self._journal = journal
        if journal:
            self._load(journal)

    def _load(self, journal: Journal) -> None:
        self.revision, objects = journal.load()
        self._first_revision = self.revision
        for resource, obj in objects:
            self._objects[resource][namespace_of(obj)][name_of(obj)] = obj
            self._index(resource, obj)

    # --- reading ---------------------------------------------------------------------------------------------------

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        return self._objects[resource][namespace].get(name)

    def items(self, resource: str, namespace: str = "") -> Iterator[Obj]:
        """By namespace and name. All namespaces when it is empty."""
        spaces = self._objects[resource]
        for space in [namespace] if namespace else sorted(spaces):
            named = spaces[space]
            for name in sorted(named):
                yield named[name]

    def resources(self) -> list[str]:
        """The resources of which there is something."""
        return [resource for resource, spaces in self._objects.items() if any(spaces.values())]

    def key_of(self, uid: str) -> Key | None:
        return self._keys.get(uid)

    def dependents(self, owner_uid: str) -> list[tuple[str, Obj]]:
        """What has an owner reference to that uid."""
        found = [(key[0], self.get(*key)) for key in self._dependents.get(owner_uid, ())]
        return [(resource, obj) for resource, obj in found if obj is not None]

    # --- writing ---------------------------------------------------------------------------------------------------

    def put(self, resource: str, obj: Obj) -> Obj:
        """Adds or replaces; sets the revision in the object's metadata, which must be the caller's own."""
        old = self.get(resource, namespace_of(obj), name_of(obj))
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        if old is not None:
            obj = _sharing(old, obj)
            self._unindex(resource, old)
        self._objects[resource][namespace_of(obj)][name_of(obj)] = obj
        self._index(resource, obj)
        if self._journal:
            self._journal.save(resource, obj, self.revision)
        self._tell("MODIFIED" if old else "ADDED", resource, obj, old)
        return obj

    def remove(self, resource: str, obj: Obj) -> Obj:
        """Removes; the last state, which the caller hands over, gets a revision of its own."""
        old = self._objects[resource][namespace_of(obj)].pop(name_of(obj))
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        self._unindex(resource, old)
        if self._journal:
            self._journal.forget(resource, obj, self.revision)
        self._tell("DELETED", resource, obj, old)
        return obj

    def _index(self, resource: str, obj: Obj) -> None:
        key = (resource, namespace_of(obj), name_of(obj))
        self._keys[uid_of(obj)] = key
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._dependents.setdefault(owner["uid"], {})[key] = None

    def _unindex(self, resource: str, obj: Obj) -> None:
        key = (resource, namespace_of(obj), name_of(obj))
        self._keys.pop(uid_of(obj), None)
        for owner in obj["metadata"].get("ownerReferences") or ():
            keys = self._dependents.get(owner["uid"], {})
            keys.pop(key, None)
            if not keys:
                self._dependents.pop(owner["uid"], None)

    # --- telling ---------------------------------------------------------------------------------------------------

    def _tell(self, kind: Literal["ADDED", "MODIFIED", "DELETED"], resource: str, obj: Obj, old: Obj | None) -> None:
        event = Event(kind, resource, obj, old, self.revision)
        history = self._history[resource]
        if len(history) == history.maxlen:
            self._oldest[resource] = history[0].revision
        history.append(event)
        for callback in [*self._callbacks[resource].values(), *self._callbacks[""].values()]:
            callback(event)

    def since(self, resource: str, revision: int) -> list[Event]:
        """What happened after that revision; ApiError 410 where that is no longer known."""
        oldest = self._oldest.get(resource, self._first_revision)
        if revision < oldest:
            raise expired(revision, oldest)
        return [event for event in self._history[resource] if event.revision > revision]

    def has_changed_since(self, resource: str, revision: int) -> bool:
        """Whether the list of then might not be that of now."""
        try:
            return bool(self.since(resource, revision))
        except ApiError:
            return True

    def compact(self) -> None:
        """Forgets what happened before now: watches from older revisions are refused with 410."""
        self._first_revision = self.revision
        self._oldest.clear()
        self._history.clear()

    def watch_all(self, callback: Callback) -> Callable[[], None]:
        """Calls back within every write to anything."""
        return self.subscribe([""], callback)

    def subscribe(self, resources: Iterable[str], callback: Callback) -> Callable[[], None]:
        """Calls back within every write to them, until what is returned is called."""
        token = object()
        names = list(resources)
        for resource in names:
            self._callbacks[resource][token] = callback

        def end() -> None:
            for resource in names:
                self._callbacks[resource].pop(token, None)

        return end


def _sharing(old: Obj, new: Obj) -> Obj:
    """The new object, with the old one's parts where they are equal: both are kept, in the history and as defaults."""
    return {name: _shared(old.get(name), value) for name, value in new.items()}


def _shared(old: Any, new: Any) -> Any:
    if type(new) is not dict or type(old) is not dict:
        return old if type(old) is type(new) and type(new) is list and old == new else new
    if old == new:
        return old
    return {name: _shared(old.get(name), value) for name, value in new.items()}
