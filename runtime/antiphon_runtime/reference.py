"""Writes down what the runtime tells of itself, from the code: `python -m antiphon_runtime.reference [--check] FILE`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import get_args

from antiphon_crds.derived import page_command
from antiphon_crds.stages import STAGES_OF_ENGINE
from antiphon_runtime.engines import registry
from antiphon_runtime.models import errors as model_errors
from antiphon_runtime.realtime import errors as realtime_errors
from antiphon_runtime.server.admission import RETRY_SECONDS
from antiphon_runtime.server.realtime_socket import CLOSE_CODES
from antiphon_runtime.telemetry.labels import SessionEnd
from antiphon_runtime.telemetry.reference import markdown as metrics
from antiphon_runtime.voice.failures import CODES

HEAD = """# The runtime: reference

Generated from the code by `scripts/do generate`; do not edit. Settings are in [reference.md](reference.md), under
RuntimeConfig; [runtime.md](runtime.md) tells how all of it works.
"""


def reference() -> str:
    parts = (_metrics, _client_errors, _own_errors, _refusals, _closing, _model_errors, _engines)
    return "\n".join((HEAD, *("\n".join(part()) for part in parts)))


def _metrics() -> Iterator[str]:
    yield f"## Metrics\n\nOn port 9100, `/metrics`. Times are in seconds.\n\n{metrics()}"


def _client_errors() -> Iterator[str]:
    yield "## What a client of the realtime API did wrong\n\nThe `code` of an `error` event; the session lives on.\n"
    for name, value in vars(realtime_errors).items():
        if name.isupper() and isinstance(value, str):
            yield f"- `{value}`"
    yield ""


def _own_errors() -> Iterator[str]:
    yield "## What went wrong on our side\n\nThe `code` of a failed response, a failed transcription or an `error` event.\n"
    yield from (f"- `{code}`: {what}" for code, what in CODES.items())
    yield ""


def _refusals() -> Iterator[str]:
    yield "## Sessions that are refused\n\n"
    yield "| `error.code` | try again after |\n|---|---|"
    yield from (f"| `session_refused_{reason}` | {seconds:g} s |" for reason, seconds in RETRY_SECONDS.items())
    yield "\nThe connection is then closed with 1013.\n"


def _closing() -> Iterator[str]:
    yield "## How sessions end\n\n| `end` | close code |\n|---|---|"
    yield from (f"| `{end}` | {CLOSE_CODES.get(end, 1000)} |" for end in get_args(SessionEnd))
    yield ""


def _model_errors() -> Iterator[str]:
    yield "## Models that can't be had\n\n| code | exit code of `models` | |\n|---|---|---|"
    for _, kind in inspect.getmembers(model_errors, inspect.isclass):
        if issubclass(kind, model_errors.ModelError):
            what = (kind.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
            yield f"| `{kind.code}` | {kind.exit_code} | {what} |"
    yield ""


def _engines() -> Iterator[str]:
    yield "## Engines\n\n| engine | stages | here |\n|---|---|---|"
    for engine, stages in STAGES_OF_ENGINE.items():
        yield f"| `{engine}` | {', '.join(stages)} | {'yes' if registry.has(engine) else 'not yet'} |"
    yield ""


if __name__ == "__main__":
    sys.exit(page_command("antiphon_runtime.reference", __doc__, reference))
