"""`antiphon explain`: why an agent runs with what it runs with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.policy import SLAPolicy
from antiphon_operator.asking.cluster import Cluster, open_cluster
from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig, Namespace
from antiphon_operator.commands.output import run, say, say_json
from antiphon_operator.explaining.operator_reach import Asked, Way, ask_at, ask_operator
from antiphon_operator.explaining.view import ExplanationView
from antiphon_operator.kube.resources import SLA_POLICIES, VOICE_AGENTS


def explain(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Name of the VoiceAgent.")],
    last: Annotated[
        int | None,
        typer.Option("--last", metavar="N", min=0, help="Only the last N decisions. Default: all in the status."),
    ] = None,
    operator_url: Annotated[
        str | None,
        typer.Option(
            "--operator", metavar="URL", help="Address of the operator's port 8081. Default: its pod is found."
        ),
    ] = None,
    namespace: Namespace = None,
    output: FormOption = Form.text,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Say in words what is promised and how it is kept, what was seen, weighed, done and held back, and what came of it.

    What was weighed only the operator's process knows: it is asked directly, or through `kubectl port-forward`. Where it can't
    be asked, the rest is told from the status.

    Exit codes: 0 done, 1 no such agent, or the cluster refuses or can't be reached, 2 wrong usage.
    """
    view = run(_explain(agent, namespace, last, operator_url, Way(kubeconfig, context)))
    if output is Form.json:
        say_json(view.to_manifest())
        return
    from antiphon_operator.explaining.text import explanation

    say(explanation(view, datetime.now(UTC)))


async def _explain(
    name: str, namespace: str | None, last: int | None, operator_url: str | None, way: Way
) -> ExplanationView:
    from antiphon_operator.explaining.viewing import Known, explanation_of  # numpy takes time that --help need not

    async with open_cluster(way.kubeconfig, way.context) as cluster:
        where = namespace or cluster.access.default_namespace
        agent = VoiceAgent.from_manifest(await cluster.named(VOICE_AGENTS, name, where), ignore_unknown=True)
        policy = await _policy(cluster, agent)
        asked = await _ask(cluster, operator_url, way, where, name)
    return explanation_of(Known(agent, policy, asked, datetime.now(UTC)), last)


async def _policy(cluster: Cluster, agent: VoiceAgent) -> SLAPolicy | None:
    if agent.spec.sla_policy is None:
        return None
    found = await cluster.kube.get(SLA_POLICIES, agent.spec.sla_policy)
    return SLAPolicy.from_manifest(found, ignore_unknown=True) if found else None


async def _ask(cluster: Cluster, url: str | None, way: Way, namespace: str, name: str) -> Asked:
    return await (ask_at(url, namespace, name) if url else ask_operator(cluster, way, namespace, name))
