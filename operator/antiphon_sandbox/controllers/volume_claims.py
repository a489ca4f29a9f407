"""PersistentVolumeClaims that name their volume are bound to it. Nothing is provisioned, and no volume is looked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from antiphon_sandbox.controllers.controller import Controller, Key, key_of
from antiphon_sandbox.objects import Obj, is_deleting, name_of, namespace_of, uid_of, walk

CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"


class VolumeClaimController(Controller):
    name: ClassVar[str] = "persistentvolume-controller"
    watched: ClassVar[tuple[str, ...]] = (CLAIMS, VOLUMES)

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        if resource == CLAIMS:
            return [key_of(obj)]
        return [key_of(claim) for claim in self.kube.list(CLAIMS) if _volume_name(claim) == name_of(obj)]

    def reconcile(self, key: Key) -> None:
        claim = self.kube.get(CLAIMS, *key)
        if claim is None or is_deleting(claim) or not (name := _volume_name(claim)):
            return
        volume = self.kube.get(VOLUMES, "", name)
        if volume is None:
            self.kube.update_status(CLAIMS, {**claim, "status": {"phase": "Lost" if _was_bound(claim) else "Pending"}})
        elif _is_free_for(claim, volume):
            self._bind(claim, volume)

    def _bind(self, claim: Obj, volume: Obj) -> None:
        reference = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": uid_of(claim),
        }
        if (walk(volume, "spec", "claimRef") or {}).get("uid") != uid_of(claim):
            volume = self.kube.patch(VOLUMES, "", name_of(volume), {"spec": {"claimRef": reference}})
        self.kube.update_status(VOLUMES, {**volume, "status": {"phase": "Bound"}})
        spec = volume["spec"]
        status = {"phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["capacity"]}
        self.kube.update_status(CLAIMS, {**claim, "status": status})


def _volume_name(claim: Obj) -> str:
    return walk(claim, "spec", "volumeName") or ""


def _was_bound(claim: Obj) -> bool:
    return walk(claim, "status", "phase") in ("Bound", "Lost")


def _is_free_for(claim: Obj, volume: Obj) -> bool:
    """Nobody's, this claim's, or meant for it by name."""
    holder = walk(volume, "spec", "claimRef")
    if not holder:
        return True
    named = (holder.get("namespace"), holder.get("name")) == key_of(claim)
    return named and holder.get("uid", uid_of(claim)) == uid_of(claim)
