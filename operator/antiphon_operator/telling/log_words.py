"""A line of the runtime's log, which is JSON, for people. Lines of others stay as they are."""

from __future__ import annotations

import json
from typing import Any

from rich.text import Text

from antiphon_operator.telling.colours import BAD, DULL, WARN

_LEVELS = {"error": BAD, "critical": BAD, "warning": WARN, "debug": DULL}
_TOLD = {"time", "level", "logger", "message"}


def readable(line: str) -> Text:
    said = _structured(line)
    if said is None:
        return Text.from_ansi(line)
    level, logger = str(said.get("level", "")), str(said.get("logger", "")).rpartition(".")[2]
    text = Text.assemble(
        (f"{str(said.get('time', ''))[11:23]} ", DULL), (f"{level} ", _LEVELS.get(level, "")), (f"{logger}: ", DULL)
    )
    text.append(str(said["message"]))
    for name, value in said.items():
        if name not in _TOLD:
            text.append(f" {name}={value}" if "\n" not in str(value) else f"\n{value}", DULL)
    return text


def _structured(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and "message" in said else None
