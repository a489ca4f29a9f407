"""Defaults of volumes, claims and storage."""

from __future__ import annotations

from collections.abc import Callable

from antiphon_sandbox.api.defaults_containers import pull_policy, set_source_defaults
from antiphon_sandbox.objects import Obj

DEFAULT_MODE = 0o644


def set_volume_defaults(volume: Obj) -> None:
    """A volume of no kind is an empty folder."""
    if len(volume) == 1 and "name" in volume:
        volume["emptyDir"] = {}
    for kind, source in volume.items():
        if kind != "name" and source is not None and (setter := _OF_KIND.get(kind)):
            setter(source)


def set_claim_defaults(claim: Obj) -> None:
    claim["spec"].setdefault("volumeMode", "Filesystem")


def set_persistent_volume_defaults(volume: Obj) -> None:
    spec = volume["spec"]
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    for kind, source in spec.items():
        if kind in _OF_KIND and isinstance(source, dict):
            _OF_KIND[kind](source)


def set_storage_class_defaults(storage_class: Obj) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")


def set_csi_driver_defaults(driver: Obj) -> None:
    spec = driver["spec"]
    spec.setdefault("attachRequired", True)
    for name in ("podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"):
        spec.setdefault(name, False)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    spec.setdefault("volumeLifecycleModes", ["Persistent"])


def _files(source: Obj) -> None:
    source.setdefault("defaultMode", DEFAULT_MODE)


def _downward(source: Obj) -> None:
    _files(source)
    _items(source)


def _items(source: Obj) -> None:
    for item in source.get("items") or ():
        set_source_defaults(item)


def _projected(source: Obj) -> None:
    _files(source)
    for part in source.get("sources") or ():
        if "downwardAPI" in part:
            _items(part["downwardAPI"])
        if "serviceAccountToken" in part:
            part["serviceAccountToken"].setdefault("expirationSeconds", 3600)


def _host_path(source: Obj) -> None:
    source.setdefault("type", "")


def _iscsi(source: Obj) -> None:
    source.setdefault("iscsiInterface", "default")


def _rbd(source: Obj) -> None:
    source.setdefault("pool", "rbd")
    source.setdefault("user", "admin")
    source.setdefault("keyring", "/etc/ceph/keyring")


def _azure_disk(source: Obj) -> None:
    source.setdefault("cachingMode", "ReadWrite")
    source.setdefault("kind", "Shared")
    source.setdefault("fsType", "ext4")
    source.setdefault("readOnly", False)


def _scale_io(source: Obj) -> None:
    source.setdefault("storageMode", "ThinProvisioned")
    source.setdefault("fsType", "xfs")


def _image(source: Obj) -> None:
    source.setdefault("pullPolicy", pull_policy(source.get("reference", "")))


def _ephemeral(source: Obj) -> None:
    if template := source.get("volumeClaimTemplate"):
        set_claim_defaults(template)


_OF_KIND: dict[str, Callable[[Obj], None]] = {
    "azureDisk": _azure_disk,
    "configMap": _files,
    "downwardAPI": _downward,
    "ephemeral": _ephemeral,
    "hostPath": _host_path,
    "image": _image,
    "iscsi": _iscsi,
    "projected": _projected,
    "rbd": _rbd,
    "scaleIO": _scale_io,
    "secret": _files,
}
