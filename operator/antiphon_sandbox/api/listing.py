"""Lists, whole or in pages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from antiphon_sandbox.api.errors import bad_request
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.selecting import Selector, parse
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.objects import Obj, Objects, name_of, namespace_of


def selector_of(resource: Resource, query: Mapping[str, str], name: str = "") -> Selector:
    fields = query.get("fieldSelector", "")
    if name:
        fields = ",".join(filter(None, (fields, f"metadata.name={name}")))
    more = tuple(path.strip(".") for path in _selectable(resource)) if resource.custom else None
    return parse(resource.name, query.get("labelSelector", ""), fields, more)


def _selectable(resource: Resource) -> list[str]:
    """Fields that a CustomResourceDefinition names for selectors."""
    return [field["jsonPath"] for field in resource.definition.get("selectableFields") or ()]


def selected(store: Store, resource: Resource, namespace: str, selector: Selector) -> Objects:
    found = store.items(resource.name, namespace)
    return [obj for obj in found if selector.matches(obj)] if selector else list(found)


def page_of(store: Store, objects: Objects, query: Mapping[str, str]) -> tuple[Objects, Obj]:
    """The page that the query asks for, and the list's metadata.

    A page goes on after the last one's end in the world of now: what came meanwhile may be in it.
    """
    metadata: Obj = {"resourceVersion": str(store.revision)}
    if token := query.get("continue"):
        last, revision = _read_token(token)
        metadata["resourceVersion"] = revision
        objects = [obj for obj in objects if (namespace_of(obj), name_of(obj)) > last]
    limit = _limit(query)
    if limit and len(objects) > limit:
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(objects) - limit
        objects = objects[:limit]
        metadata["continue"] = _token(objects[-1], metadata["resourceVersion"])
    return objects, metadata


def _limit(query: Mapping[str, str]) -> int:
    """Zero or less is no limit."""
    return max(int(query.get("limit") or 0), 0)


def _token(last: Obj, revision: str) -> str:
    text = json.dumps({"after": [namespace_of(last), name_of(last)], "revision": revision})
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_token(token: str) -> tuple[tuple[str, str], str]:
    try:
        read = json.loads(base64.urlsafe_b64decode(token))
        namespace, name = read["after"]
        return (str(namespace), str(name)), str(read["revision"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise bad_request("invalid continue token: continue key is not valid") from error
