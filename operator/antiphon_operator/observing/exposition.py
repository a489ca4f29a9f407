"""Reads what we need from a page in Prometheus' text format, fast: the same lines come again and again."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from antiphon_operator.observing.series import FAMILIES, FAMILY, Family, SeriesKey, Vector

GPU_UTILISATION = "antiphon_gpu_utilisation_ratio"

_MOST_KNOWN = 200_000
"""Beginnings of lines that are remembered. Pods of one kind share theirs; one that makes up labels must not fill us."""
_MOST_SERIES = 2000
"""Of one page. A pod with all stages and several variants of each has some hundred."""
_LINE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?')
_LABEL = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPE = re.compile(r'\\(["\\n])')
_SESSIONS = FAMILIES.index(FAMILY["sessions"])
_SUM, _COUNT, _VALUE = -1.0, -2.0, -3.0
"""Beside the bounds of buckets, which are above 0."""


class RawKey(NamedTuple):
    """One series of one pod, with all its labels: what counts up on its own, and falls back to 0 on its own."""

    family: int
    """Place in FAMILIES; -1: a gauge."""
    labels: tuple[tuple[str, str], ...]


class _Slot(NamedTuple):
    key: RawKey
    part: float
    """A bucket's bound, or one of the parts above."""


@dataclass(slots=True)
class Page:
    """What one pod told at one scrape."""

    series: dict[RawKey, tuple[SeriesKey, Vector]] = field(default_factory=dict)
    gpu_utilisation: float | None = None
    """Of several devices the largest."""
    problems: tuple[str, ...] = ()
    """What of it makes no sense, and is left out."""


class PageReader:
    """Remembers how lines begin: of a page like the last one only numbers are read."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot | None] = {}
        self._samples = _by_sample_name()

    def read(self, text: str) -> Page:
        """ValueError where the text is no page at all."""
        found: defaultdict[RawKey, dict[float, float]] = defaultdict(dict)
        slots = self._slots
        for line in text.split("\n"):
            beginning, _, value = line.rpartition(" ")
            try:
                slot = slots[beginning]
            except KeyError:
                slot, value = self._learn(line, beginning, value)
            if slot is not None:
                found[slot[0]][slot[1]] = float(value)
        return _page(found)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _learn(self, line: str, beginning: str, value: str) -> tuple[_Slot | None, str]:
        """A line that begins as none did before. One with a timestamp is read anew each time."""
        if not line.strip() or line.startswith("#"):
            self._remember(beginning, None)
            return None, value
        match = _LINE.match(line)
        words = line[match.end() :].split() if match else []
        if match is None or not 1 <= len(words) <= 2:
            raise ValueError(f"it has the line {line[:80]!r}")
        slot = self._slot(match[1], match[2] or "")
        if beginning == match[0]:
            self._remember(beginning, slot)
        return slot, words[0]

    def _remember(self, beginning: str, slot: _Slot | None) -> None:
        if len(self._slots) >= _MOST_KNOWN:
            self._slots.clear()
        self._slots[beginning] = slot

    def _slot(self, name: str, text: str) -> _Slot | None:
        known = self._samples.get(name)
        if known is None:
            return None
        labels = _labels(text)
        bound = labels.pop("le", None)
        family, part = known
        if part is None:
            part = float(bound or "nan")
            if not part > 0:
                raise ValueError(f"{name} has a bucket with the bound {bound!r}")
        return _Slot(RawKey(family, tuple(labels.items())), part)


def _labels(text: str) -> dict[str, str]:
    return {name: _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], value) for name, value in _LABEL.findall(text)}


def _by_sample_name() -> dict[str, tuple[int, float | None]]:
    """Family, and which part of it; None: a bucket."""
    found: dict[str, tuple[int, float | None]] = {GPU_UTILISATION: (-1, _VALUE)}
    for index, family in enumerate(FAMILIES):
        if index == _SESSIONS:
            continue
        if family.kind == "counter":
            found[family.metric] = (index, _VALUE)
            continue
        found[f"{family.metric}_sum"] = (index, _SUM)
        found[f"{family.metric}_count"] = (index, _COUNT)
        if family.kind == "histogram":
            found[f"{family.metric}_bucket"] = (index, None)
    return found


def _page(found: Mapping[RawKey, dict[float, float]]) -> Page:
    if len(found) > _MOST_SERIES:
        raise ValueError(f"it has {len(found)} series of ours")
    page, problems = Page(), []
    for raw, parts in found.items():
        if raw.family < 0:
            page.gpu_utilisation = _larger(page.gpu_utilisation, parts[_VALUE])
            continue
        family = FAMILIES[raw.family]
        try:
            bounds, vector = _vector(family, parts)
        except ValueError as error:
            problems.append(f"{family.metric}: {error}")
            continue
        if family.what == "sessionStart":
            page.series[RawKey(_SESSIONS, raw.labels)] = SeriesKey("sessions", ()), (vector[-2],)
        labels = dict(raw.labels)
        page.series[raw] = (
            SeriesKey(family.what, tuple([labels.get(name, "") for name in family.keeps]), bounds),
            vector,
        )
    page.problems = tuple(dict.fromkeys(problems))
    return page


def _larger(known: float | None, value: float) -> float | None:
    if not 0 <= value <= 1:
        return known
    return value if known is None else max(known, value)


def _vector(family: Family, parts: dict[float, float]) -> tuple[tuple[float, ...], Vector]:
    if family.kind == "counter":
        return (), _checked((parts[_VALUE],))
    total, count = parts.pop(_SUM, math.nan), parts.pop(_COUNT, math.nan)
    if family.kind == "sums":
        return (), _checked((count, total))
    bounds = sorted(parts)
    buckets = [parts[bound] for bound in bounds]
    vector = _checked((*buckets, total))
    if not bounds or bounds[-1] != math.inf:
        raise ValueError("it has no bucket +Inf")
    if buckets != sorted(buckets):
        raise ValueError("a bucket is less than the one below it")
    if buckets[-1] != count:
        raise ValueError("its count is not that of its buckets")
    return tuple(bounds), vector


def _checked(vector: Vector) -> Vector:
    """A sum tells at once whether a value is NaN or infinite."""
    if min(vector) < 0 or not math.isfinite(sum(vector)):
        spoilt = next((value for value in vector if not 0 <= value < math.inf), math.inf)
        raise ValueError(f"it has the value {spoilt}")
    return vector
