"""The stages of one pod, and which of them a session gets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from antiphon_crds.runtime_config import StageConfig
from antiphon_crds.stages import Stage
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Answering, Detecting, Distinguishing, Recognizing, Speaking

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in one session. None: the pod does not have the stage."""

    vad: Served[Detecting] | None = None
    asr: Served[Recognizing] | None = None
    llm: Served[Answering] | None = None
    tts: Served[Speaking] | None = None
    diarization: Served[Distinguishing] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A stage as served: its own model, and one on trial."""

    config: StageConfig
    served: Served[Any]
    trial: Served[Any] | None = None


class Stages:
    """All stages of the pod, in the order of the configuration."""

    def __init__(self, parts: Mapping[Stage, Part]) -> None:
        self._parts = dict(parts)

    def __iter__(self) -> Iterator[Part]:
        return iter(self._parts.values())

    def __contains__(self, stage: object) -> bool:
        return stage in self._parts

    def served(self, stage: Stage) -> Served[Any] | None:
        part = self._parts.get(stage)
        return part.served if part else None

    def all_served(self) -> list[Served[Any]]:
        return [served for part in self for served in (part.served, part.trial) if served is not None]

    def cast(self, session_id: str = "") -> Cast:
        """The same for the same session always; without one, nobody on trial."""
        chosen = {part.config.stage: _chosen(part, session_id) for part in self}
        return Cast(**{name: chosen.get(cast("Stage", name)) for name in Cast.__dataclass_fields__})


def _chosen(part: Part, session_id: str) -> Served[Any]:
    if part.trial is None or part.config.trial is None or not session_id:
        return part.served
    share = zlib.crc32(f"{part.config.stage} {session_id}".encode()) / 2**32
    return part.trial if share < part.config.trial.share else part.served
