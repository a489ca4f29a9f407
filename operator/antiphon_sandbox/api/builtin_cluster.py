"""Checks of configuration, namespaces, nodes, storage classes and definitions of kinds."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator

from antiphon_sandbox.api.builtin_checks import (
    duplicate,
    forbidden,
    label_problem,
    old_label_problem,
    one_of,
    problem,
    required,
    subdomain_problem,
    too_long,
    unchanged,
    unsupported,
)
from antiphon_sandbox.api.builtin_environment import key_problem
from antiphon_sandbox.api.builtin_resources import amounts
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.names import label_key_problem, label_value_problem
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj, annotations_of

_MOST_BYTES = 1024 * 1024
_SEALED = "field is immutable when `immutable` is set"
_TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_ACCOUNT = "kubernetes.io/service-account.name"
_NEEDED_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
}


def config_map(found: Obj, old: Obj | None) -> Iterator[Cause]:
    texts, binaries = found.get("data") or {}, found.get("binaryData") or {}
    yield from _keys(texts, "data")
    yield from _keys(binaries, "binaryData")
    for key in texts.keys() & binaries.keys():
        yield invalid(key, "duplicate of key present in data", f"binaryData[{key}]")
    size = sum(len(text.encode()) for text in texts.values()) + sum(len(text) * 3 // 4 for text in binaries.values())
    if size > _MOST_BYTES:
        yield too_long(_MOST_BYTES, "")
    yield from _seal(found, old, ("data", "binaryData"))


def _keys(data: Obj, path: str) -> Iterator[Cause]:
    for key in data:
        yield from problem(key, key_problem(key), f"{path}[{key}]")


def _seal(found: Obj, old: Obj | None, parts: tuple[str, ...]) -> Iterator[Cause]:
    """What is immutable stays so, and as it is."""
    if old is None or not old.get("immutable"):
        return
    if not found.get("immutable"):
        yield forbidden(_SEALED, "immutable")
    for part in parts:
        if (found.get(part) or {}) != (old.get(part) or {}):
            yield forbidden(_SEALED, part)


def secret(found: Obj, old: Obj | None) -> Iterator[Cause]:
    data = found.get("data") or {}
    yield from _keys(data, "data")
    if sum(len(text) * 3 // 4 for text in data.values()) > _MOST_BYTES:
        yield too_long(_MOST_BYTES, "data")
    yield from _secret_of_type(found, data)
    if old is not None:
        yield from unchanged(found, old, ("type",))
    yield from _seal(found, old, ("data",))


def _secret_of_type(found: Obj, data: Obj) -> Iterator[Cause]:
    kind = found["type"]
    for key in _NEEDED_KEYS.get(kind, ()):
        if key not in data:
            yield required(f"data[{key}]")
        elif key.startswith(".docker"):
            yield from _registry_credentials(data[key], f"data[{key}]")
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        yield required("data[username]")
        yield required("data[password]")
    if kind == "kubernetes.io/service-account-token" and not annotations_of(found).get(_ACCOUNT):
        yield required(f"metadata.annotations[{_ACCOUNT}]")


def _registry_credentials(encoded: str, path: str) -> Iterator[Cause]:
    try:
        json.loads(b64decode(encoded))
    except ValueError as error:
        yield invalid("<secret contents redacted>", str(error), path)


def namespace(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    for index, finalizer in enumerate(found["spec"].get("finalizers") or ()):
        if finalizer != "kubernetes":
            yield from problem(finalizer, label_key_problem(finalizer), f"spec.finalizers[{index}]")


def node(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    """Upstream, too, says that taints are metadata."""
    seen = set()
    for index, taint in enumerate(found["spec"].get("taints") or ()):
        path, key, effect = f"metadata.taints[{index}]", taint["key"], taint["effect"]
        yield from problem(key, label_key_problem(key), f"{path}.key")
        yield from problem(taint.get("value", ""), label_value_problem(taint.get("value", "")), f"{path}.value")
        if effect not in _TAINT_EFFECTS:
            yield unsupported(effect, _TAINT_EFFECTS, f"{path}.effect") if effect else required(f"{path}.effect")
        if (key, effect) in seen:
            yield duplicate(taint, path)
        seen.add((key, effect))
    for part in ("capacity", "allocatable"):
        yield from amounts((found.get("status") or {}).get(part), f"status.{part}")


def resource_quota(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    yield from amounts(found["spec"].get("hard"), "spec.hard")


def event(found: Obj, _old: Obj | None) -> Iterator[Cause]:
    place, about = found["metadata"].get("namespace", ""), found["involvedObject"].get("namespace", "")
    if about != place and not (not about and place == "default"):
        yield invalid(about, "does not match event.namespace", "involvedObject.namespace")


def storage_class(found: Obj, old: Obj | None) -> Iterator[Cause]:
    if not found["provisioner"]:
        yield required("provisioner")
    yield from one_of(found["reclaimPolicy"], ("Delete", "Retain"), "reclaimPolicy")
    yield from one_of(found["volumeBindingMode"], ("Immediate", "WaitForFirstConsumer"), "volumeBindingMode")
    if old is None:
        return
    for name in ("parameters", "provisioner", "reclaimPolicy"):
        if found.get(name) != old.get(name):
            yield forbidden(f"updates to {name} are forbidden.", name)
    yield from unchanged(found, old, ("volumeBindingMode",))


def runtime_class(found: Obj, old: Obj | None) -> Iterator[Cause]:
    yield from problem(found["handler"], label_problem(found["handler"]), "handler")
    if old is not None:
        yield from unchanged(found, old, ("handler",))


def definition(found: Obj, old: Obj | None) -> Iterator[Cause]:
    """Of a CustomResourceDefinition: its names and versions. What its schemas say is checked elsewhere."""
    spec = found["spec"]
    names = spec["names"]
    if not spec["group"]:
        yield required("spec.group")
    else:
        yield from problem(spec["group"], subdomain_problem(spec["group"]), "spec.group")
    yield from one_of(spec["scope"], ("Cluster", "Namespaced"), "spec.scope")
    for name in ("plural", "singular", "kind", "listKind"):
        yield from _definition_name(names.get(name, ""), f"spec.names.{name}")
    for index, short in enumerate(names.get("shortNames") or ()):
        yield from problem(short, old_label_problem(short), f"spec.names.shortNames[{index}]")
    yield from _versions(spec.get("versions") or [])
    if old is not None:
        yield from unchanged(spec, old["spec"], ("scope", "group"), "spec")


def _definition_name(name: str, path: str) -> Iterator[Cause]:
    if not name:
        yield required(path)
    else:
        yield from problem(name, old_label_problem(name.lower()), path)


def _versions(versions: list[Obj]) -> Iterator[Cause]:
    for index, version in enumerate(versions):
        yield from problem(version["name"], old_label_problem(version["name"]), f"spec.versions[{index}].name")
    if len({version["name"] for version in versions}) < len(versions):
        yield invalid(versions, "must contain unique version names", "spec.versions")
