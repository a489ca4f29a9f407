"""`antiphon down`: ends what `antiphon up` has brought up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from antiphon_operator.bringing_up.result import DownResult
from antiphon_operator.bringing_up.sandbox_world import default_kubeconfig
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.bringing_up.take_down import take_down
from antiphon_operator.commands.options import Form, FormOption
from antiphon_operator.commands.output import progress_console, run, say_json


def down(
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="The one that `antiphon up` was given, or its default."),
    ] = None,
    output: FormOption = Form.text,
) -> None:
    """End what `antiphon up` has brought up. Models stay where they are.

    Exit codes: 0 it is down, or was not up, 1 it could not be ended, 2 wrong usage.
    """
    result = run(take_down(kubeconfig or default_kubeconfig(), Steps(progress_console())))
    if output is Form.json:
        say_json(result.to_manifest())
    else:
        typer.echo(_told(result))


def _told(result: DownResult) -> str:
    if not result.ended:
        return f"no world is up with {result.kubeconfig}"
    agents = f"agents {', '.join(result.agents)}" if result.agents else "no agents"
    return f"ended: the sandbox of {result.kubeconfig}, {agents}, {result.pods} pods. Models stay where they are."
