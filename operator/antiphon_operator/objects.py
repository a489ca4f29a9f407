"""Kubernetes objects as they come over the wire, and how to read them."""

from __future__ import annotations

from typing import Any, TypeAlias

Obj: TypeAlias = dict[str, Any]
"""A Kubernetes object in its JSON form."""


def name_of(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def namespace_of(obj: Obj) -> str:
    """Empty for a cluster-scoped object."""
    return str(obj["metadata"].get("namespace") or "")


def uid_of(obj: Obj) -> str:
    return str(obj["metadata"].get("uid") or "")


def labels_of(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def version_of(obj: Obj) -> int:
    """The resourceVersion, by which two states of one object are told apart in time. 0 where there is none."""
    text = str(obj["metadata"].get("resourceVersion") or "")
    return int(text) if text.isdigit() else 0


def is_going(obj: Obj) -> bool:
    """It is being deleted."""
    return bool(obj["metadata"].get("deletionTimestamp"))
