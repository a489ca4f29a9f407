"""The metrics as a Markdown table: `python -m antiphon_runtime.telemetry.reference`."""

from __future__ import annotations

import sys

from antiphon_runtime.telemetry.declared import MetricFact, reference


def markdown() -> str:
    """One row a metric."""
    head = ["| Metric | Kind | Labels | What it tells |", "|---|---|---|---|"]
    return "\n".join(head + [_row(fact) for fact in reference()]) + "\n"


def _row(fact: MetricFact) -> str:
    labels = ", ".join(f"`{label}`" for label in fact.labels)
    return f"| `{fact.name}` | {fact.kind} | {labels} | {fact.help} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
