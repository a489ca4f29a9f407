"""Programs of ours that are other packages: run as child processes, the only way in which we meet them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from antiphon_operator.bringing_up.errors import BringingUpError

_LAST_LINES = 15


async def run_module(
    module: str, arguments: Sequence[str], *, stdin: str | None = None, show: bool = False
) -> tuple[str, str]:
    """What it prints, and what it says on standard error; `show`: that goes to our own instead.

    BringingUpError where it fails. It ends when we are cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=None if show else asyncio.subprocess.PIPE,
    )
    try:
        output, said = await process.communicate(None if stdin is None else stdin.encode())
    except asyncio.CancelledError:
        await _end(process)
        raise
    words = (said or b"").decode(errors="replace")
    if process.returncode != 0:
        raise BringingUpError(_failure(module, arguments, process.returncode, words))
    return output.decode(errors="replace"), words


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.wait()


def _failure(module: str, arguments: Sequence[str], code: int | None, words: str) -> str:
    last = "\n".join(words.strip().splitlines()[-_LAST_LINES:])
    command = f"python -m {module} {' '.join(arguments)}"
    return f"`{command}` failed with exit code {code}" + (f":\n{last}" if last else "")


def read_json(output: str) -> Any:
    """BringingUpError where it is none."""
    try:
        return json.loads(output)
    except ValueError:
        raise BringingUpError(f"what should be JSON is {output[:200]!r}") from None
