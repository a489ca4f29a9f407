"""Objects of built-in kinds that an API server refuses, with the causes that it gives, from YAML files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.objects import Obj


@dataclass(frozen=True)
class WrongBuiltin:
    """`causes` give the beginnings of messages."""

    name: str
    object: Obj
    causes: list[Cause]


def wrong_builtins(folder: Path) -> Iterator[WrongBuiltin]:
    for path in sorted(folder.glob("*.yaml")):
        for case in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            causes = [_cause(line) for line in case["says"]]
            yield WrongBuiltin(
                case["case"], {**case["object"], "metadata": {"name": "a", **case.get("metadata", {})}}, causes
            )


def _cause(line: str) -> Cause:
    """`field: message`; the beginning of the message says the reason."""
    field, _, message = line.partition(": ")
    heads = {"Required": "Required", "Unsupported": "NotSupported", "Not found": "NotFound", "Too long": "TooLong"}
    reason = next(
        (found for head, found in heads.items() if message.startswith(head)), message.split(" ")[0].rstrip(":")
    )
    return Cause(f"FieldValue{reason}", message, field)
