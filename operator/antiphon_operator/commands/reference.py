"""docs/cli.md from the program itself: `python -m antiphon_operator.commands.reference [--check] FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer

from antiphon_crds.derived import page_command
from antiphon_operator.cli import app
from antiphon_operator.commands.json_forms import FORMS, WORDS
from antiphon_operator.commands.schema_tables import tables

_HEAD = """\
# The command line

Generated from the program by `scripts/do generate`; do not edit. `antiphon COMMAND --help` says the same.

With `kubectl-antiphon` on the PATH, `kubectl antiphon COMMAND` is the same program.

Results go to standard output; progress, notes and errors to standard error. `-o json` is for programs: its fields keep their
names and meanings, and new ones may come. Colours are for terminals, and left out where `NO_COLOR` is set.

The cluster is that of `--kubeconfig`, else of `$KUBECONFIG`, in a pod its service account's, else that of `~/.kube/config`.
"""


def reference() -> str:
    """The page."""
    return "\n".join([_HEAD, *(line for name, command in _commands() for line in _section(name, command))])


def _commands() -> list[tuple[str, Any]]:
    """Of the program, in the order of its help."""
    group: Any = typer.main.get_command(app)
    found: dict[str, Any] = group.commands
    return [(name, command) for name, command in found.items() if not command.hidden]


def _section(name: str, command: Any) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option" and not param.hidden]
    yield f"## antiphon {name}\n"
    yield f"```\nantiphon {' '.join([name, *(['[OPTIONS]'] if options else []), *map(_place, arguments)])}\n```\n"
    yield f"{(command.help or '').strip()}\n"
    rows = [*map(_argument, arguments), *map(_option, options)]
    if rows:
        yield "\n".join(["| argument or option | default | meaning |", "|---|---|---|", *rows]) + "\n"
    yield from _json(name)


def _place(argument: Any) -> str:
    shown = argument.metavar or argument.name.upper()
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _argument(argument: Any) -> str:
    return _row(f"`{argument.metavar or argument.name.upper()}`", argument)


def _option(option: Any) -> str:
    value = "" if option.is_flag else f" {_metavar(option)}"
    names = ", ".join(f"`{name}{value if name.startswith('--') else ''}`" for name in option.opts)
    negative = f", `{option.secondary_opts[0]}`" if option.secondary_opts else ""
    return _row(names + negative, option)


def _metavar(option: Any) -> str:
    if isinstance(option.default, Enum):
        return "|".join(str(member.value) for member in type(option.default))
    return str(option.metavar or option.name.upper())


def _row(names: str, parameter: Any) -> str:
    return f"| {_cell(names)} | {_cell(_default(parameter))} | {_cell(parameter.help or '')} |"


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    if default is None or default is False or default == []:
        return ""
    if default is True:
        return f"`{parameter.opts[0]}`"
    return f"`{default.value if isinstance(default, Enum) else default}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _json(name: str) -> Iterator[str]:
    if name not in FORMS and name not in WORDS:
        return
    yield f"### antiphon {name} -o json\n"
    if name in WORDS:
        yield f"{WORDS[name]}\n"
    if name in FORMS:
        yield tables(FORMS[name])


if __name__ == "__main__":
    sys.exit(page_command("antiphon_operator.commands.reference", __doc__, reference))
