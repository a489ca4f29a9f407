"""`antiphon describe`: the decision view of one agent."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from antiphon_operator.asking.agents import view_agent
from antiphon_operator.asking.cluster import open_cluster
from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig, Namespace
from antiphon_operator.commands.output import run, say, say_json
from antiphon_operator.telling.description import describe as in_words
from antiphon_operator.telling.view import AgentView


def describe(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Name of the VoiceAgent.")],
    namespace: Namespace = None,
    output: FormOption = Form.text,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Show what an agent does and why: conditions, pods, variants, objectives, decisions, and what to do.

    Exit codes: 0 done, 1 no such agent, or the cluster refuses or can't be reached, 2 wrong usage.
    """
    view = run(_describe(agent, namespace, kubeconfig, context))
    if output is Form.json:
        say_json(view.to_manifest())
    else:
        say(in_words(view, datetime.now(UTC)))


async def _describe(name: str, namespace: str | None, kubeconfig: Path | None, context: str | None) -> AgentView:
    async with open_cluster(kubeconfig, context) as cluster:
        return await view_agent(cluster, name, namespace or cluster.access.default_namespace)
