"""The explanation of an agent as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from antiphon_operator.explaining.view import DoneView, ExplanationView, PromiseView, WeighedView
from antiphon_operator.telling.ages import age
from antiphon_operator.telling.colours import STYLES
from antiphon_operator.telling.tables import Cell, plain_table

_INDENT = 2
_MODES = {
    "": "No policy is known, so nothing is decided.",
    "Observe": "The policy says Observe: it is only measured.",
    "Recommend": "The policy says Recommend: decisions are told, and nothing is done.",
    "Enforce": "The policy says Enforce: decisions are carried out.",
}


def explanation(view: ExplanationView, now: datetime) -> RenderableType:
    policy = f"  (SLAPolicy {view.policy})" if view.policy else "  (no SLAPolicy)"
    head = Text.assemble((f"VoiceAgent {view.namespace}/{view.name}", "bold"), policy)
    parts: list[RenderableType] = [head, Text(f"  {_MODES.get(view.mode, view.mode)}")]
    for title, body in _sections(view, now):
        parts += ["", Text(title, style="bold"), body]
    return Group(*parts)


def _sections(view: ExplanationView, now: datetime) -> Iterator[tuple[str, RenderableType]]:
    yield "What is promised", _promises(view)
    yield "What it runs with", _lines(view.runs or ["Nothing yet: no replica has told."])
    yield f"What was seen{_age(view)}", _lines(view.seen.words or ["Nothing yet."])
    yield "What was considered", _considered(view)
    yield "What was held back", _held(view)
    yield "What was done, newest first", _done(view, now)


def _lines(lines: list[str]) -> RenderableType:
    return Group(*(Text(f"  {line}") for line in lines))


def _promises(view: ExplanationView) -> RenderableType:
    if not view.promises:
        return Text("  Nothing: neither the policy nor the agent has an objective.")
    width = max(len(promise.name) for promise in view.promises)
    return Group(*(_promise(promise, width) for promise in view.promises))


def _promise(promise: PromiseView, width: int) -> Text:
    return Text.assemble("  ", (promise.name.ljust(width), STYLES.get(promise.state, "")), f"  {promise.words}")


def _age(view: ExplanationView) -> str:
    seen = view.seen
    if seen.source == "status":
        return " (as the status has it)"
    told = "" if seen.age_seconds is None else f", {seen.age_seconds:.0f} s ago"
    return f"{told}{f' (by {seen.source})' if seen.source else ''}"


def _considered(view: ExplanationView) -> RenderableType:
    if not view.asked_operator:
        return _lines([
            f"The operator could not be asked: {view.not_asked}.",
            "The decisions below tell what their evidence was; what else was weighed only the operator knows.",
        ])  # fmt: skip
    parts: list[RenderableType] = []
    if view.considered:
        titles = ("what", "p95 of a turn", "keeps all promises", "cost an hour", "quality")
        parts.append(plain_table(titles, map(_weighed, view.considered), _INDENT))
    if view.plan:
        parts.append(Text(f"  {view.plan.rstrip('.')}."))
    return Group(*parts) if parts else Text("  Nothing: there was nothing to plan.")


def _weighed(each: WeighedView) -> tuple[Cell, ...]:
    p95 = "can't keep up" if each.turn_p95_ms is None else f"{each.turn_p95_ms:.0f} ms"
    cost = "-" if each.cost_per_hour is None else f"{each.cost_per_hour:.2f}"
    quality = "-" if each.quality is None else f"{each.quality * 100:.4g} %"
    return Text(each.what), p95, "yes" if each.feasible else "no", cost, quality


def _held(view: ExplanationView) -> RenderableType:
    if not view.held:
        return Text("  Nothing.")
    return Group(*(Text(f"  {held.change}: {held.words}") for held in view.held))


def _done(view: ExplanationView, now: datetime) -> RenderableType:
    if not view.done:
        return Text("  Nothing yet: no decision was made.")
    return Group(*(_one_done(done, now) for done in view.done))


def _one_done(done: DoneView, now: datetime) -> RenderableType:
    decision = done.decision
    first, *rest = done.words
    head = Text.assemble(
        f"  {age(decision.time, now)} ago  {first}  ", (decision.outcome, STYLES.get(decision.outcome, ""))
    )
    return Group(head, *(Text(f"      {line}") for line in rest))
