"""`antiphon logs`: what an agent's pods say, or the operator's."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from antiphon_crds.durations import parse_duration_seconds
from antiphon_operator.asking.cluster import Cluster, open_cluster
from antiphon_operator.asking.log_reading import Following, LogLine, LogQuery, read_all
from antiphon_operator.commands.options import Context, Kubeconfig, Namespace
from antiphon_operator.commands.output import USAGE, CommandError, console, run
from antiphon_operator.install.labels import NAMESPACE as OPERATOR_NAMESPACE
from antiphon_operator.install.labels import OPERATOR
from antiphon_operator.kube.resources import PODS, VOICE_AGENTS
from antiphon_operator.names import AGENT_LABEL, CONTAINER, GROUP_LABEL
from antiphon_operator.telling.log_words import readable

_OPERATOR_CONTAINER = "operator"
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")


class LogForm(StrEnum):
    """How lines are printed."""

    text = "text"
    raw = "raw"
    json = "json"


@dataclass(frozen=True)
class Source:
    """Whose logs."""

    words: str
    namespace: str
    labels: str


def logs(
    agent: Annotated[str | None, typer.Argument(metavar="[AGENT]", help="Name of the VoiceAgent.")] = None,
    operator: Annotated[bool, typer.Option("--operator", help="The operator's logs instead of an agent's.")] = False,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="Only the pods of this placement group.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on; pods that come later are told of, too.")
    ] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", metavar="N", min=0, help="Only the last N lines of each pod.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only what is newer than so long, such as 10m.")
    ] = None,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the containers before their last restart.")
    ] = False,
    output: Annotated[
        LogForm,
        typer.Option("--output", "-o", help="text: for people; raw: as the pods write it; json: an object a line."),
    ] = LogForm.text,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Print the logs of all pods of an agent, each line with its pod's name.

    With --operator, --namespace is where the operator runs (default: antiphon-system).

    Exit codes: 0 done, 1 no such agent, pod or log, or the cluster refuses or can't be reached, 2 wrong usage.
    """
    if (agent is None) != operator:
        raise typer.BadParameter("give the name of an agent, or --operator")
    query = LogQuery(_OPERATOR_CONTAINER if operator else CONTAINER, tail, _seconds(since), previous)
    run(_logs(agent, namespace, group, query, follow, _Printer(output), kubeconfig, context))


def _seconds(since: str | None) -> int | None:
    if since is None:
        return None
    try:
        return max(int(parse_duration_seconds(since)), 1)
    except ValueError:
        raise typer.BadParameter(f"{since!r} is no time; write for example 90s, 10m or 1h30m") from None


async def _logs(
    agent: str | None,
    namespace: str | None,
    group: str | None,
    query: LogQuery,
    follow: bool,
    printer: _Printer,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    if follow and query.previous:
        raise CommandError("what was before the last restart does not go on: give either --follow or --previous", USAGE)
    async with open_cluster(kubeconfig, context) as cluster:
        source = await _source(cluster, agent, namespace, group)
        if follow:
            await Following(cluster, source.namespace, source.labels, query).run(printer.tell)
        else:
            await _print_all(cluster, source, query, printer)


async def _source(cluster: Cluster, agent: str | None, namespace: str | None, group: str | None) -> Source:
    if agent is None:
        return Source("the operator", namespace or OPERATOR_NAMESPACE, OPERATOR)
    namespace = namespace or cluster.access.default_namespace
    await cluster.named(VOICE_AGENTS, agent, namespace)
    labels = f"{AGENT_LABEL}={agent}" + (f",{GROUP_LABEL}={group}" if group else "")
    return Source(f"agent {agent}" + (f", group {group}" if group else ""), namespace, labels)


async def _print_all(cluster: Cluster, source: Source, query: LogQuery, printer: _Printer) -> None:
    pods = await cluster.listing(PODS, source.namespace, source.labels)
    if not pods:
        raise CommandError(f"{source.words} has no pods in namespace {source.namespace}")
    lines, missing = await read_all(cluster, pods, query)
    for line in lines:
        printer.tell(line)
    for each in missing:
        typer.echo(f"{each.pod}: {each.why}", err=True)
    if len(missing) == len(pods):
        raise CommandError(f"no pod of {source.words} has such a log")


class _Printer:
    """Lines with their pod's name before them, in a colour of its own where the output is a terminal."""

    def __init__(self, form: LogForm) -> None:
        self._form = form
        self._colours: dict[str, str] = {}
        self._console: Console = console()

    def tell(self, line: LogLine) -> None:
        if self._form is LogForm.json:
            typer.echo(json.dumps(asdict(line), ensure_ascii=False))
            return
        colour = self._colours.setdefault(line.pod, _COLOURS[len(self._colours) % len(_COLOURS)])
        text = readable(line.text) if self._form is LogForm.text else Text(line.text)
        self._console.print(Text.assemble((f"[{line.pod}] ", colour), text), soft_wrap=True)
