"""Writes down what the operator tells of itself, from the code: `python -m antiphon_operator.reference [--check] FILE`."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
from collections.abc import Iterator
from typing import Any

from antiphon_crds.derived import page_command
from antiphon_operator.observing.settings import PrometheusSettings, ScrapeSettings, TrustSettings
from antiphon_operator.operate import reasons
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.pods.settings import DeliverySettings, WatchSettings

_HEAD = """# The operator: reference

Generated from the code by `scripts/do generate`; do not edit. [operator.md](operator.md) tells how all of it works.
"""


def reference() -> str:
    parts = (_conditions, _metrics, _settings)
    return "\n".join((_HEAD, *("\n".join(part()) for part in parts)))


def _conditions() -> Iterator[str]:
    yield "## Conditions of a VoiceAgent\n\nAll are there from the first visit on. Reasons are for programs, messages for people."
    yield ""
    for kind, meaning in reasons.CONDITION_TYPES.items():
        yield f"### {kind}\n\n{meaning}\n"
        yield "| Reason | Status | What it means | What to do |\n|---|---|---|---|"
        for reason in reasons.REASONS:
            if reason.condition == kind:
                yield f"| `{reason.name}` | {reason.status} | {reason.meaning} | {reason.advice} |"
        yield ""


def _metrics() -> Iterator[str]:
    yield "## Metrics\n\nOn port 8081, `/metrics`.\n\n| Metric | Kind | Labels | What it tells |\n|---|---|---|---|"
    for metric in vars(Metrics()).values():
        described = getattr(metric, "_documentation", None)
        if described is None:
            continue
        name = metric._name + ("_total" if metric._type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        yield f"| `{name}` | {metric._type} | {labels} | {described} |"
    yield ""


def _settings() -> Iterator[str]:
    yield "## Settings that are fixed\n\nWhat can be chosen is in `antiphon operator --help`.\n"
    yield "| Setting | Default | What it is, and why |\n|---|---|---|"
    for kind in (OperatorSettings, WatchSettings, DeliverySettings, PrometheusSettings, ScrapeSettings, TrustSettings):
        for name, default, text in _documented(kind):
            yield f"| `{name}` | {default} | {text} |"
    yield ""


def _documented(kind: type[Any]) -> Iterator[tuple[str, str, str]]:
    """Fields with a docstring below them, with their defaults."""
    body = ast.parse(inspect.getsource(kind)).body[0]
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    assert isinstance(body, ast.ClassDef)  # noqa: S101 (it is the source of a class)
    for node, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(after, ast.Expr):
            default = defaults[node.target.id]
            if isinstance(after.value, ast.Constant) and isinstance(default, (int, float)):
                yield node.target.id, f"{default:g}", " ".join(str(after.value.value).split())


if __name__ == "__main__":
    sys.exit(page_command("antiphon_operator.reference", __doc__, reference))
