"""Writes down what a file of nodes may say, from its types: `python -m antiphon_sandbox.reference [--check] FILE`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from antiphon_crds.derived import page_command
from antiphon_sandbox.nodes import hollow
from antiphon_sandbox.nodes.fleet import FleetFile, NodeSpec, Taint
from antiphon_sandbox.nodes.images import Image, default_images

_HEAD = """# The file of nodes

Generated from the code (`scripts/do generate`); what it is for is told in [sandbox.md](sandbox.md).
"""
_TITLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The file", FleetFile),
    ("A node", NodeSpec),
    ("A taint", Taint),
    ("An image", Image),
)


def reference() -> str:
    """The page."""
    return "\n".join(
        [_HEAD, *map("\n".join, (_table(title, model) for title, model in _TITLES)), *_images(), *_plays()]
    )


def _table(title: str, model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    required = schema.get("required", ())
    yield f"## {title}\n"
    yield "| field | default | meaning |"
    yield "|---|---|---|"
    for name, field in schema["properties"].items():
        default = "required" if name in required else f"`{_shown(field.get('default'))}`"
        yield f"| `{name}` | {default} | {field['description']} |"
    yield ""


def _shown(default: Any) -> str:
    return "left out" if default is None else str(default) or '""'


def _images() -> Iterator[str]:
    names = ", ".join(f"`{name}`" for name in sorted(default_images()))
    yield f"## Images that are always there\n\n{names}\n"


def _plays() -> Iterator[str]:
    yield f"## Annotations on pods of hollow nodes\n\n{(hollow.__doc__ or '').partition(chr(10))[2].strip()}\n"


if __name__ == "__main__":
    sys.exit(page_command("antiphon_sandbox.reference", __doc__, reference))
