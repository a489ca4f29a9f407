"""Agents that a question is about: named on the command line, live or in files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon_operator.asking.cluster import open_cluster
from antiphon_operator.commands.output import FAILED, USAGE, CommandError
from antiphon_operator.explaining.operator_reach import Way

if TYPE_CHECKING:
    from antiphon_operator.rehearsing.subject import Subject

SubjectWords = Annotated[
    list[str],
    typer.Argument(metavar="AGENT|FILE...", help="Name of one live VoiceAgent, or manifests, folders of them, or -."),
]


async def ask_subjects(words: Sequence[str], hardware: str | None, namespace: str | None, way: Way) -> list[Subject]:
    """CommandError where there is none, or one can't run."""
    from antiphon_operator.rehearsing.errors import RehearsalError  # numpy takes time that --help need not

    try:
        return [subject.on(hardware) for subject in await _subjects(words, namespace, way)]
    except RehearsalError as error:
        raise CommandError(str(error), USAGE if error.usage else FAILED) from error


async def _subjects(words: Sequence[str], namespace: str | None, way: Way) -> list[Subject]:
    from antiphon_operator.rehearsing.agent_files import names_a_file, subjects_of
    from antiphon_operator.rehearsing.live_agent import live_subject

    named = [word for word in words if not names_a_file(word)]
    if not named:
        return subjects_of(words)
    if len(words) > 1:
        raise CommandError(f"{named[0]} is the name of a live agent and stands alone; else give files only", USAGE)
    async with open_cluster(way.kubeconfig, way.context) as cluster:
        return [await live_subject(cluster, way, named[0], namespace or cluster.access.default_namespace)]
