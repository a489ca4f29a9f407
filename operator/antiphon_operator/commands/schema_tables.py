"""Types of ours as tables for documentation: every field with its form and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from antiphon_crds.base import Contract

_OF_DEFINITIONS = "#/$defs/"


def tables(form: type[Contract]) -> str:
    """The type's own fields, and then those of the types in it."""
    schema = form.model_json_schema(by_alias=True, mode="serialization")
    types = schema.get("$defs", {})
    parts = [_table(schema)]
    for name, inner in types.items():
        if "properties" in inner:
            parts.append(f"`{name}`: {_words(inner)}\n\n{_table(inner)}")
    return "\n".join(parts)


def _table(schema: dict[str, Any]) -> str:
    fields = schema.get("properties", {})
    rows = (f"| `{name}` | {_form(field)} | {_words(field) or 'See below.'} |" for name, field in fields.items())
    return "\n".join(["| field | form | meaning |", "|---|---|---|", *rows]) + "\n"


def _words(schema: dict[str, Any]) -> str:
    return " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")


def _form(field: dict[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_forms(field)))


def _forms(field: dict[str, Any]) -> Iterator[str]:
    """A null is left out of what is printed."""
    if "$ref" in field:
        yield str(field["$ref"]).removeprefix(_OF_DEFINITIONS)
    elif "anyOf" in field:
        for choice in field["anyOf"]:
            yield from _forms(choice)
    elif "enum" in field:
        yield ", ".join(map(str, field["enum"]))
    elif field.get("type") == "array":
        yield f"list of {_form(field['items'])}"
    elif field.get("type") != "null":
        yield str(field.get("type", "any"))
