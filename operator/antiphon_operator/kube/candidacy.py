"""Who may lead, by a Lease: one candidate's view of it. Pure: clocks, answers and failures are passed in.

No two hold at once, whatever the wall clocks say. A holder counts from before it began the write that succeeded; others
count from after they saw that write, for the whole duration. Each by its own clock, which need only run as fast as the
other's. A write bears the resourceVersion that it was decided on: of two, one wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from antiphon_operator.objects import Obj


@dataclass(frozen=True)
class LeaseTimes:
    """In seconds."""

    duration: float = 15.0
    """A holder that was not seen to renew for so long is taken for dead."""
    renew: float = 2.0
    """Between renewals, and between looks of those who wait."""
    margin: float = 3.0
    """Before its end a holder stops writing: requests that are on their way shall be over when another begins."""
    attempt: float = 1.5
    """One request; twice as long each time that no answer comes, as a slow server is better than none."""
    longest_attempt: float = 3.0
    again: float = 0.5
    """Between a failure of a holder and its next try."""


@dataclass(frozen=True)
class Look:
    """Read the Lease."""


@dataclass(frozen=True)
class Write:
    """Replace the Lease; create it where `lease` has no resourceVersion."""

    lease: Obj


@dataclass(frozen=True)
class Pause:
    seconds: float


Step = Look | Write | Pause


class Candidacy:
    """Ask `step` what to do, do it, and tell how it went. One thing at a time."""

    def __init__(self, namespace: str, name: str, holder: str, times: LeaseTimes | None = None) -> None:
        """`holder` must be this process's alone: not even its successor in the same pod may bear it."""
        self.times = times or LeaseTimes()
        self._head = {"namespace": namespace, "name": name}
        self._holder = holder
        self._lease: Obj | None = None
        """As last read or written."""
        self._seen_at = float("-inf")
        """When this state of it was first seen."""
        self._looked = False
        self._must_look = True
        """What is known is old. It stays the measure of whether the Lease changes: a look makes no dead holder younger."""
        self._due = float("-inf")
        self._held_until = float("-inf")
        self._failures = 0

    # --- what is so ------------------------------------------------------------------------------------------------

    def holds(self, now: float) -> bool:
        """It may write."""
        return now < self._held_until

    @property
    def held_until(self) -> float:
        return self._held_until

    @property
    def looked(self) -> bool:
        """It has seen the Lease, or that there is none."""
        return self._looked

    @property
    def holder_seen(self) -> str:
        """Who held it when it was last looked at."""
        return str(_spec(self._lease).get("holderIdentity") or "")

    def attempt_seconds(self, now: float) -> float:
        """How long to wait for an answer. Of a holder no longer than it holds: then it has to say that it does not."""
        seconds = min(self.times.attempt * 2.0 ** min(self._failures, 10), self.times.longest_attempt)
        return max(min(seconds, self._held_until - now), 0.05) if self.holds(now) else seconds

    # --- what to do ------------------------------------------------------------------------------------------------

    def step(self, now: float, wall: datetime) -> Step:
        if now < self._due:
            return Pause(self._due - now)
        if not self._must_look and (self._is_ours() or self._is_free(now)):
            return Write(self._claim(wall))
        return Look()

    def _is_ours(self) -> bool:
        return self.holder_seen == self._holder

    def _is_free(self, now: float) -> bool:
        """A Lease that vanishes was deleted by somebody: its holder does not know of it at once."""
        if self._lease is None:
            return self._seen_at == float("-inf") or self.holds(now) or now >= self._seen_at + self.times.duration
        if not self.holder_seen:
            return True
        return now >= self._seen_at + self._foreign_duration()

    def _foreign_duration(self) -> float:
        """What the holder goes by may be longer than what we would."""
        stated = _spec(self._lease).get("leaseDurationSeconds")
        return max(self.times.duration, float(stated) if isinstance(stated, int) else 0.0)

    def _claim(self, wall: datetime) -> Obj:
        """The wall clock is for people who look at the Lease."""
        old, stamp = _spec(self._lease), wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        renews = self._is_ours()
        transitions = old.get("leaseTransitions")
        count = transitions if isinstance(transitions, int) else 0
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": round(self.times.duration),
            "acquireTime": old.get("acquireTime") or stamp if renews else stamp,
            "renewTime": stamp,
            "leaseTransitions": count if renews or self._lease is None else count + 1,
        }
        return self._object(spec)

    def release(self, wall: datetime) -> Obj | None:
        """Holds no more from now on. What to write so that the next one need not wait; None where there is nothing."""
        self._held_until = float("-inf")
        if self._lease is None or self._must_look or not self._is_ours():
            return None
        stamp = wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {**_spec(self._lease), "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": stamp}
        return self._object(spec)

    def _object(self, spec: Obj) -> Obj:
        metadata = dict(self._lease["metadata"]) if self._lease else dict(self._head)
        metadata.pop("managedFields", None)
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    # --- how it went -----------------------------------------------------------------------------------------------

    def saw(self, lease: Obj | None, now: float) -> None:
        """The answer of a Look, which came now. A Lease of ours may be the fruit of a write whose answer was lost."""
        if _version(lease) != _version(self._lease):
            self._seen_at = now
        self._lease, self._looked, self._must_look, self._failures = lease, True, False, 0
        if self._is_ours() or self._is_free(now):
            self._due = now
            return
        self._held_until = float("-inf")
        self._due = min(now + self.times.renew, self._seen_at + self._foreign_duration())

    def wrote(self, lease: Obj, began: float, now: float) -> None:
        """The write that began then has succeeded."""
        self._lease, self._must_look, self._failures = lease, False, 0
        self._seen_at = now
        self._held_until = began + self.times.duration - self.times.margin
        self._due = began + self.times.renew

    def refused(self, now: float) -> None:
        """Another one wrote, or it is gone: what we know of it is old."""
        self._forget(now)

    def unanswered(self, now: float) -> None:
        """Of a Look or a Write: the write may have happened, or may happen yet."""
        self._failures += 1
        self._forget(now + self.times.again)

    def _forget(self, due: float) -> None:
        self._due = due
        self._must_look = True


def _spec(lease: Obj | None) -> Obj:
    spec = (lease or {}).get("spec")
    return spec if isinstance(spec, dict) else {}


def _version(lease: Obj | None) -> tuple[str, str]:
    metadata = (lease or {}).get("metadata") or {}
    return str(metadata.get("uid") or ""), str(metadata.get("resourceVersion") or "")
