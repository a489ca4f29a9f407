"""docs/cli.md tells all of the program: it is made from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from manifest_files import REPOSITORY

from antiphon_operator.cli import app
from antiphon_operator.commands.json_forms import FORMS, WORDS
from antiphon_operator.commands.reference import reference

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PAGE = REPOSITORY / "docs" / "cli.md"


def generated(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "antiphon_operator.commands.reference", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    _, found, rest = page.partition(f"\n## antiphon {name}\n")
    assert found, f"{name} is not in docs/cli.md; run scripts/do generate"
    section = rest.partition("\n## ")[0]
    for parameter in COMMANDS[name].params:
        if parameter.name != "help":
            assert parameter.param_type_name == "argument" or f"`{parameter.opts[0]}" in section
            assert parameter.help, f"{name}: {parameter.name} says nothing of itself"
    assert "Exit codes: 0" in section


@pytest.mark.parametrize("name", COMMANDS)
def test_what_json_each_prints_is_told(name: str) -> None:
    prints_json = any("--output" in parameter.opts for parameter in COMMANDS[name].params)
    assert not prints_json or name in {*FORMS, *WORDS}


def test_the_page_is_up_to_date() -> None:
    checked = generated("--check", str(PAGE))
    assert checked.returncode == 0, checked.stderr


def test_it_is_written_and_compared(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    missing = generated("--check", str(page))
    assert (missing.returncode, "out of date" in missing.stderr) == (1, True)
    assert generated(str(page)).returncode == 0
    assert page.read_text(encoding="utf-8") == reference()
    assert generated("--check", str(page)).returncode == 0
