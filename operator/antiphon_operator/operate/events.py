"""Events about agents: told when something changed, never again and again."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import datetime

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import ApiError
from antiphon_operator.kube.resources import EVENTS
from antiphon_operator.names import MANAGER
from antiphon_operator.objects import Obj, name_of, namespace_of, uid_of
from antiphon_operator.operate.news import Told

log = logging.getLogger(__name__)

_MOST_NOTE = 1000
"""Characters; the API server allows 1024 in an Event."""


class EventRecorder:
    """Writes Events; what can't be written is logged and forgotten: an Event is news, not state."""

    def __init__(self, kube: Kube, identity: str, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._identity = identity
        self._now = now

    async def tell(self, obj: Obj, told: Told) -> None:
        namespace = namespace_of(obj) or "default"
        try:
            await self._kube.create(EVENTS, self._event(obj, told, namespace))
        except ApiError as error:
            log.info("an Event about %s/%s was not written: %s", namespace, name_of(obj), error)

    def _event(self, obj: Obj, told: Told, namespace: str) -> Obj:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"name": f"{name_of(obj)}.{uuid.uuid4().hex[:16]}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": obj["apiVersion"],
                "kind": obj["kind"],
                "name": name_of(obj),
                "namespace": namespace_of(obj) or None,
                "uid": uid_of(obj),
            },
            "type": told.kind,
            "reason": told.reason,
            "message": told.message[:_MOST_NOTE],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": MANAGER},
            "reportingComponent": f"antiphon.dev/{MANAGER}",
            "reportingInstance": self._identity,
        }
