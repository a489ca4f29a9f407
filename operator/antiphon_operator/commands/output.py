"""How commands speak: results on standard output, all else on standard error, failures in words."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console, RenderableType

from antiphon_operator.bringing_up.errors import BringingUpError
from antiphon_operator.kube.errors import ApiError, KubeError, NotFoundError, UnreachableError

FAILED = 1
USAGE = 2
INTERRUPTED = 130

Result = TypeVar("Result")


class CommandError(Exception):
    """The command can't do what it was asked; the text says why and what to do."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def run(story: Coroutine[Any, Any, Result]) -> Result:
    """What `story` returns. What users may meet is told in words and ends the program with its exit code."""
    try:
        return asyncio.run(story)
    except CommandError as error:
        fail(str(error), error.code)
    except (KubeError, BringingUpError) as error:
        fail(in_words(error))
    except ValidationError as error:
        fail(f"an object of the cluster can't be read by this version of antiphon: {error.errors()[0]['msg']}")
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        sys.stderr.close()  # else Python complains at its end that standard output is gone
        raise typer.Exit(FAILED) from None


def fail(message: str, code: int = FAILED) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code)


def in_words(error: KubeError | BringingUpError) -> str:
    if isinstance(error, UnreachableError):
        return f"the API server can't be reached: {error}"
    if isinstance(error, NotFoundError) and error.reason != "NotFound":
        return f"the cluster does not know this kind; `antiphon install` brings ours: {error}"
    if isinstance(error, ApiError):
        return f"the API server refuses ({error.status}): {error}"
    return str(error)


def say(text: RenderableType) -> None:
    """To standard output; lines are never cut nor broken."""
    console().print(text, soft_wrap=True)


def say_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def console() -> Console:
    """Standard output as it is now; with colours where it is a terminal and NO_COLOR is not set."""
    return Console(highlight=False, markup=False, emoji=False)


def progress_console() -> Console:
    """Standard error: what goes on meanwhile."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)
