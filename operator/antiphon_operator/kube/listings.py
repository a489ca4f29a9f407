"""Answers to lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from antiphon_operator.kube.errors import GarbledError
from antiphon_operator.kube.resources import Resource
from antiphon_operator.objects import Obj


@dataclass(frozen=True)
class Listing:
    """Objects as they were at one moment; with kind and apiVersion, which API servers leave out in lists."""

    items: list[Obj]
    version: str
    """The moment: a watch goes on from here."""


def listing_of(answer: Any, resource: Resource) -> tuple[Listing, str]:
    """One page, and the token of the next. GarbledError where it is no list."""
    try:
        metadata = answer["metadata"]
        items = [_whole(item, resource) for item in answer["items"] or ()]
        return Listing(items, str(metadata["resourceVersion"])), str(metadata.get("continue") or "")
    except (TypeError, KeyError, AttributeError) as error:
        raise GarbledError(f"the answer is no list of {resource}: {error!r}") from error


def _whole(item: Any, resource: Resource) -> Obj:
    if not item["metadata"]["name"]:
        raise KeyError("name")
    item.setdefault("kind", resource.kind)
    item.setdefault("apiVersion", resource.api_version)
    whole: Obj = item
    return whole
