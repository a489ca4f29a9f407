"""`antiphon install`: definitions, operator and presets into a cluster, without Helm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from antiphon_operator.asking.cluster import open_cluster
from antiphon_operator.bringing_up.steps import Steps
from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig
from antiphon_operator.commands.output import progress_console, run, say, say_json
from antiphon_operator.images import OPERATOR_IMAGE, RUNTIME_IMAGE, VERSION
from antiphon_operator.install.installing import Done, Install, InstallOptions
from antiphon_operator.install.labels import NAMESPACE
from antiphon_operator.install.manifests import Choices


def install(
    namespace: Annotated[
        str,
        typer.Option("--namespace", "-n", metavar="NAME", help="The operator's namespace; made where it is missing."),
    ] = NAMESPACE,
    image: Annotated[str, typer.Option(metavar="IMAGE", help="Image of the operator.")] = OPERATOR_IMAGE,
    runtime_image: Annotated[
        str, typer.Option(metavar="IMAGE", help="Image of voice pods, where an agent names none.")
    ] = RUNTIME_IMAGE,
    replicas: Annotated[int, typer.Option(help="Replicas of the operator; one leads.", min=0, max=5)] = 2,
    watch_namespace: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Serve agents of this namespace only; may be given again. Default: all."),
    ] = None,
    presets: Annotated[
        bool, typer.Option("--presets", help="Apply the ready SLAPolicies and VoiceModels as well.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Wait until the operator is ready.")] = True,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for it.", min=0)] = 180.0,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: FormOption = Form.text,
) -> None:
    """Install the kinds and the operator into a cluster, or bring them up to date. Needs no Helm.

    It is what the Helm chart installs with its default values, and it can be run again: what is as it should be stays,
    what other choices left behind goes.

    Exit codes: 0 done, and the operator is ready where that was awaited; 1 the cluster refuses, or it is not ready.
    """
    choices = Choices(namespace, image, runtime_image, replicas, tuple(dict.fromkeys(watch_namespace or ())))
    options = InstallOptions(choices, presets, wait, timeout)
    done = run(_install(options, kubeconfig, context))
    if output is Form.json:
        say_json({"version": VERSION, **asdict(choices), **asdict(done)})
    else:
        for line in _told(choices, done):
            say(line)


async def _install(options: InstallOptions, kubeconfig: Path | None, context: str | None) -> Done:
    async with open_cluster(kubeconfig, context) as cluster:
        return await Install(cluster, options, Steps(progress_console())).run()


def _told(choices: Choices, done: Done) -> Iterator[str]:
    yield from (f"created {each}" for each in done.created)
    yield from (f"changed {each}" for each in done.changed)
    yield from (f"removed {each}" for each in done.removed)
    if done.unchanged:
        yield f"{len(done.unchanged)} objects were as they should be"
    where = ", ".join(choices.watch_namespaces) or "all namespaces"
    state = "is ready" if done.ready else "is installed; nobody waited for it"
    yield f"antiphon {VERSION} {state} in namespace {choices.namespace}, for agents of {where}"
    yield "next:  antiphon doctor"
