"""The words that label values are made of, so that a label never takes what somebody sent."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from antiphon_crds.stages import Stage

SessionEnd: TypeAlias = Literal["client", "lost", "stalled", "idle", "max_duration", "drained", "failed"]
"""client: it hung up. lost: its connection broke and it did not come back in time. drained: the pod had to go.
failed: a fault of ours."""
RejectionReason: TypeAlias = Literal["full", "draining", "not_ready"]
SwitchMode: TypeAlias = Literal["beside", "drained"]


class Runs(NamedTuple):
    """A variant that runs, as the labels of a metric name it."""

    stage: Stage
    model: str
    variant: str
    emulated: str
    """"true" or "false"."""


def emulated_label(emulated: bool) -> str:
    return "true" if emulated else "false"
