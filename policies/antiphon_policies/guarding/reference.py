"""Writes down the guards, from their code: `python -m antiphon_policies.guarding.reference [--check] FILE`."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType

from antiphon_crds.derived import page_command
from antiphon_crds.policy import Guardrails, Rollback, Stabilization
from antiphon_policies.guarding import chain, evidence, indicating, outcome, records, sanity, scene
from antiphon_policies.guarding.rules import steadying

_HEAD = """# What holds the control loop back

Generated from the code by `scripts/do generate`; do not edit.

Every five seconds a plan says what an agent should run with. What differs from what it runs with goes through a chain of
rules, change by change. Each rule lets a change pass, lets a part of it pass, or holds it, and then says why:
`antiphon explain AGENT` and the agent's status tell which rule held what. A change goes *up* when it shortens turns or takes
more sessions, and *down* when it gives capacity back, or takes a better variant at the price of time.
"""
_MODULES = (scene, sanity, steadying, records, indicating, outcome)


def reference() -> str:
    parts = (_rules, _outcomes, _memory, _reasons, _settings, _figures)
    return "\n".join((_HEAD, *("\n".join(part()) for part in parts)))


def _rules() -> Iterator[str]:
    yield "## The rules, in their order\n\n| Rule | What it does | Why |\n|---|---|---|"
    for rule in chain.RULES:
        what, _, why = (inspect.getdoc(rule) or "").partition("\n\n")
        yield f"| `{rule.name}` | {_line(what)} | {_line(why)} |"
    yield f"\n{_rest(chain)}\n"


def _outcomes() -> Iterator[str]:
    yield f"## What comes of a decision\n\n{_first(outcome)}\n\n{_rest(outcome)}\n"
    yield f"{_field_doc(outcome, 'Verdict', 'outcome')}\n"


def _memory() -> Iterator[str]:
    yield f"## After a restart of the operator\n\n{_rest(records)}\n"


def _reasons() -> Iterator[str]:
    yield "## Reasons of decisions\n\n| Reason | What it means |\n|---|---|"
    yield from (f"| `{reason}` | {meaning} |" for reason, meaning in evidence.REASONS.items())
    yield "\nA decision that was held has the name of the rule as its reason.\n"


def _settings() -> Iterator[str]:
    yield "## What a policy sets\n\nUnder `spec.guardrails` of an SLAPolicy.\n\n| Field | Default | What it is |\n|---|---|---|"
    for prefix, kind in (("", Guardrails), ("stabilization.", Stabilization), ("rollback.", Rollback)):
        for name, field in kind.model_fields.items():
            if name not in ("stabilization", "rollback"):
                yield f"| `{prefix}{field.alias or name}` | {_default(field.default)} | {_line(field.description or '')} |"
    yield ""


def _figures() -> Iterator[str]:
    yield "## Figures that are fixed\n\n| Figure | Value | What it is, and why |\n|---|---|---|"
    for module in _MODULES:
        for name, text in _documented(module):
            value = getattr(module, name)
            if isinstance(value, (int, float)):
                yield f"| `{name}` | {value:g} | {_line(text)} |"
    yield ""


def _documented(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Names of the module with a docstring below them."""
    body = ast.parse(inspect.getsource(module)).body
    for node, after in pairwise(body):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(after, ast.Expr):
            yield node.targets[0].id, str(ast.literal_eval(after.value))


def _field_doc(module: ModuleType, kind: str, field: str) -> str:
    (found,) = [node for node in ast.parse(inspect.getsource(module)).body if getattr(node, "name", "") == kind]
    body = found.body if isinstance(found, ast.ClassDef) else []
    names = [getattr(getattr(node, "target", None), "id", "") for node in body]
    text = body[names.index(field) + 1]
    return _line(str(ast.literal_eval(text.value))) if isinstance(text, ast.Expr) else ""


def _first(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n\n")[0]


def _rest(module: ModuleType) -> str:
    """All but the first line of the module's docstring."""
    return (inspect.getdoc(module) or "").partition("\n\n")[2].strip()


def _line(text: str) -> str:
    return " ".join(text.split())


def _default(value: object) -> str:
    return "" if value in (None, []) else f"`{value}`"


if __name__ == "__main__":
    sys.exit(page_command("antiphon_policies.guarding.reference", __doc__, reference))
