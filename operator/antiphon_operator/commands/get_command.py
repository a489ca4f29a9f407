"""`antiphon get`: lists agents, policies, models and pools."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.text import Text

from antiphon_crds.definitions import DEFINITIONS, Definition
from antiphon_crds.status import GROUP
from antiphon_operator.asking.cluster import Cluster, open_cluster, resource_of
from antiphon_operator.commands.options import Context, Kubeconfig, Namespace
from antiphon_operator.commands.output import USAGE, CommandError, run, say, say_json
from antiphon_operator.objects import Obj, name_of
from antiphon_operator.telling.colours import coloured
from antiphon_operator.telling.columns import definition_named, row, titles
from antiphon_operator.telling.tables import line, plain_table, widths_of

_ALL = "all"


class GetForm(StrEnum):
    """How objects are printed."""

    text = "text"
    wide = "wide"
    json = "json"
    yaml = "yaml"
    name = "name"


@dataclass(frozen=True)
class Wanted:
    """What is asked for."""

    definitions: tuple[Definition, ...]
    name: str | None
    namespace: str | None
    """None: the context's."""
    everywhere: bool
    form: GetForm
    watch: bool


def get(
    what: Annotated[
        str, typer.Argument(help="agents, policies, models, pools or all; the names that kubectl takes do as well.")
    ] = "agents",
    name: Annotated[str | None, typer.Argument(help="Only the one of this name.")] = None,
    namespace: Namespace = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Agents of all namespaces.")] = False,
    output: Annotated[GetForm, typer.Option("--output", "-o", help="Form of the output.")] = GetForm.text,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on, and print each change as it comes.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """List agents, policies, models and pools, with the columns that kubectl shows.

    Exit codes: 0 done, 1 no such object, or the cluster refuses or can't be reached, 2 wrong usage.
    """
    run(_get(what, name, namespace, all_namespaces, output, watch, kubeconfig, context))


async def _get(
    what: str,
    name: str | None,
    namespace: str | None,
    everywhere: bool,
    form: GetForm,
    watch: bool,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    kind, slash, of_path = what.partition("/")  # agents/hello is what `-o name` prints
    wanted = Wanted(_definitions(kind), name or (of_path if slash else None), namespace, everywhere, form, watch)
    _refuse_nonsense(wanted)
    async with open_cluster(kubeconfig, context) as cluster:
        if watch:
            await _Watching(cluster, wanted).run()
        else:
            _show(wanted, [(each, await _fetch(cluster, each, wanted)) for each in wanted.definitions])


def _definitions(word: str) -> tuple[Definition, ...]:
    if word in (_ALL, "antiphon"):
        return DEFINITIONS
    if found := definition_named(word):
        return (found,)
    raise CommandError(f"there are no {word!r} here; there are agents, policies, models, pools and all", USAGE)


def _refuse_nonsense(wanted: Wanted) -> None:
    several = len(wanted.definitions) > 1
    if several and (wanted.name or wanted.watch):
        raise CommandError("with `all`, give neither a name nor --watch; name one kind", USAGE)
    if wanted.name and wanted.everywhere:
        raise CommandError("an object is named within a namespace: give either its name or --all-namespaces", USAGE)


async def _fetch(cluster: Cluster, definition: Definition, wanted: Wanted) -> list[Obj]:
    resource, namespace = resource_of(definition), _namespace(cluster, definition, wanted)
    if wanted.name is None:
        return await cluster.listing(resource, namespace)
    return [await cluster.named(resource, wanted.name, namespace)]


def _namespace(cluster: Cluster, definition: Definition, wanted: Wanted) -> str:
    """Empty: all of them, or none where the kind has none."""
    if wanted.everywhere or definition.scope == "Cluster":
        return ""
    return wanted.namespace or cluster.access.default_namespace


def _show(wanted: Wanted, found: Sequence[tuple[Definition, list[Obj]]]) -> None:
    objects = [_without_managers(obj) for _, each in found for obj in each]
    if wanted.form in (GetForm.json, GetForm.yaml):
        single = objects[0] if wanted.name else {"apiVersion": "v1", "kind": "List", "items": objects}
        say_json(single) if wanted.form is GetForm.json else typer.echo(_yaml(single), nl=False)
    elif wanted.form is GetForm.name:
        for definition, each in found:
            for obj in each:
                typer.echo(_full_name(definition, obj))
    else:
        _show_tables(wanted, found)


def _show_tables(wanted: Wanted, found: Sequence[tuple[Definition, list[Obj]]]) -> None:
    shown = [(definition, objects) for definition, objects in found if objects]
    if not shown:
        typer.echo(f"there are no {' or '.join(each.plural for each in wanted.definitions)}", err=True)
    for index, (definition, objects) in enumerate(shown):
        if index:
            say("")
        rows = [_cells(definition, obj, wanted) for obj in objects]
        say(plain_table(_titles(definition, wanted), rows))


def _titles(definition: Definition, wanted: Wanted) -> list[str]:
    return titles(definition, namespaces=wanted.everywhere, wide=wanted.form is GetForm.wide)


def _cells(definition: Definition, obj: Obj, wanted: Wanted) -> list[Text]:
    values = row(definition, obj, datetime.now(UTC), namespaces=wanted.everywhere, wide=wanted.form is GetForm.wide)
    names = 2 if wanted.everywhere and definition.scope == "Namespaced" else 1
    return [*map(Text, values[:names]), *map(coloured, values[names:])]


def _full_name(definition: Definition, obj: Obj) -> str:
    return f"{definition.kind.lower()}.{GROUP}/{name_of(obj)}"


def _without_managers(obj: Obj) -> Obj:
    """As kubectl shows it: who owns which field is of no interest here."""
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "managedFields"}}


def _yaml(value: Obj) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


class _Watching:
    """Prints what is there, and then each change."""

    def __init__(self, cluster: Cluster, wanted: Wanted) -> None:
        self._cluster = cluster
        self._wanted = wanted
        (self._definition,) = wanted.definitions
        self._widths: list[int] = []

    async def run(self) -> None:
        namespace = _namespace(self._cluster, self._definition, self._wanted)
        resource = resource_of(self._definition)
        fields = f"metadata.name={self._wanted.name}" if self._wanted.name else ""
        async for obj in self._cluster.changes(resource, namespace, fields=fields):
            self._tell(obj)

    def _tell(self, obj: Obj) -> None:
        form = self._wanted.form
        if form is GetForm.json:
            typer.echo(json.dumps(_without_managers(obj), ensure_ascii=False))
        elif form is GetForm.yaml:
            typer.echo(f"---\n{_yaml(_without_managers(obj))}", nl=False)
        elif form is GetForm.name:
            typer.echo(_full_name(self._definition, obj))
        else:
            for text in self._lines(_cells(self._definition, obj, self._wanted)):
                say(text)

    def _lines(self, cells: list[Text]) -> Iterator[Text]:
        """The titles first, and again where a row does not fit below them."""
        names = _titles(self._definition, self._wanted)
        widths = [max(pair) for pair in zip(widths_of(names, [cells]), self._widths or [0] * len(cells), strict=True)]
        if widths != self._widths:
            self._widths = widths
            yield line([Text(name.upper(), style="dim") for name in names], widths)
        yield line(cells, widths)
