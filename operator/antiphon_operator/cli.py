"""The `antiphon` command."""

from __future__ import annotations

import typer

from antiphon_operator.commands.capacity_command import capacity
from antiphon_operator.commands.describe_command import describe
from antiphon_operator.commands.doctor_command import doctor
from antiphon_operator.commands.down_command import down
from antiphon_operator.commands.explain_command import explain
from antiphon_operator.commands.get_command import get
from antiphon_operator.commands.install_command import install
from antiphon_operator.commands.logs_command import logs
from antiphon_operator.commands.operator_command import operator
from antiphon_operator.commands.simulate_command import simulate
from antiphon_operator.commands.talk_command import talk
from antiphon_operator.commands.top_command import top
from antiphon_operator.commands.uninstall_command import uninstall
from antiphon_operator.commands.up_command import up
from antiphon_operator.validate import validate

app = typer.Typer(
    name="antiphon",
    help="Voice agents on partitioned GPUs, kept inside their latency promises.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for _command in (
    up, down, install, uninstall, get, describe, explain, top, logs, talk, doctor, capacity, simulate, validate, operator,
):  # fmt: skip
    app.command()(_command)


def main() -> None:
    app()
