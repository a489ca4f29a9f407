"""Events (kubectl events): what controllers, scheduler and nodes tell; a repeated one is counted."""

from __future__ import annotations

import hashlib
import logging
from typing import Literal

from antiphon_sandbox.kube import ApiError, Kube
from antiphon_sandbox.objects import Obj, name_of, namespace_of, reference_to, timestamp, uid_of

log = logging.getLogger(__name__)


class EventLog:
    """Writes Events of the core group, which kubectl describe and kubectl events read."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    def record(
        self, regarding: Obj, kind: Literal["Normal", "Warning"], reason: str, message: str, source: str
    ) -> None:
        """Never raises: an Event that cannot be written is worth no failure."""
        try:
            self._record(regarding, kind, reason, message[:1024], source)
        except ApiError as error:
            log.debug("event %s of %s: %s", reason, name_of(regarding), error)

    def _record(self, regarding: Obj, kind: str, reason: str, message: str, source: str) -> None:
        namespace = namespace_of(regarding) or "default"
        told = "\0".join((uid_of(regarding), kind, reason, message, source))
        name = f"{name_of(regarding)[:200]}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        now = timestamp(self._kube.now())
        known = self._kube.get("events", namespace, name)
        if known is not None:
            self._kube.patch("events", namespace, name, {"count": known.get("count", 1) + 1, "lastTimestamp": now})
            return
        event = {
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {**reference_to(regarding), "resourceVersion": regarding["metadata"]["resourceVersion"]},
            "reason": reason,
            "message": message,
            "type": kind,
            "source": {"component": source},
            "reportingComponent": source,
            "reportingInstance": "",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._kube.create("events", event)
