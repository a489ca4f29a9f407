"""`antiphon uninstall`: takes the operator out of a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from antiphon_operator.asking.cluster import open_cluster
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig
from antiphon_operator.commands.output import USAGE, CommandError, progress_console, run, say, say_json
from antiphon_operator.install.removing import Removed, Uninstall
from antiphon_operator.objects import Obj, namespace_of


def uninstall(
    crds: Annotated[
        bool, typer.Option("--crds", help="Remove the kinds too. All agents, policies, models and pools go with them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: FormOption = Form.text,
) -> None:
    """Remove the operator that `antiphon install` has made. Voices go on running, and agents stay.

    With --crds everything of Antiphon goes; it asks first, and tells what that means.

    Exit codes: 0 done; 1 nothing to remove, declined, or the cluster refuses; 2 it can't ask: give --yes.
    """
    removed = run(_uninstall(crds, yes, kubeconfig, context))
    if output is Form.json:
        say_json(asdict(removed))
    else:
        for line in _told(removed):
            say(line)


async def _uninstall(crds: bool, yes: bool, kubeconfig: Path | None, context: str | None) -> Removed:
    async with open_cluster(kubeconfig, context) as cluster:
        story = Uninstall(cluster, Steps(progress_console()))
        if crds and not yes:
            _ask(await story.agents(), cluster.access.server)
        return await story.run(definitions=crds)


def _ask(agents: Sequence[Obj], server: str) -> None:
    """CommandError where the answer is no, or nobody is there to answer."""
    question = f"{_going(agents)} in {server}, and all policies, models and pools go with their kinds. Remove them?"
    try:
        sure = typer.confirm(question, err=True)
    except typer.Abort as error:
        raise CommandError("nobody answers; give --yes to remove without asking", USAGE) from error
    if not sure:
        raise CommandError("nothing was removed")


def _going(agents: Sequence[Obj]) -> str:
    by_namespace = Counter(namespace_of(agent) for agent in agents)
    where = ", ".join(f"{count} in {namespace}" for namespace, count in sorted(by_namespace.items()))
    return f"{len(agents)} agents ({where})" if agents else "no agents"


def _told(removed: Removed) -> Iterator[str]:
    yield from (f"removed {each}" for each in removed.objects)
    if removed.definitions:
        yield f"{removed.agents} agents went with their kinds; their pods end when their calls have ended"
    else:
        yield f"{removed.agents} agents stay, and their voices go on as they are; the kinds stay too"
