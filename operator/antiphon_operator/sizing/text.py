"""The capacity of an agent as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from antiphon_operator.sizing.replica import MOST
from antiphon_operator.sizing.view import BudgetView, CapacityView, ComponentView, HeadroomView, SizeView, TargetView
from antiphon_operator.telling.tables import Cell, plain_table

_INDENT = 2
_INDICATORS = {"response": "response", "mouthToEar": "mouth to ear"}


def capacity(view: CapacityView) -> RenderableType:
    policy = f"  (SLAPolicy {view.policy})" if view.policy else "  (no SLAPolicy)"
    parts: list[RenderableType] = [Text.assemble((f"VoiceAgent {view.namespace}/{view.name}", "bold"), policy)]
    for title, body in _sections(view):
        parts += ["", Text(title, style="bold"), body]
    return Group(*parts)


def _sections(view: CapacityView) -> Iterator[tuple[str, RenderableType]]:
    kept = f"{view.min_headroom * 100:g} %"
    yield f"Sessions of one replica (most, and planned with {kept} kept free)", _sizes(view.sizes)
    if view.headroom:
        yield "Room now", Group(*map(_headroom, view.headroom))
    if view.budget:
        at = f"{view.budget.sessions} sessions a replica and a duty cycle of {view.budget.duty_cycle * 100:g} %"
        title = f"Where the time of a turn goes, at {at}"
        yield title, _budget(view.budget)
    if view.targets:
        yield "What p95 could be promised, and with how many sessions a replica", _targets(view.targets)
    yield "Where the figures come from", _basis(view)


def _sizes(sizes: list[SizeView]) -> RenderableType:
    several = len({size.group for size in sizes}) > 1
    titles = ["duty cycle", "variants", "most", "planned", "quality", "one more, and"]
    rows = [_size(size, several) for size in sizes]
    return plain_table((["group", *titles] if several else titles), rows, _INDENT)


def _size(size: SizeView, several: bool) -> list[Cell]:
    first: list[Cell] = [Text(size.group)] if several else []
    names = " ".join(f"{stage}={name}" for stage, name in size.variants.items())
    told = f"{size.choice}: {names}" if names else size.choice
    quality = f"{size.quality * 100:.4g} %" if size.variants else "-"
    limit = size.limited_by or f"no limit up to {MOST}"
    return [
        *first, f"{size.duty_cycle * 100:g} %", Text(told), str(size.most_sessions), str(size.planned_sessions), quality,
        Text(limit),
    ]  # fmt: skip


def _headroom(room: HeadroomView) -> Text:
    replicas = f"  {room.ready_replicas} ready replicas of {room.group}"
    held = f"{replicas} hold {room.planned_sessions} sessions as planned, by a change of variants where need be"
    if room.free is None:
        return Text(f"{held}; how many live is unknown.")
    more = f"{room.free} more may come" if room.free >= 0 else f"{-room.free} too many"
    return Text(f"{held}; {room.sessions} live: {more}.")


def _budget(budget: BudgetView) -> RenderableType:
    rows = [*map(_component, budget.components)]
    table = plain_table(("component", "alone", "waits", "mean", "p95"), rows, _INDENT)
    variants = ", ".join(f"{stage} {name}" for stage, name in budget.variants.items())
    sums = (
        f"  p95 of a turn {budget.turn_p95_ms:.0f} ms, of the response {budget.response_p95_ms:.0f} ms,"
        f" from mouth to ear {budget.mouth_to_ear_p95_ms:.0f} ms; with {variants}."
    )
    return Group(table, Text(sums))


def _component(each: ComponentView) -> tuple[Cell, ...]:
    p95 = "" if each.p95_ms is None else f"{each.p95_ms:.0f} ms"
    return each.component, f"{each.alone_ms:.0f} ms", f"{each.waits_ms:.0f} ms", _mean(each), p95


def _mean(each: ComponentView) -> str:
    return f"{each.alone_ms + each.waits_ms:.0f} ms"


def _targets(targets: list[TargetView]) -> RenderableType:
    titles = ("p95 of", "target", "best variants", "any variants", "least")
    return plain_table(titles, map(_target, targets), _INDENT)


def _target(target: TargetView) -> tuple[Cell, ...]:
    return (
        _INDICATORS[target.indicator],
        f"{target.target_ms} ms",
        _sessions(target.best_sessions),
        _sessions(target.any_sessions),
        "can't keep up" if target.least_ms is None else f"{target.least_ms:.0f} ms",
    )


def _sessions(count: int) -> str:
    return f"yes, up to {count}" if count else "no"


def _basis(view: CapacityView) -> RenderableType:
    rows = [
        (each.stage, Text(each.variant), each.basis, Text(each.hardware or "-"), Text(each.origin))
        for each in view.basis
    ]
    return plain_table(("stage", "variant", "basis", "hardware", "origin"), rows, _INDENT)
