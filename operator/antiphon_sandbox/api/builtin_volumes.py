"""Checks of volumes and of claims on storage."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from antiphon_sandbox.api.builtin_checks import (
    duplicate,
    forbidden,
    label_problem,
    one_of,
    problem,
    required,
    unsupported,
)
from antiphon_sandbox.api.builtin_environment import amount_reference, field_reference
from antiphon_sandbox.api.builtin_resources import amounts, quantity_causes
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj, walk

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_VOLUME_MODES = ("Block", "Filesystem")
_MODE_SAYS = "must be a number between 0 and 0777 (octal), both inclusive"
_CLAIM_SAYS = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def volumes(spec: Obj, path: str) -> Iterator[Cause]:
    names = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        field, name = f"{path}.volumes[{index}]", volume["name"]
        yield from problem(name, label_problem(name), f"{field}.name") if name else (required(f"{field}.name"),)
        if name in names:
            yield duplicate(name, f"{field}.name")
        names.add(name)
        yield from _sources(volume, field)


def _sources(volume: Obj, path: str) -> Iterator[Cause]:
    kinds = [kind for kind in volume if kind != "name"]
    if not kinds:
        yield required(path, "must specify a volume type")
    for kind in kinds[1:]:
        yield forbidden("may not specify more than 1 volume type", f"{path}.{kind}")
    for kind in kinds[:1]:
        if check := _OF_KIND.get(kind):
            yield from check(volume[kind], f"{path}.{kind}")


def _empty_dir(source: Obj, path: str) -> Iterator[Cause]:
    if "sizeLimit" in source:
        yield from quantity_causes(source["sizeLimit"], f"{path}.sizeLimit")


def _host_path(source: Obj, path: str) -> Iterator[Cause]:
    if not source["path"]:
        yield required(f"{path}.path")
    elif ".." in source["path"].split("/"):
        yield invalid(source["path"], "must not contain '..'", f"{path}.path")


def _secret(source: Obj, path: str) -> Iterator[Cause]:
    if not source.get("secretName"):
        yield required(f"{path}.secretName")
    yield from _files(source, path)


def _config_map(source: Obj, path: str) -> Iterator[Cause]:
    if not source.get("name"):
        yield required(f"{path}.name")
    yield from _files(source, path)


def _files(source: Obj, path: str) -> Iterator[Cause]:
    yield from _mode(source, "defaultMode", path)
    for index, item in enumerate(source.get("items") or ()):
        field = f"{path}.items[{index}]"
        if not item["key"]:
            yield required(f"{field}.key")
        yield from _file_path(item, field)


def _file_path(item: Obj, path: str) -> Iterator[Cause]:
    place = item["path"]
    if not place:
        yield required(f"{path}.path")
    elif place.startswith("/"):
        yield invalid(place, "must be a relative path", f"{path}.path")
    elif ".." in place.split("/"):
        yield invalid(place, "must not contain '..'", f"{path}.path")
    yield from _mode(item, "mode", path)


def _mode(parent: Obj, name: str, path: str) -> Iterator[Cause]:
    mode = parent.get(name)
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(mode, _MODE_SAYS, f"{path}.{name}")


def _downward(source: Obj, path: str) -> Iterator[Cause]:
    yield from _mode(source, "defaultMode", path)
    for index, item in enumerate(source.get("items") or ()):
        field = f"{path}.items[{index}]"
        yield from _file_path(item, field)
        if "fieldRef" in item:
            yield from field_reference(item["fieldRef"], f"{field}.fieldRef", in_file=True)
        elif "resourceFieldRef" in item:
            yield from amount_reference(item["resourceFieldRef"], f"{field}.resourceFieldRef")
        else:
            yield required(field, "one of fieldRef and resourceFieldRef is required")


def _projected(source: Obj, path: str) -> Iterator[Cause]:
    yield from _mode(source, "defaultMode", path)
    checks = {"secret": _named_files, "configMap": _named_files, "downwardAPI": _downward}
    for index, part in enumerate(source.get("sources") or ()):
        for kind, check in checks.items():
            if kind in part:
                yield from check(part[kind], f"{path}.sources[{index}].{kind}")


def _named_files(source: Obj, path: str) -> Iterator[Cause]:
    if not source.get("name"):
        yield required(f"{path}.name")
    yield from _files(source, path)


def _claimed(source: Obj, path: str) -> Iterator[Cause]:
    if not source["claimName"]:
        yield required(f"{path}.claimName")


def _ephemeral(source: Obj, path: str) -> Iterator[Cause]:
    template = source.get("volumeClaimTemplate")
    if template is None:
        yield required(f"{path}.volumeClaimTemplate")
    else:
        yield from claim_spec(template["spec"], f"{path}.volumeClaimTemplate.spec")


_OF_KIND: dict[str, Callable[[Obj, str], Iterator[Cause]]] = {
    "configMap": _config_map,
    "downwardAPI": _downward,
    "emptyDir": _empty_dir,
    "ephemeral": _ephemeral,
    "hostPath": _host_path,
    "persistentVolumeClaim": _claimed,
    "projected": _projected,
    "secret": _secret,
}


def claim_spec(spec: Obj, path: str) -> Iterator[Cause]:
    if not spec.get("accessModes"):
        yield required(f"{path}.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes") or ():
        if mode not in ACCESS_MODES:
            yield unsupported(mode, ACCESS_MODES, f"{path}.accessModes")
    size = walk(spec, "resources", "requests", "storage")
    if size is None:
        yield required(f"{path}.resources[storage]")
    else:
        yield from quantity_causes(size, f"{path}.resources[storage]")
    yield from one_of(spec["volumeMode"], _VOLUME_MODES, f"{path}.volumeMode")


def persistent_volume_claim(claim: Obj, old: Obj | None) -> Iterator[Cause]:
    if old is None:
        yield from claim_spec(claim["spec"], "spec")
    elif _fixed(claim["spec"]) != _fixed(old["spec"]):
        yield forbidden(_CLAIM_SAYS, "spec")


def _fixed(spec: Obj) -> Obj:
    """What of a claim cannot change; the volume is named when it is bound."""
    free = ("resources", "volumeAttributesClassName", "volumeName", "storageClassName")
    return {name: value for name, value in spec.items() if name not in free}


def persistent_volume(volume: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = volume["spec"]
    if not spec.get("accessModes"):
        yield required("spec.accessModes")
    if not spec.get("capacity"):
        yield required("spec.capacity")
    yield from amounts(spec.get("capacity"), "spec.capacity")
    policies = ("Delete", "Recycle", "Retain")
    yield from one_of(spec["persistentVolumeReclaimPolicy"], policies, "spec.persistentVolumeReclaimPolicy")
    if old is not None and spec["volumeMode"] != old["spec"].get("volumeMode"):
        yield invalid(spec["volumeMode"], "field is immutable", "spec.volumeMode")
