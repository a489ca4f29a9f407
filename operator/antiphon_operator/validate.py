"""`antiphon validate`: judges manifests as the API server would, and how they fit together; explains the agents."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.documents import Document
from antiphon_crds.manifests import Loaded, LocatedProblem, is_foreign, load, read_documents
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.problems import Problem, field_path
from antiphon_crds.status import Resource
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.explanation import explain_agent
from antiphon_policies.resolution import Catalog, Resolution, resolve

_INVALID, _USAGE = 1, 2
_STANDARD_INPUT = Path("-")


class Output(StrEnum):
    """How the verdict is printed."""

    text = "text"
    json = "json"


@dataclass(frozen=True)
class Verdict:
    """Everything that was found in the given files."""

    files: int
    foreign: int
    loaded: list[Loaded]
    problems: list[LocatedProblem]
    missing: list[LocatedProblem]
    resolutions: list[Resolution]

    def as_json(self) -> dict[str, Any]:
        return {
            "valid": not self.problems,
            "files": self.files,
            "foreign": self.foreign,
            "objects": [loaded.name for loaded in self.loaded],
            "problems": [problem.as_json() for problem in self.problems],
            "missing": [problem.as_json() for problem in self.missing],
        }


def validate(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Manifests, folders of them, or - for standard input.")
    ],
    complete: Annotated[
        bool, typer.Option(help="Count an object that is named and not among FILEs as a problem.")
    ] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="Form of the output.")] = Output.text,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print problems only.")] = False,
) -> None:
    """Validate manifests without a cluster, and explain the agents in them.

    Objects of other APIs, such as Secrets, are passed over.

    Exit codes: 0 all valid, 1 problems found, 2 a file can't be read.
    """
    found = list(_manifest_files(files))
    if not found:
        typer.echo(f"no manifests (.yaml, .yml, .json) in {', '.join(map(str, files))}", err=True)
        raise typer.Exit(_USAGE)
    verdict = judge(found, complete=complete)
    if output is Output.json:
        typer.echo(json.dumps(verdict.as_json(), indent=2))
    else:
        _print(verdict, quiet=quiet)
    if verdict.problems:
        raise typer.Exit(_INVALID)


def _manifest_files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.suffix in (".yaml", ".yml", ".json"))
        else:
            yield path


def judge(files: list[Path], *, complete: bool) -> Verdict:
    documents = [document for file in files for document in read_documents(str(file), _read(file))]
    problems = [document for document in documents if isinstance(document, LocatedProblem)]
    readable = [document for document in documents if isinstance(document, Document)]
    loaded = [load(document) for document in readable if not is_foreign(document)]
    problems += (problem for item in loaded for problem in item.problems)
    problems += _repeated(loaded)
    resolutions, unfit, missing = _resolve_all(loaded)
    problems += unfit + (missing if complete else [])
    foreign = len(readable) - len(loaded)
    return Verdict(len(files), foreign, loaded, problems, [] if complete else missing, resolutions)


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if file == _STANDARD_INPUT else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        typer.echo(f"{file}: can't be read: {error}", err=True)
        raise typer.Exit(_USAGE) from error


def _repeated(loaded: list[Loaded]) -> Iterator[LocatedProblem]:
    first: dict[tuple[str, str | None], Loaded] = {}
    for item in loaded:
        if not isinstance(item.object, Resource):
            continue
        metadata = item.object.metadata
        earlier = first.setdefault((item.name, metadata.namespace), item)
        if earlier is not item:
            problem = Problem("metadata.name", metadata.name, f"is also defined in {earlier.document.file}; rename one")
            yield _locate(item, ("metadata", "name"), problem)


def _locate(loaded: Loaded, path: tuple[str | int, ...], problem: Problem) -> LocatedProblem:
    return LocatedProblem(loaded.document.file, loaded.document.line_of(path), loaded.name, problem)


def _resolve_all(loaded: list[Loaded]) -> tuple[list[Resolution], list[LocatedProblem], list[LocatedProblem]]:
    catalog = _catalog(loaded)
    resolutions: list[Resolution] = []
    unfit: list[LocatedProblem] = []
    missing: list[LocatedProblem] = []
    for item in loaded:
        if not isinstance(item.object, VoiceAgent):
            continue
        resolutions.append(resolve(item.object, catalog))
        for finding in resolutions[-1].findings:
            problem = Problem(field_path(finding.field), "", finding.message)
            (missing if finding.missing else unfit).append(_locate(item, finding.field, problem))
    return resolutions, unfit, missing


def _catalog(loaded: list[Loaded]) -> Catalog:
    objects = [item.object for item in loaded]
    return Catalog(
        {policy.metadata.name: policy for policy in objects if isinstance(policy, SLAPolicy)},
        {model.metadata.name: model for model in objects if isinstance(model, VoiceModel)},
        {pool.metadata.name: pool for pool in objects if isinstance(pool, GPUPool)},
    )


def _print(verdict: Verdict, *, quiet: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if not quiet:
        for resolution in verdict.resolutions:
            console.print(explain_agent(resolution))
    for problem in verdict.missing:
        console.print(f"note: {problem}, nor among the given files; the cluster may have it", markup=False)
    for problem in verdict.problems:
        console.print(f"error: {problem}", markup=False)
    counts = f"{len(verdict.loaded)} objects in {verdict.files} files"
    if verdict.foreign:
        counts += f", {verdict.foreign} of other APIs passed over"
    if verdict.problems:
        console.print(f"{counts}: {len(verdict.problems)} problems", markup=False)
    elif not quiet:
        console.print(f"{counts}: all valid", markup=False)
