"""ConfigMaps and Secrets as pods refer to them: their data as bytes, and upstream's words when they are missing."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from antiphon_sandbox.kube import Kube
from antiphon_sandbox.objects import Obj, containers_of, namespace_of

Source = Literal["configmaps", "secrets"]
_SHORT = {"configmaps": "configmap", "secrets": "secret"}
_KIND = {"configmaps": "ConfigMap", "secrets": "Secret"}


class MissingConfigurationError(Exception):
    """Something that a pod refers to is not there yet."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the ConfigMaps and Secrets of one namespace hold at the moment."""

    kube: Kube
    namespace: str

    def read(self, source: Source, name: str, optional: bool) -> Mapping[str, bytes] | None:
        """None when it is missing and may be."""
        found = self.kube.get(source, self.namespace, name)
        if found is None and not optional:
            raise MissingConfigurationError(f'{_SHORT[source]} "{name}" not found')
        return None if found is None else _data_of(source, found)

    def read_key(self, source: Source, reference: Obj) -> str | None:
        optional = bool(reference.get("optional"))
        data = self.read(source, reference["name"], optional)
        value = (data or {}).get(reference["key"])
        if value is None and not optional:
            where = f"{_KIND[source]} {self.namespace}/{reference['name']}"
            raise MissingConfigurationError(f"couldn't find key {reference['key']} in {where}")
        return None if value is None else value.decode(errors="replace")


def _data_of(source: Source, obj: Obj) -> dict[str, bytes]:
    if source == "secrets":
        return {key: base64.b64decode(value or "") for key, value in (obj.get("data") or {}).items()}
    texts = {key: value.encode() for key, value in (obj.get("data") or {}).items()}
    return texts | {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}


def references_of(pod: Obj) -> set[tuple[str, str, str]]:
    """(resource, namespace, name) of each ConfigMap and Secret whose change may concern the pod."""
    namespace = namespace_of(pod)
    return {(source, namespace, name) for source, name in _references(pod["spec"])}


def _references(spec: Obj) -> Iterator[tuple[Source, str]]:
    for container in containers_of(spec):
        for variable in container.get("env") or ():
            yield from _by_name(variable.get("valueFrom") or {}, "configMapKeyRef", "secretKeyRef", "name")
        for block in container.get("envFrom") or ():
            yield from _by_name(block, "configMapRef", "secretRef", "name")
    for volume in spec.get("volumes") or ():
        yield from _by_name(volume, "configMap", "", "name")
        yield from _by_name(volume, "", "secret", "secretName")
        for part in (volume.get("projected") or {}).get("sources") or ():
            yield from _by_name(part, "configMap", "secret", "name")


def _by_name(holder: Obj, config_map: str, secret: str, key: str) -> Iterator[tuple[Source, str]]:
    if config_map in holder:
        yield "configmaps", holder[config_map].get(key, "")
    if secret in holder:
        yield "secrets", holder[secret].get(key, "")
