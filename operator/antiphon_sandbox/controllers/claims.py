"""Which objects are a controller's own: it adopts orphans that its selector matches, and lets go of what it no longer matches."""

from __future__ import annotations

from collections.abc import Iterable

from antiphon_sandbox.controllers.controller import Key, key_of
from antiphon_sandbox.kube import Kube
from antiphon_sandbox.objects import (
    Obj,
    controller_of,
    is_deleting,
    labels_of,
    name_of,
    namespace_of,
    owned_by,
    selector_matches,
    uid_of,
)


def claimants(kube: Kube, resource: str, kind: str, obj: Obj) -> Iterable[Key]:
    """The controller of that kind which has `obj`, or those that would adopt it."""
    if owner := controller_of(obj):
        return [(namespace_of(obj), owner["name"])] if owner["kind"] == kind else []
    suitors = kube.list(resource, namespace_of(obj))
    return [key_of(suitor) for suitor in suitors if selector_matches(suitor["spec"].get("selector"), labels_of(obj))]


def claim(kube: Kube, resource: str, owner: Obj) -> list[Obj]:
    """The owner's objects, once its claims are settled. An owner that is being deleted settles nothing any more."""
    selector = owner["spec"].get("selector")
    controlled = [obj for obj in kube.owned(resource, uid_of(owner)) if _is_controlled_by(owner, obj)]
    mine = [obj for obj in controlled if selector is None or selector_matches(selector, labels_of(obj))]
    if is_deleting(owner) or selector is None:
        return mine
    for obj in controlled:
        if not selector_matches(selector, labels_of(obj)):
            _release(kube, resource, owner, obj)
    matching = kube.list(resource, namespace_of(owner), selector)
    orphans = [obj for obj in matching if controller_of(obj) is None and not is_deleting(obj)]
    return [*mine, *(_adopt(kube, resource, owner, orphan) for orphan in orphans)]


def _is_controlled_by(owner: Obj, obj: Obj) -> bool:
    controller = controller_of(obj)
    return controller is not None and controller["uid"] == uid_of(owner)


def _adopt(kube: Kube, resource: str, owner: Obj, orphan: Obj) -> Obj:
    owners = [*(orphan["metadata"].get("ownerReferences") or ()), owned_by(owner)]
    return _set_owners(kube, resource, orphan, owners)


def _release(kube: Kube, resource: str, owner: Obj, obj: Obj) -> None:
    owners = [other for other in obj["metadata"]["ownerReferences"] if other["uid"] != uid_of(owner)]
    _set_owners(kube, resource, obj, owners)


def _set_owners(kube: Kube, resource: str, obj: Obj, owners: list[Obj]) -> Obj:
    change = {"metadata": {"ownerReferences": owners or None}}
    return kube.patch(resource, namespace_of(obj), name_of(obj), change)
