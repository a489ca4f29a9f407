"""What is taken, but not without a word: warnings for the client."""

from __future__ import annotations

from antiphon_sandbox.objects import Obj

_SYSTEM_FINALIZERS = frozenset({"foregroundDeletion", "orphan", "kubernetes"})

_PREFER = "prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"


def without_twins(metadata: Obj, warnings: list[str]) -> None:
    """Takes owner references out that are in there twice."""
    owners = metadata.get("ownerReferences") or []
    if len(owners) < 2:
        return
    kept = [owner for index, owner in enumerate(owners) if owner not in owners[:index]]
    if len(kept) < len(owners):
        twins = sorted({str(owner.get("uid")) for index, owner in enumerate(owners) if owner in owners[:index]})
        warnings.append(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
            f"reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: {', '.join(twins)}"
        )
        metadata["ownerReferences"] = kept


def about_finalizers(obj: Obj, old: Obj | None, warnings: list[str]) -> None:
    """New ones should say whose they are."""
    known = set((old or {}).get("metadata", {}).get("finalizers") or ()) | _SYSTEM_FINALIZERS
    for finalizer in obj["metadata"].get("finalizers") or ():
        if "/" not in finalizer and finalizer not in known:
            warnings.append(f'metadata.finalizers: "{finalizer}": {_PREFER}')  # noqa: PERF401
