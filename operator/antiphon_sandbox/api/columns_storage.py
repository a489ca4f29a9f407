"""What `kubectl get` shows of volumes, their classes and of devices."""

from __future__ import annotations

from typing import Any

from antiphon_sandbox.api.table_columns import AGE, NAME, NONE, UNSET, Cell, Field, Shown, at, joined, wide
from antiphon_sandbox.objects import Obj, annotations_of, is_deleting, walk

_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_CLASS_OF_OLD = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def _access_modes(modes: list[str] | None) -> str:
    return joined(short for mode, short in _ACCESS_MODES.items() if mode in (modes or ()))


def _phase(obj: Obj) -> str:
    return "Terminating" if is_deleting(obj) else walk(obj, "status", "phase") or ""


def _class_name(obj: Obj) -> str:
    return annotations_of(obj).get(_CLASS_OF_OLD) or walk(obj, "spec", "storageClassName") or ""


def _claim(volume: Obj) -> str:
    claim = walk(volume, "spec", "claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


_ATTRIBUTES_CLASS = at("spec", "volumeAttributesClassName", default=UNSET)
_VOLUME_MODE = at("spec", "volumeMode", default=UNSET)


def _volume(field: str) -> Field:
    return Field("core.v1.PersistentVolumeSpec", field)


PERSISTENT_VOLUME = (
    NAME,
    Shown("Capacity", _volume("capacity"), at("spec", "capacity", "storage", default="0")),
    Shown("Access Modes", _volume("accessModes"), lambda volume: _access_modes(walk(volume, "spec", "accessModes"))),
    Shown("Reclaim Policy", _volume("persistentVolumeReclaimPolicy"), at("spec", "persistentVolumeReclaimPolicy")),
    Shown("Status", Field("core.v1.PersistentVolumeStatus", "phase"), _phase),
    Shown("Claim", _volume("claimRef"), _claim),
    Shown("StorageClass", "StorageClass of the pv", _class_name),
    Shown("VolumeAttributesClass", "VolumeAttributesClass of the pv", _ATTRIBUTES_CLASS),
    Shown("Reason", Field("core.v1.PersistentVolumeStatus", "reason"), at("status", "reason")),
    AGE,
    wide("VolumeMode", _volume("volumeMode"), _VOLUME_MODE),
)


def _when_bound(cell: Cell) -> Cell:
    return lambda claim: cell(claim) if walk(claim, "spec", "volumeName") else ""


def _claim_spec(field: str) -> Field:
    return Field("core.v1.PersistentVolumeClaimSpec", field)


def _claim_status(field: str) -> Field:
    return Field("core.v1.PersistentVolumeClaimStatus", field)


PERSISTENT_VOLUME_CLAIM = (
    NAME,
    Shown("Status", _claim_status("phase"), _phase),
    Shown("Volume", _claim_spec("volumeName"), at("spec", "volumeName")),
    Shown("Capacity", _claim_status("capacity"), _when_bound(at("status", "capacity", "storage", default="0"))),
    Shown(
        "Access Modes",
        _claim_status("accessModes"),
        _when_bound(lambda claim: _access_modes(walk(claim, "status", "accessModes"))),
    ),
    Shown("StorageClass", "StorageClass of the pvc", _class_name),
    Shown("VolumeAttributesClass", "VolumeAttributesClass of the pvc", _ATTRIBUTES_CLASS),
    AGE,
    wide("VolumeMode", _claim_spec("volumeMode"), _VOLUME_MODE),
)


def _class_title(storage_class: Obj) -> str:
    """With a word beside the name of the default."""
    annotations = annotations_of(storage_class)
    default = any(annotations.get(key) == "true" for key in _DEFAULT_CLASS)
    name = storage_class["metadata"].get("name", "")
    return f"{name} (default)" if default else name


def _of_class(title: str, field: str, default: Any = "") -> Shown:
    return Shown(title, Field("storage.v1.StorageClass", field), at(field, default=default))


STORAGE_CLASS = (
    Shown("Name", NAME.about, _class_title, format="name"),
    _of_class("Provisioner", "provisioner"),
    _of_class("ReclaimPolicy", "reclaimPolicy", "Delete"),
    _of_class("VolumeBindingMode", "volumeBindingMode", "Immediate"),
    _of_class("AllowVolumeExpansion", "allowVolumeExpansion", default=False),
    AGE,
)


def _driver(title: str, field: str, *, default: bool) -> Shown:
    return Shown(title, Field("storage.v1.CSIDriverSpec", field), at("spec", field, default=default), "boolean")


def _audiences(driver: Obj) -> str:
    requests = walk(driver, "spec", "tokenRequests")
    return UNSET if requests is None else joined(request.get("audience", "") for request in requests)


CSI_DRIVER = (
    NAME,
    _driver("AttachRequired", "attachRequired", default=True),
    _driver("PodInfoOnMount", "podInfoOnMount", default=False),
    _driver("StorageCapacity", "storageCapacity", default=False),
    Shown("TokenRequests", Field("storage.v1.CSIDriverSpec", "tokenRequests"), _audiences),
    _driver("RequiresRepublish", "requiresRepublish", default=False),
    Shown(
        "Modes",
        Field("storage.v1.CSIDriverSpec", "volumeLifecycleModes"),
        lambda driver: joined(walk(driver, "spec", "volumeLifecycleModes") or (), NONE),
    ),
    AGE,
)


def _claim_state(claim: Obj) -> str:
    states = ["deleted"] if is_deleting(claim) else []
    if walk(claim, "status", "allocation") is None:
        return joined(states, "pending")
    reserved = ["reserved"] if walk(claim, "status", "reservedFor") else []
    return joined([*states, "allocated", *reserved])


RESOURCE_CLAIM = (
    NAME,
    Shown("State", "A summary of the current state (allocated, pending, reserved, etc.).", _claim_state),
    AGE,
)

RESOURCE_SLICE = (
    NAME,
    Shown("Node", Field("resource.v1.ResourceSliceSpec", "nodeName"), at("spec", "nodeName")),
    Shown("Driver", Field("resource.v1.ResourceSliceSpec", "driver"), at("spec", "driver")),
    Shown("Pool", Field("resource.v1.ResourcePool", "name"), at("spec", "pool", "name")),
    AGE,
)
