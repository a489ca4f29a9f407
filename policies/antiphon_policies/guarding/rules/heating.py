"""GPUs that are too hot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.levels import AGENT, stage_named
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import FRESH_SECONDS, GuardScene


class Temperature:
    """Adds no load to a group with a GPU at or above maxGpuTemperatureCelsius: no larger caps, no heavier variants, no costly
    features, and no replica fewer, which would leave its sessions to the others. What takes load off passes.

    A GPU that is too hot throttles itself, and then every prediction is wrong, most of all one that relies on it.
    """

    name: ClassVar[str] = "temperature"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        limit = scene.rails.max_gpu_temperature_celsius
        if limit is None or not _adds_load(change):
            return None
        for pod in scene.seen.pods:
            degrees = pod.gpu_temperature_celsius
            if degrees is None or degrees < limit or pod.age_seconds > FRESH_SECONDS:
                continue
            if change.target == AGENT or pod.group == _group_of(change, scene):
                return Hold(f"the GPU of {pod.name} has {degrees:.0f} °C; the policy allows less than {limit} °C")
        return None


def _adds_load(change: Change) -> bool:
    return change.direction == ("up" if change.actuator == "batch" else "down")


def _group_of(change: Change, scene: GuardScene) -> str:
    stage = stage_named(change.target, scene.facts)
    on_stage = change.actuator in ("batch", "variant")
    return stage.group if stage and on_stage else change.target
