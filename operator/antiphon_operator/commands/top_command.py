"""`antiphon top`: the fleet, or one agent with its pods, live."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.live import Live

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.base import Contract
from antiphon_crds.policy import SLAPolicy
from antiphon_operator.asking.agents import view_agent
from antiphon_operator.asking.cluster import Cluster, open_cluster
from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig, Namespace
from antiphon_operator.commands.output import USAGE, console, fail, in_words, run, say, say_json
from antiphon_operator.explaining.agent_top import agent_text
from antiphon_operator.explaining.fleet import fleet_of, fleet_text
from antiphon_operator.kube.errors import KubeError
from antiphon_operator.kube.resources import SLA_POLICIES, VOICE_AGENTS
from antiphon_operator.objects import name_of
from antiphon_operator.telling.view import AgentView

_REFRESH_SECONDS = 2.0


@dataclass(frozen=True)
class _Seen:
    """One look: for programs and for people."""

    view: Contract
    text: Callable[[datetime, str], RenderableType]


_Look = Callable[[], Awaitable[_Seen]]


def top(
    agent: Annotated[str | None, typer.Argument(metavar="[AGENT]", help="One agent, with its stages and pods.")] = None,
    watch: Annotated[
        bool | None,
        typer.Option(
            "--watch/--once", help="Go on, every 2 s, or look once. Default: --watch at a terminal, else --once."
        ),
    ] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Agents of all namespaces.")] = False,
    output: FormOption = Form.text,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show the fleet live: promises, sessions, replicas, variants, batches and the last decision; or one agent with its pods.

    Ctrl-C ends it. With `-o json --watch`, an object a line.

    Exit codes: 0 done, 1 no such agent, or the cluster refuses or can't be reached, 2 wrong usage.
    """
    if agent and all_namespaces:
        fail("an agent is named within a namespace: give either its name or --all-namespaces", USAGE)
    goes_on = console().is_terminal if watch is None else watch

    async def story() -> None:
        async with open_cluster(kubeconfig, context) as cluster:
            where = "" if all_namespaces else namespace or cluster.access.default_namespace
            look = _agent_look(cluster, agent, where) if agent else _fleet_look(cluster, where)
            await _watched(look, output) if goes_on else _shown(await look(), output)

    run(story())


def _fleet_look(cluster: Cluster, namespace: str) -> _Look:
    async def look() -> _Seen:
        agents, policies = await asyncio.gather(cluster.listing(VOICE_AGENTS, namespace), cluster.listing(SLA_POLICIES))
        view = fleet_of(
            [VoiceAgent.from_manifest(obj, ignore_unknown=True) for obj in agents],
            {name_of(obj): SLAPolicy.from_manifest(obj, ignore_unknown=True) for obj in policies},
            datetime.now(UTC),
        )
        return _Seen(view, lambda now, note: fleet_text(view, now, note))

    return look


def _agent_look(cluster: Cluster, name: str, namespace: str) -> _Look:
    async def look() -> _Seen:
        view: AgentView = await view_agent(cluster, name, namespace)
        return _Seen(view, lambda now, note: agent_text(view, now, note))

    return look


def _shown(seen: _Seen, output: Form) -> None:
    if output is Form.json:
        say_json(seen.view.to_manifest())
    else:
        say(seen.text(datetime.now(UTC), ""))


async def _watched(look: _Look, output: Form) -> None:
    """Until Ctrl-C."""
    with contextlib.suppress(asyncio.CancelledError):
        if output is Form.json or not console().is_terminal:
            await _printed(look, output)
        else:
            await _live(look)


async def _printed(look: _Look, output: Form) -> None:
    """One below the other, for pipes and files."""
    while True:
        seen = await look()
        if output is Form.json:
            typer.echo(json.dumps(seen.view.to_manifest(), ensure_ascii=False))
        else:
            say(seen.text(datetime.now(UTC), ""))
        sys.stdout.flush()
        await asyncio.sleep(_REFRESH_SECONDS)


async def _live(look: _Look) -> None:
    """What fails after the first look is told, and looked at again."""
    seen, note = await look(), ""
    with Live(console=console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(seen.text(datetime.now(UTC), note), refresh=True)
            await asyncio.sleep(_REFRESH_SECONDS)
            try:
                seen, note = await look(), ""
            except KubeError as error:
                note = f"{in_words(error)}; this is what was seen last"
