"""What an agent's sessions are like, the traffic that is expected, who may talk, and the pods themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import (
    Cron,
    Duration,
    Image,
    ItemName,
    MemoryQuantity,
    ObjectName,
    Origin,
    SecretKeyName,
    Timestamp,
    TimeZone,
    Url,
    within,
)


class Sessions(Contract):
    """What a session is like, and how it ends."""

    duty_cycle: Annotated[float, Field(ge=0.01, le=1)] = 0.3
    """Share of a session in which the agent works (speaks, or draws)."""
    drain: Annotated[Duration, within("0s", "24h")] = "900s"
    """Time that a pod gets to finish its sessions before it goes; no call is cut within it."""
    max_per_replica: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most sessions of one replica. Default: what it measures at start-up."""
    idle_timeout: Annotated[Duration, within("1s", "24h")] = "5m"
    """Silence on both sides after which a session is ended."""
    max_duration: Annotated[Duration, within("10s", "24h")] = "2h"
    """Longest session."""
    resume_grace: Annotated[Duration, within("0s", "10m")] = "30s"
    """Time in which a client that lost its connection may take its session up again."""
    routing: Literal["LeastLoaded", "RoundRobin"] = "LeastLoaded"
    """How new sessions are spread over replicas."""

    rules = (
        Rule(
            "duration(self.idleTimeout) <= duration(self.maxDuration)",
            "idleTimeout is {self.idleTimeout}, longer than maxDuration, {self.maxDuration}; make it shorter",
            "idleTimeout",
        ),
    )


class ExpectedTraffic(Contract):
    """Traffic known beforehand; capacity for it is ready `lead` earlier."""

    name: ItemName
    """Name of the entry, unique in its list."""
    cron: Cron | None = None
    """When it begins, again and again: minute hour day month weekday. Exactly one of cron and at."""
    at: Timestamp | None = None
    """When it begins, once. Exactly one of cron and at."""
    duration: Annotated[Duration, within("1m", "168h")] = "1h"
    """How long it lasts."""
    sessions: Annotated[int, Field(ge=1, le=1_000_000)]
    """Concurrent sessions expected."""
    lead: Annotated[Duration, within("0s", "24h")] = "15m"
    """How long before it the capacity is made ready."""
    time_zone: TimeZone = "UTC"
    """Time zone of the cron line, such as Europe/Vienna."""

    rules = (
        Rule(
            "has(self.cron) != has(self.at)",
            "traffic '{self.name}' needs exactly one of cron (again and again) and at (once)",
            "cron",
        ),
    )


class SecretKey(Contract):
    """A key of a Secret in the agent's namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: SecretKeyName = "keys"
    """Key in it."""


class Access(Contract):
    """Who may talk to the agent."""

    api_keys: SecretKey | None = None
    """Secret with the accepted bearer keys, one a line. Left out: no key is asked for."""
    allowed_origins: Annotated[list[Origin], Field(max_length=32), ListSet()] = []
    """Web origins whose pages may connect, such as https://shop.example. Empty: only the agent's own page."""


class ModelCache(Contract):
    """Where models are kept: at most one of size, claim and image."""

    size: MemoryQuantity | None = None
    """Size of a scratch volume that goes with the pod. Default: as much as the models need."""
    claim: ObjectName | None = None
    """Name of a PersistentVolumeClaim that the pods share."""
    image: Image | None = None
    """OCI image that holds the models, mounted as a volume."""

    rules = (
        Rule(
            "[has(self.size), has(self.claim), has(self.image)].filter(given, given).size() <= 1",
            "{[has(self.size), has(self.claim), has(self.image)].filter(given, given).size()} model caches are given;"
            " give at most one of size, claim and image",
        ),
    )


class Runtime(Contract):
    """The pods themselves."""

    image: Image | None = None
    """Image of the runtime. Default: the operator's."""
    image_pull_secrets: Annotated[list[ObjectName], Field(max_length=8), ListSet()] = []
    """Secrets with which the image is pulled."""
    model_cache: ModelCache = ModelCache()
    """Where models are kept."""
    traces_endpoint: Url | None = None
    """OpenTelemetry endpoint that gets a trace of every turn."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
