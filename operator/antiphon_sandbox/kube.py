"""The verbs of the API as controllers, scheduler and nodes use them, in the same process.

They know the API by this alone. Every verb goes through the same defaults, validation, field management and revision
count as a request over HTTP. Resources are named as kubectl names them in full: `pods`, `deployments.apps`,
`voiceagents.antiphon.dev`. All verbs are synchronous: what they return is the state of the world, no cache of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from antiphon_sandbox.objects import Obj, Objects


class ApiError(Exception):
    """A request that the API refuses: HTTP code, reason and message as Kubernetes words them."""

    def __init__(self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})

    def status(self) -> Obj:
        """The `Status` object that says so."""
        body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        reason = {"reason": self.reason} if self.reason else {}
        details = {"details": self.details} if self.details else {}
        return {**body, **reason, **details, "code": self.code}


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one object. `object` is its last state when it was deleted."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    resource: str
    object: Obj
    old: Obj | None
    revision: int


class Kube(Protocol):
    """The API, in-process. Verbs raise ApiError: 404 NotFound, 409 Conflict or AlreadyExists, 422 Invalid, ..."""

    def now(self) -> datetime:
        """The wall clock, in UTC; virtual in tests, moving with the event loop's time."""
        ...

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The object, or None. `namespace` is empty for what is cluster-scoped."""
        ...

    def list(self, resource: str, namespace: str = "", labels: Mapping[str, Any] | None = None) -> Objects:
        """Objects of one namespace (all when empty) that a LabelSelector matches (all without one), by name."""
        ...

    def owned(self, resource: str, owner_uid: str) -> Objects:
        """Objects with an owner reference to that uid, by an index."""
        ...

    def create(self, resource: str, obj: Obj) -> Obj:
        """Created as told; metadata.namespace says where. A `status` in it is kept where the API keeps it (pods)."""
        ...

    def update(self, resource: str, obj: Obj) -> Obj:
        """Replaces all but the status; a metadata.resourceVersion that is not the present one is a 409."""
        ...

    def update_status(self, resource: str, obj: Obj) -> Obj:
        """Replaces the status, and nothing else; writes nothing when it is the same already."""
        ...

    def patch(self, resource: str, namespace: str, name: str, change: Obj) -> Obj:
        """A JSON merge patch."""
        ...

    def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
    ) -> None:
        """As DELETE does. A pod on a node only gets its deletionTimestamp; grace 0 (the node's word) removes it."""
        ...

    def bind(self, pod: Obj, node: str) -> None:
        """Sets a pod's node, as the binding subresource does; 409 when it has one."""
        ...

    def record(
        self, regarding: Obj, kind: Literal["Normal", "Warning"], reason: str, message: str, source: str
    ) -> None:
        """An Event (kubectl events, describe); a repeated one is counted, not repeated. Never raises."""
        ...

    def subscribe(self, resources: Iterable[str], callback: Callable[[Event], None]) -> Callable[[], None]:
        """Calls back for every change from now on, within the write; returns what ends it.

        The callback must be quick, must not raise and must not write: it marks something as due.
        """
        ...


@dataclass(frozen=True, slots=True)
class LogOptions:
    """What `kubectl logs` asks for."""

    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    since_seconds: int | None = None
    limit_bytes: int | None = None


class Kubelet(Protocol):
    """What the API asks of a node; one serves all the nodes of its kind."""

    def logs(self, pod: Obj, options: LogOptions) -> AsyncIterator[bytes]:
        """The log, in chunks; ends at its end, or with the container when following. ApiError 400 when there is none."""
        ...
