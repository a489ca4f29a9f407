"""In which form an answer is wanted: objects, a table, or metadata alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from antiphon_sandbox.api.errors import not_acceptable
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.tables import table
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj, Objects

_META = "meta.k8s.io/v1"


@dataclass(frozen=True)
class Form:
    """What Accept and the query ask for."""

    kind: Literal["Object", "Table", "Metadata"] = "Object"
    include_object: Literal["None", "Metadata", "Object"] = "Metadata"

    def one(self, resource: Resource, obj: Obj, now: datetime) -> Obj:
        match self.kind:
            case "Table":
                metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
                return table(resource, [obj], metadata, now=now, include_object=self.include_object)
            case "Metadata":
                return _only_metadata(obj)
            case _:
                return served(resource, obj)

    def many(self, resource: Resource, objects: Objects, metadata: Obj, now: datetime) -> Obj:
        match self.kind:
            case "Table":
                return table(resource, objects, metadata, now=now, include_object=self.include_object)
            case "Metadata":
                items = [_only_metadata(obj) for obj in objects]
                kind = "PartialObjectMetadataList"
                return {"kind": kind, "apiVersion": _META, "metadata": metadata, "items": items}
            case _:
                items = [_item(resource, obj) for obj in objects]
                metadata = {"continue": "", **metadata} if resource.custom else metadata
                kind = f"{resource.kind}List"
                return {"kind": kind, "apiVersion": resource.api_version, "metadata": metadata, "items": items}

    def changes(self, resource: Resource, now: Callable[[], datetime]) -> Callable[[Obj], Obj]:
        """For the objects of a watch, one after another: only the first table has column definitions."""
        if self.kind != "Table":
            return lambda obj: self.one(resource, obj, now())
        told = False

        def one(obj: Obj) -> Obj:
            nonlocal told
            first, told = not told, True
            metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            return table(resource, [obj], metadata, now=now(), include_object=self.include_object, with_columns=first)

        return one


_MEDIA = frozenset(
    {"", "*/*", "application/*", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}
)


def form_of(accept: str, include_object: str | None, of_list: bool = False) -> Form:
    """The first form in Accept that is served here; ApiError 406 when there is none."""
    include: Any = include_object if include_object in ("None", "Metadata", "Object") else "Metadata"
    for wanted in accept.split(","):
        media, *parameters = (part.strip() for part in wanted.split(";"))
        if media not in _MEDIA:
            continue
        kind = next((part.removeprefix("as=") for part in parameters if part.startswith("as=")), None)
        match kind:
            case None:
                return Form()
            case "Table":
                return Form("Table", include)
            case "PartialObjectMetadata" | "PartialObjectMetadataList" if kind.endswith("List") == of_list:
                return Form("Metadata")
            case "PartialObjectMetadata" | "PartialObjectMetadataList":
                raise _of_other_kind(kind)
    raise not_acceptable()


def _of_other_kind(kind: str) -> ApiError:
    what = "not a list" if kind.endswith("List") else "a list"
    return ApiError(406, "NotAcceptable", f"you requested {kind}, but the requested object is {what}")


def served(resource: Resource, obj: Obj) -> Obj:
    """In the version that was asked for."""
    return obj if obj["apiVersion"] == resource.api_version else {**obj, "apiVersion": resource.api_version}


def _item(resource: Resource, obj: Obj) -> Obj:
    """Items of built-in lists do not repeat what the list says."""
    if resource.custom:
        return served(resource, obj)
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}


def _only_metadata(obj: Obj) -> Obj:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}
