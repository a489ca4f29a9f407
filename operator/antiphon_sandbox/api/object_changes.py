"""What of a new object is taken over, and whether that is a change."""

from __future__ import annotations

from antiphon_sandbox.api import managed
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.decoding import copied
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj, is_deleting

_SYSTEM_METADATA = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)


def with_kept_parts(resource: Resource, old: Obj, new: Obj, subresource: str) -> Obj:
    """The new object with what this way in may not change as it was."""
    metadata = new["metadata"]
    if subresource == "status":
        kept = {name: value for name, value in old.items() if name != "status"}
        new = {**copied(kept), **({"status": new["status"]} if new.get("status") is not None else {})}
        metadata = new["metadata"]
    elif resource.separates_status:
        new = {name: value for name, value in new.items() if name != "status"}
        if "status" in old:
            new["status"] = old["status"]
        new["metadata"] = metadata
    for name in _SYSTEM_METADATA:
        metadata.pop(name, None)
        if name in old["metadata"]:
            metadata[name] = old["metadata"][name]
    metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
    return new


def claimed_part(resource: Resource, applied: Obj, subresource: str) -> Obj:
    """What of an applied object this way in may claim."""
    if subresource == "status":
        return {name: value for name, value in applied.items() if name in ("apiVersion", "kind", "status")}
    if resource.separates_status:
        return {name: value for name, value in applied.items() if name != "status"}
    return applied


def ill_typed(resource: Resource, applied: Obj, wrong: list[str]) -> ApiError:
    metadata = applied["metadata"]
    what = f"{metadata.get('namespace') or ''}/{metadata.get('name') or ''}"
    version = resource.api_version if resource.group else f"/{resource.version}"
    words = wrong[0] if len(wrong) == 1 else "\n".join(["errors:", *(f"  {one}" for one in wrong)])
    message = f"failed to create typed patch object ({what}; {version}, Kind={resource.kind}): {words}"
    return ApiError(500, "", message)


def changed_for_ever(old: Obj, new: Obj) -> list[Cause]:
    """What nobody may change, changed nevertheless."""
    found = []
    for name in ("uid", "deletionTimestamp"):
        given = new["metadata"].get(name)
        if given and given != old["metadata"].get(name):
            found.append(invalid(given, "field is immutable", f"metadata.{name}"))
    return found


def is_new_generation(resource: Resource, old: Obj, new: Obj) -> bool:
    """Somebody changed what is wanted."""
    ignored = ("metadata", "status") if resource.separates_status else ("metadata",)
    return any(old.get(name) != new.get(name) for name in {*old, *new} if name not in ignored)


def tidy(obj: Obj) -> None:
    """Empty maps and lists of the metadata are not kept."""
    for name in ("labels", "annotations", "finalizers", "ownerReferences", "managedFields", "generateName"):
        if name in obj["metadata"] and not obj["metadata"][name]:
            del obj["metadata"][name]


def is_same(old: Obj, new: Obj) -> bool:
    one, other = old["metadata"], new["metadata"]
    if {**old, "metadata": {**one, "managedFields": None}} != {**new, "metadata": {**other, "managedFields": None}}:
        return False
    return managed.same_managers(one.get("managedFields") or [], other.get("managedFields") or [])


def is_gone(obj: Obj) -> bool:
    """It was to be deleted, and nothing holds it any more."""
    held = obj["metadata"].get("finalizers") or (
        obj["kind"] == "Namespace" and (obj.get("spec") or {}).get("finalizers")
    )
    graceful = obj["metadata"].get("deletionGracePeriodSeconds")
    return is_deleting(obj) and not held and not graceful
