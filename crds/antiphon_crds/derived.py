"""Files that are derived from code: written, or only compared with what is there. Every generator of the house ends here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path


def add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file differs")


def bring(wanted: Mapping[Path, str], *, check: bool, superfluous: Collection[Path] = ()) -> int:
    """The exit code. Each file has its text, and the superfluous ones are gone; with `check` it is only said which are not so."""
    stale = {path: text for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text}
    for path in sorted({*stale, *superfluous}):
        if check:
            sys.stderr.write(f"{path} is out of date; run `scripts/do generate`\n")
        elif path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(stale[path], "utf-8")
            sys.stdout.write(f"wrote {path}\n")
        else:
            path.unlink()
            sys.stdout.write(f"removed {path}\n")
    return 1 if check and (stale or superfluous) else 0


def page_command(program: str, description: str | None, page: Callable[[], str]) -> int:
    """`python -m PROGRAM [--check] FILE` for a single page."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    add_check(parser)
    parser.add_argument("file", type=Path, help="file of the page")
    given = parser.parse_args()
    return bring({given.file: page()}, check=given.check)
