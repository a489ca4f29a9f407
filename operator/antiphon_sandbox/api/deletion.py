"""Deleting: at once, after a pod's grace, or when the last finalizer lets go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from antiphon_sandbox.api import errors
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.objects import Obj, is_deleting, name_of, parse_time, timestamp, uid_of, walk

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_PERMANENT = frozenset({"default", "kube-public", "kube-system"})


@dataclass(frozen=True)
class DeleteOptions:
    """What the body or the query of a DELETE says."""

    uid: str | None = None
    revision: str | None = None
    grace_seconds: int | None = None
    propagation: Literal["Background", "Foreground", "Orphan"] | None = None
    dry_run: bool = False

    @classmethod
    def from_body(cls, body: Any, query: Mapping[str, str]) -> DeleteOptions:
        """ApiError 400 or 422 when they make no sense."""
        if not isinstance(body, dict) or body.get("kind", "DeleteOptions") != "DeleteOptions":
            kind = body.get("kind") if isinstance(body, dict) else ""
            raise errors.bad_request(f'no kind "{kind}" is registered for version "v1" in scheme "antiphon_sandbox"')
        preconditions = body.get("preconditions") or {}
        grace = query.get("gracePeriodSeconds", body.get("gracePeriodSeconds"))
        if grace is not None and not str(grace).lstrip("-").isdecimal():
            raise errors.bad_request(f'strconv.ParseInt: parsing "{grace}": invalid syntax')
        propagation: Any = query.get("propagationPolicy") or body.get("propagationPolicy")
        runs = [*([query["dryRun"]] if "dryRun" in query else ()), *(body.get("dryRun") or ())]
        if causes := list(_option_causes(body, propagation, runs)):
            raise errors.invalid_options("DeleteOptions", causes)
        return cls(
            uid=preconditions.get("uid"),
            revision=preconditions.get("resourceVersion"),
            grace_seconds=None if grace is None else int(grace),
            propagation=propagation or ("Orphan" if body.get("orphanDependents") else None),
            dry_run=bool(runs),
        )


def _option_causes(body: Mapping[str, Any], propagation: Any, runs: list[str]) -> Iterator[Cause]:
    if propagation not in (None, "Background", "Foreground", "Orphan"):
        listed = '"Foreground", "Background", "Orphan", "nil"'
        message = f'Unsupported value: "{propagation}": supported values: {listed}'
        yield Cause("FieldValueNotSupported", message, "propagationPolicy")
    elif propagation and body.get("orphanDependents") is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        yield Cause("FieldValueInvalid", f'Invalid value: "{propagation}": {why}', "propagationPolicy")
    if any(run != "All" for run in runs):
        shown = " ".join(f'"{run}"' for run in runs)
        yield Cause("FieldValueNotSupported", f'Unsupported value: [{shown}]: supported values: "All"', "dryRun")


class Deleter:
    """All deletions."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self.now = now

    def delete(self, resource: Resource, obj: Obj, options: DeleteOptions) -> tuple[Obj, bool]:
        """The object's last or present state, and whether it is gone."""
        if resource.name == "namespaces" and name_of(obj) in _PERMANENT:
            raise errors.forbidden(resource, name_of(obj), "this namespace may not be deleted")
        _check_preconditions(resource, obj, options)
        grace = _grace(resource, obj, options)
        finalizers = self._finalizers(obj, options)
        if not finalizers and not grace and resource.kind != "Namespace":
            return (obj if options.dry_run else self._store.remove(resource.name, _changed(obj))), True
        dying = self._dying(resource, obj, finalizers, grace)
        if dying is None:
            return obj, False
        return (dying if options.dry_run else self._store.put(resource.name, dying)), False

    def _finalizers(self, obj: Obj, options: DeleteOptions) -> list[str]:
        kept = [name for name in obj["metadata"].get("finalizers") or () if name not in (FOREGROUND, ORPHAN)]
        previous = [name for name in obj["metadata"].get("finalizers") or () if name in (FOREGROUND, ORPHAN)]
        match options.propagation:
            case "Foreground":
                return [*kept, FOREGROUND]
            case "Orphan":
                return [*kept, ORPHAN]
            case "Background":
                return kept
            case _:
                return [*kept, *previous]

    def _dying(self, resource: Resource, obj: Obj, finalizers: list[str], grace: int) -> Obj | None:
        """The object as it waits for its end; None when it waits like that already."""
        metadata = obj["metadata"]
        if is_deleting(obj) and not _is_sooner(obj, grace) and finalizers == (metadata.get("finalizers") or []):
            return None
        moment = timestamp(self.now() + timedelta(seconds=grace))
        if is_deleting(obj) and not _is_sooner(obj, grace):
            moment, grace = metadata["deletionTimestamp"], metadata.get("deletionGracePeriodSeconds", 0)
        dying = _changed(obj, deletionTimestamp=moment, deletionGracePeriodSeconds=grace)
        if finalizers:
            dying["metadata"]["finalizers"] = finalizers
        if "generation" in metadata and not is_deleting(obj):
            dying["metadata"]["generation"] += 1
        if resource.kind == "Namespace":
            dying["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        return dying


def _is_sooner(obj: Obj, grace: int) -> bool:
    """A second deletion may shorten the grace of the first, not lengthen it."""
    return grace < (obj["metadata"].get("deletionGracePeriodSeconds") or 0)


def _changed(obj: Obj, **metadata: Any) -> Obj:
    return {**obj, "metadata": {**obj["metadata"], **metadata}}


def _grace(resource: Resource, obj: Obj, options: DeleteOptions) -> int:
    """Seconds for a pod's processes to end; none for a pod that runs nowhere, and for what is no pod."""
    if resource.name != "pods":
        return 0
    grace = options.grace_seconds
    if grace is None:
        grace = walk(obj, "spec", "terminationGracePeriodSeconds")
    if grace is None:
        grace = 30
    runs = walk(obj, "spec", "nodeName") and walk(obj, "status", "phase") not in ("Succeeded", "Failed")
    if not runs:
        return 0
    if is_deleting(obj) and options.grace_seconds is None:
        return int(obj["metadata"].get("deletionGracePeriodSeconds") or 0)
    return max(int(grace), 0)


def seconds_left(obj: Obj, now: datetime) -> float:
    """Until a dying object's grace is over."""
    return (parse_time(obj["metadata"]["deletionTimestamp"]) - now).total_seconds()


def _check_preconditions(resource: Resource, obj: Obj, options: DeleteOptions) -> None:
    again = "The object might have been deleted and then recreated"
    if options.uid is not None and options.uid != uid_of(obj):
        why = f"the UID in the precondition ({options.uid}) does not match the UID in record ({uid_of(obj)}). {again}"
        raise errors.precondition_failed(resource, name_of(obj), why)
    revision = obj["metadata"]["resourceVersion"]
    if options.revision is not None and options.revision != revision:
        why = (
            f"the ResourceVersion in the precondition ({options.revision}) does not match the ResourceVersion in record "
            f"({revision}). The object might have been modified"
        )
        raise errors.precondition_failed(resource, name_of(obj), why)
