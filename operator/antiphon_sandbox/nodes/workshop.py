"""What all pods of a machine's process nodes share, and what a container asks of its pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import aiohttp

from antiphon_sandbox.kube import Kube
from antiphon_sandbox.nodes.addresses import Addresses
from antiphon_sandbox.nodes.child import Child
from antiphon_sandbox.nodes.container_program import Surroundings
from antiphon_sandbox.nodes.images import ImageTable
from antiphon_sandbox.nodes.restarts import Timing
from antiphon_sandbox.objects import Obj

SOURCE = "kubelet"
EventKind = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Workshop:
    kube: Kube
    state_dir: Path
    images: ImageTable
    environment: Mapping[str, str]
    """Variables of every container."""
    timing: Timing
    http: aiohttp.ClientSession
    addresses: Addresses = field(default_factory=Addresses)
    children: set[Child] = field(default_factory=set)
    """Processes of containers that were not waited for yet."""


class PodSide(Protocol):
    """A container's view of its pod."""

    @property
    def pod(self) -> Obj: ...

    @property
    def address(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    def surroundings(self, container: str) -> Surroundings: ...

    def changed(self) -> None:
        """A container's status is another."""
        ...

    def record(self, kind: EventKind, reason: str, message: str) -> None: ...

    async def news(self) -> None:
        """Returns with the next change of the pod, or of a ConfigMap or Secret that it refers to."""
        ...
