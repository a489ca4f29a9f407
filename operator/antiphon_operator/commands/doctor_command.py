"""`antiphon doctor`: what is wrong with a cluster, or ready, for voice agents; and what to do."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from antiphon_operator.checks.catalogue import CHECKS, FIRST
from antiphon_operator.checks.check import Check, Finding, Result, failed
from antiphon_operator.checks.cluster import Cluster, Scope
from antiphon_operator.checks.examining import OnDone, examine, is_healthy
from antiphon_operator.commands.options import Context, Form, FormOption, Kubeconfig
from antiphon_operator.commands.output import INTERRUPTED, USAGE, progress_console
from antiphon_operator.kube.access import load_access
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.errors import AccessError
from antiphon_operator.kube.session import Connection

_UNHEALTHY = 1
_STYLES = {Result.ok: "green", Result.warning: "yellow", Result.failed: "bold red", Result.skipped: "dim"}


def doctor(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Look at the agents of this namespace only.")
    ] = None,
    operator_namespace: Annotated[
        str, typer.Option(help="Where the operator's Lease is, if no Deployment tells.")
    ] = "antiphon-system",
    prometheus: Annotated[
        str | None, typer.Option(help="Address of Prometheus. Default: a Service of that name.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHECK", help=f"Run this check only; may be given again: {', '.join(c.name for c in CHECKS)}."
        ),
    ] = None,
    output: FormOption = Form.text,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tell more of what goes wrong.")] = False,
) -> None:
    """Examine a cluster before and while it runs voice agents: what is well, what is not, and what to do about it.

    It only reads; that a pod would be taken it asks by a dry run.

    Exit codes: 0 nothing failed, 1 a check failed, 2 wrong usage.
    """
    if verbose:
        logging.basicConfig(level=logging.DEBUG)
    checks = _chosen(only or [])
    scope = Scope(namespace, operator_namespace, prometheus)
    try:
        with progress_console().status("examining the cluster") as status:
            found = asyncio.run(examined(checks, scope, kubeconfig, context, _progress(checks, status)))
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if output is Form.json:
        typer.echo(json.dumps(as_json(found), indent=2))
    else:
        _print(found, Console(highlight=False))
    raise typer.Exit(0 if is_healthy(found.values()) else _UNHEALTHY)


async def examined(
    checks: Sequence[Check], scope: Scope, kubeconfig: Path | None, context: str | None, on_done: OnDone
) -> dict[str, Finding]:
    """In the order of all checks."""
    try:
        access = load_access(kubeconfig, context)
    except AccessError as error:
        return {
            FIRST.name: failed(str(error), "Name a cluster: --kubeconfig, --context, $KUBECONFIG; or `antiphon up`.")
        }
    found = await _examined(checks, scope, access, on_done)
    return {check.name: found[check.name] for check in CHECKS if check.name in found}


async def _examined(checks: Sequence[Check], scope: Scope, access: Access, on_done: OnDone) -> dict[str, Finding]:
    async with Connection(access) as connection:
        cluster = Cluster(connection, scope)
        try:
            return await examine(checks, cluster, on_done)
        finally:
            await cluster.close()


def as_json(found: dict[str, Finding]) -> dict[str, object]:
    checks = [
        {"check": name, "result": finding.result.value, "message": finding.message, "advice": finding.advice}
        for name, finding in found.items()
    ]
    return {"healthy": is_healthy(found.values()), "checks": checks}


def _chosen(only: Sequence[str]) -> list[Check]:
    known = {check.name: check for check in CHECKS}
    if unknown := [name for name in only if name not in known]:
        typer.echo(f"there is no check {', '.join(unknown)}; there are {', '.join(known)}", err=True)
        raise typer.Exit(USAGE)
    return [check for check in CHECKS if not only or check.name in only]


def _progress(checks: Sequence[Check], status: Status) -> OnDone:
    left = {check.name: None for check in checks}

    def done(check: Check, _: Finding) -> None:
        left.pop(check.name, None)
        status.update(f"examining the cluster: {len(checks) - len(left)} of {len(checks)} done; {', '.join(left)}")

    return done


def _print(found: dict[str, Finding], console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("result", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("what was found, and what to do", overflow="fold")
    for name, finding in found.items():
        told = Text(finding.message)
        if finding.advice and finding.result is not Result.ok:
            told.append(f"\n-> {finding.advice}", "bold")
        table.add_row(Text(finding.result.value, _STYLES[finding.result]), name, told)
    console.print(table)
    counts = {result: sum(finding.result is result for finding in found.values()) for result in Result}
    console.print(", ".join(f"{count} {result.value}" for result, count in counts.items() if count), style="dim")
