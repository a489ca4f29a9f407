"""The `antiphon` command."""

from __future__ import annotations

import typer

from antiphon_operator.commands.operator_command import operator
from antiphon_operator.validate import validate

app = typer.Typer(
    name="antiphon",
    help="Voice agents on partitioned GPUs, kept inside their latency promises.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(validate)
app.command()(operator)


def main() -> None:
    app()
