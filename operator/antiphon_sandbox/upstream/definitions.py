"""The definitions as they are on disk, each parsed when first asked for. What is returned is shared: never change it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Raw = Mapping[str, Any]

KUBERNETES_VERSION = "1.36"
REF_PREFIX = "#/components/schemas/"
_HERE = Path(__file__).parent


class Lines(Mapping[str, Any]):
    """A JSON object in a file with one entry a line; an entry costs nothing until it is read."""

    def __init__(self, path: Path) -> None:
        self._unread: dict[str, str] = {}
        self._read: dict[str, Any] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            key, colon, value = line.partition(": ")
            if colon:
                self._unread[key.strip('"')] = value.removesuffix(",")

    def __getitem__(self, key: str) -> Any:
        try:
            return self._read[key]
        except KeyError:
            pass
        value = self._read[key] = json.loads(self._unread[key])
        del self._unread[key]
        return value

    def __iter__(self) -> Iterator[str]:
        yield from sorted([*self._read, *self._unread])

    def __len__(self) -> int:
        return len(self._read) + len(self._unread)


@cache
def _schemas() -> Lines:
    return Lines(_HERE / "openapi.json")


@cache
def _descriptions() -> Lines:
    return Lines(_HERE / "descriptions.json")


@cache
def _kinds() -> dict[str, str]:
    found: dict[str, str] = json.loads((_HERE / "kinds.json").read_text(encoding="utf-8"))
    return found


@cache
def protobuf_messages() -> Mapping[str, Any]:
    """Message -> field number (a string) -> [field, how, type of the value]; the README beside this says how."""
    return Lines(_HERE / "protobuf.json")


def definition_names() -> list[str]:
    return list(_schemas())


def definition(name: str) -> Raw:
    """A definition without descriptions, by its name in `components.schemas`. KeyError when there is none."""
    found: Raw = _schemas()[name]
    return found


def described(name: str) -> dict[str, Any]:
    """A definition with its own and its properties' descriptions: a new one, for whoever shows it."""
    own = dict(definition(name))
    words = _descriptions().get(name, {})
    described = ({"description": words[""]} if "" in words else {}) | own
    if "properties" in own:
        described["properties"] = {
            field: ({"description": words[field]} if field in words else {}) | part
            for field, part in own["properties"].items()
        }
    return described


def name_of_kind(group: str, version: str, kind: str) -> str:
    """The definition's name of a kind. KeyError when it is not one of ours."""
    return _kinds()[f"{group}/{version}/{kind}"]


def schema_of(group: str, version: str, kind: str) -> Raw:
    """The definition of a kind, with references where it refers to others: `resolve` follows them."""
    return definition(name_of_kind(group, version, kind))


def resolve(raw: Raw) -> Raw:
    """The schema that is meant by a `$ref`, bare or the only one of an allOf; the default beside it stays.

    Any other schema is returned as it is.
    """
    parts = raw.get("allOf")
    reference = raw.get("$ref") or (parts[0].get("$ref") if parts and len(parts) == 1 else None)
    if reference is None:
        return raw
    target = definition(reference.removeprefix(REF_PREFIX))
    beside = {key: value for key, value in raw.items() if key not in ("allOf", "$ref")}
    return {**target, **beside} if beside else target
