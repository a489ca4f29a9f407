"""The picture of one agent under load, simulated or real: sessions, p95 against its target, replicas, variants, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from antiphon_operator.plotting.series import Band, Form, Level, Line, Mark, Panel, Picture, Span

_CEILING = 3.0
"""Times its target that a percentile is shown up to."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One agent at one moment. What is None or absent is unknown, and leaves a gap."""

    at: float
    """In seconds, of a clock of any kind."""
    sessions: float | None = None
    capacity: float | None = None
    """Sessions that the replicas that serve hold."""
    p95_ms: float | None = None
    target_ms: float | None = None
    wanted: Mapping[str, float] = field(default_factory=dict)
    """Replicas by group."""
    ready: Mapping[str, float] = field(default_factory=dict)
    """Replicas that serve, by group."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """By stage."""
    caps: Mapping[str, float] = field(default_factory=dict)
    """Largest batch, by stage."""
    mode: str | None = None
    """Features that are switched as one."""


def agent_picture(
    title: str,
    samples: Sequence[Sample],
    *,
    subtitle: str = "",
    marks: Sequence[Mark] = (),
    figure: str = "p95 of a turn",
) -> Picture:
    """`samples`: at least one, by time. `figure`: what `p95_ms` is, in words."""
    panels = (_load(samples), _latency(samples, figure), _replicas(samples), _variants(samples), _caps(samples))
    shown = tuple(panel for panel in panels if panel.lines or panel.bands)
    return Picture(title, shown, samples[0].at, samples[-1].at, subtitle, tuple(marks))


def _load(samples: Sequence[Sample]) -> Panel:
    lines = (
        _line("live", samples, lambda sample: sample.sessions, area=True),
        _line("room for", samples, lambda sample: sample.capacity, steps=True),
    )
    return Panel("Sessions", lines=_told(lines))


def _latency(samples: Sequence[Sample], figure: str) -> Panel:
    """A target that never changes is a level; else a line of its own."""
    lines = [_line("seen", samples, lambda sample: sample.p95_ms)]
    targets = sorted({sample.target_ms for sample in samples if sample.target_ms is not None})
    if len(targets) > 1:
        lines.append(_line("target", samples, lambda sample: sample.target_ms, steps=True))
    levels = (Level("target", targets[0]),) if len(targets) == 1 else ()
    ceiling = _CEILING * targets[-1] if targets else None
    return Panel(figure, "ms", _told(lines), levels, ceiling=ceiling)


def _replicas(samples: Sequence[Sample]) -> Panel:
    serving = _lines_by_name("serving", samples, lambda sample: sample.ready)
    wanted = _lines_by_name("wanted", samples, lambda sample: sample.wanted)
    wished = (replace(line, dashed=True) for line in wanted)
    return Panel("Replicas", lines=_told((*serving, *wished)))


def _caps(samples: Sequence[Sample]) -> Panel:
    return Panel("Largest batch", lines=_told(_lines_by_name("", samples, lambda sample: sample.caps)))


def _variants(samples: Sequence[Sample]) -> Panel:
    stages = _names(sample.variants for sample in samples)
    bands = [_band(stage, [(sample.at, sample.variants.get(stage)) for sample in samples]) for stage in stages]
    if any(sample.mode is not None for sample in samples):
        bands.append(_band("features", [(sample.at, sample.mode) for sample in samples]))
    return Panel("Variants", bands=tuple(bands))


def _band(name: str, named: Sequence[tuple[float, str | None]]) -> Band:
    return Band(name, tuple(_spans(named)))


def _spans(named: Sequence[tuple[float, str | None]]) -> Iterator[Span]:
    """Each name from where it begins to where another does."""
    begin, current = named[0]
    for at, name in [*named[1:], (named[-1][0], None)]:
        if name != current:
            if current is not None:
                yield Span(begin, at, current)
            begin, current = at, name


def _lines_by_name(
    what: str, samples: Sequence[Sample], figures: Callable[[Sample], Mapping[str, float]]
) -> Iterator[Line]:
    names = _names(map(figures, samples))
    for name in names:
        points = tuple((sample.at, figures(sample).get(name)) for sample in samples)
        yield Line(f"{what} {name}".strip() if len(names) > 1 or not what else what, points, "steps")


def _line(
    name: str,
    samples: Sequence[Sample],
    figure: Callable[[Sample], float | None],
    *,
    steps: bool = False,
    area: bool = False,
) -> Line:
    form: Form = "steps" if steps else "area" if area else "line"
    return Line(name, tuple((sample.at, figure(sample)) for sample in samples), form)


def _names(maps: Iterable[Mapping[str, object]]) -> list[str]:
    """In the order in which they are first seen."""
    return list(dict.fromkeys(name for each in maps for name in each))


def _told(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Without those of which nothing is known."""
    return tuple(line for line in lines if any(True for _ in line.values))
