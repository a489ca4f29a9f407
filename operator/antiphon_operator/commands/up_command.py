"""`antiphon up`: a whole world on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from antiphon_operator.bringing_up import models
from antiphon_operator.bringing_up.bring_up import BringUp, UpOptions
from antiphon_operator.bringing_up.result import UpResult
from antiphon_operator.bringing_up.sandbox_world import SandboxOptions
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.bringing_up.world_files import example_file
from antiphon_operator.commands.options import Form, FormOption
from antiphon_operator.commands.output import FAILED, progress_console, run, say, say_json

_DEFAULT_KUBECONFIG = "~/.local/state/antiphon/sandbox/kubeconfig"


class WithPrometheus(StrEnum):
    """Whether Prometheus is brought up."""

    auto = "auto"
    yes = "yes"
    no = "no"


def up(
    kubeconfig: Annotated[
        Path | None,
        typer.Option(
            "--kubeconfig", metavar="FILE", help=f"Write the world's kubeconfig there. Default: {_DEFAULT_KUBECONFIG}."
        ),
    ] = None,
    nodes: Annotated[
        Path | None, typer.Option("--nodes", metavar="FILE", help="Other nodes than one that runs pods as processes.")
    ] = None,
    models_folder: Annotated[
        Path | None,
        typer.Option(
            "--models",
            metavar="FOLDER",
            help="Where models lie, and are fetched to. Default: $ANTIPHON_MODELS, else ~/.cache/antiphon/models.",
        ),
    ] = None,
    agent: Annotated[
        Path | None, typer.Option("--agent", metavar="FILE", help="The agent. Default: the example hello-world.")
    ] = None,
    no_agent: Annotated[bool, typer.Option("--no-agent", help="Bring the world up without an agent.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="Port of the API server. Default: a free one.")
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait for the agent.")
    ] = 300.0,
    prometheus: Annotated[
        WithPrometheus,
        typer.Option(
            "--prometheus",
            help="Bring up Prometheus beside it. auto: where its program is on the PATH (Debian: prometheus).",
        ),
    ] = WithPrometheus.auto,
    output: FormOption = Form.text,
) -> None:
    """Bring up a cluster on this machine, the operator, and an agent that answers.

    Fetches the agent's models where they are missing; needs neither a GPU nor a cluster. It goes on in the background;
    run it again whenever you like: what is there stays. `antiphon down` ends it.

    Exit codes: 0 the agent is Ready, 1 it is not, or something failed; then what is up stays up; 2 wrong usage.
    """
    if agent and no_agent:
        raise typer.BadParameter("give either --agent or --no-agent")
    file = None if no_agent else agent or example_file()
    options = UpOptions(
        SandboxOptions(kubeconfig, nodes, port),
        models_folder or models.default_folder(),
        file,
        timeout,
        prometheus.value,
    )
    result = run(BringUp(options, Steps(progress_console())).run())
    if output is Form.json:
        say_json(result.to_manifest())
    else:
        for line in _told(result):
            say(line)
    if result.ready is False:
        raise typer.Exit(FAILED)


def _told(result: UpResult) -> Iterator[Text]:
    seconds = result.seconds
    if result.ready is False:
        yield Text(f"\nagent {result.agent} is not Ready", style="red")
        yield from (Text(f"  {line}") for line in result.why)
        yield Text("what is up stays up; have a look, or end it with `antiphon down`")
    elif result.ready:
        yield Text(
            f"\nagent {result.agent} is Ready: {seconds.command_to_ready:.1f} s from the command"
            f" (sandbox {seconds.sandbox:.1f}, operator {seconds.operator:.1f}, agent {seconds.agent:.1f};"
            f" models {seconds.models:.1f} s apart)",
            style="green",
        )
        yield Text(f"it answers at {result.endpoint}, with a page to talk to it in a browser")
    else:
        yield Text(f"\nthe world is up, {seconds.command_to_ready:.1f} s from the command")
    yield from _next(result)


def _next(result: UpResult) -> Iterator[Text]:
    yield Text(f"next:  export KUBECONFIG={result.kubeconfig}")
    if result.ready:
        yield Text(f"       antiphon talk {result.agent}")
    elif result.agent:
        yield Text(f"       antiphon describe {result.agent}")
    yield Text("       kubectl get va")
    if result.prometheus:
        yield Text(f"       Prometheus is at {result.prometheus}")
    yield Text("end:   antiphon down")
