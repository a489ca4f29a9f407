"""Samples as lines of JSON, as a run is recorded while it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from antiphon_operator.plotting.series import Mark
from antiphon_operator.plotting.timeline import Sample

_MAPS = ("wanted", "ready", "variants", "caps")
_FIGURES = ("sessions", "capacity", "p95_ms", "target_ms", "mode")


class LineError(ValueError):
    """A line that is no sample; the text says which and why."""


def read_samples(lines: Iterable[str]) -> tuple[list[Sample], list[Mark]]:
    """Each line an object with the fields of `Sample`, or `{"at": ..., "mark": "..."}`; other fields are passed over."""
    samples: list[Sample] = []
    marks: list[Mark] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _object(line, number)
        if "mark" in found:
            marks.append(Mark(found["at"], str(found["mark"])))
        else:
            samples.append(_sample(found))
    return sorted(samples, key=lambda sample: sample.at), marks


def sample_line(sample: Sample) -> str:
    """The line that `read_samples` reads."""
    fields = {name: getattr(sample, name) for name in ("at", *_FIGURES)}
    maps = {name: dict(getattr(sample, name)) for name in _MAPS}
    return json.dumps({key: value for key, value in (fields | maps).items() if value not in (None, {})})


def _object(line: str, number: int) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise LineError(f"line {number} is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("at"), (int, float)):
        raise LineError(f"line {number} has no `at`, a number of seconds")
    return found


def _sample(found: Mapping[str, Any]) -> Sample:
    fields: dict[str, Any] = {name: found.get(name) for name in _FIGURES}
    maps: dict[str, Any] = {name: found.get(name) or {} for name in _MAPS}
    return Sample(at=found["at"], **fields, **maps)
