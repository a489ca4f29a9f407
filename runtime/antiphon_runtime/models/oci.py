"""Weights from an OCI image or artifact: its layers are archives that are unpacked, or files that are kept as they are."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon_crds.voicemodel import OciSource
from antiphon_runtime.models.archives import Unpacked, unpack
from antiphon_runtime.models.checks import Digest, inside, sha256_of
from antiphon_runtime.models.connections import shown
from antiphon_runtime.models.downloads import Page, Wanted
from antiphon_runtime.models.errors import (
    AccessDeniedError,
    DamagedModelError,
    ModelNotFoundError,
    UnsupportedSourceError,
)
from antiphon_runtime.models.records import short_sum
from antiphon_runtime.models.registry import DENIED, Reference, Registry
from antiphon_runtime.models.sources import Tools

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ACCEPT = ", ".join((*_MANIFESTS, *_INDEXES))
_NAMES = ("org.opencontainers.image.title", "org.cncf.model.filepath")
"""Annotations that name the file which a layer is."""
_IS_PACKED = "io.deis.oras.content.unpack"
"""Annotation of a folder that ORAS packed; without it, a titled layer is a file, whatever its media type says."""
_EMPTY = "application/vnd.oci.empty.v1+json"
_TAR = re.compile(r"[.+](?:diff\.)?tar(?:[.+]([a-z0-9]+))?$")
_ATTESTATION = ("unknown", "unknown")
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a manifest."""

    media_type: str
    digest: Digest
    size_bytes: int
    annotations: Mapping[str, str]

    @property
    def file_name(self) -> str | None:
        """Name of the file that the layer is; nothing where it is an archive."""
        name = next((self.annotations[key] for key in _NAMES if key in self.annotations), None)
        packed = self.annotations.get(_IS_PACKED) == "true" or "org.cncf.model.filepath" in self.annotations
        return None if packed and _TAR.search(self.media_type) else name

    @property
    def compression(self) -> str:
        """Of an archive; empty for none."""
        found = _TAR.search(self.media_type)
        if found is None:
            raise UnsupportedSourceError(
                f"a layer is {self.media_type!r}, neither a tar archive nor a file with a title",
                f"push files with a tool that sets the annotation {_NAMES[0]}",
            )
        compression = {"gzip": "gzip", "gz": "gzip", None: ""}.get(found[1])
        if compression is None:
            raise UnsupportedSourceError(f"a layer is packed with {found[1]}", "push it with gzip, or uncompressed")
        return compression


@dataclass(frozen=True, slots=True)
class OciVersion:
    """A manifest, known by its digest."""

    reference: Reference
    digest: Digest
    layers: tuple[Layer, ...]
    registry: Registry
    tools: Tools

    @property
    def folder(self) -> str:
        return f"oci-{short_sum(str(self.digest))}"

    @property
    def resolved(self) -> str:
        return f"{self.reference.host}/{self.reference.repository}@{self.digest}"

    def fetch(self, folder: Path) -> dict[str, Digest]:
        """Lays the layers on each other, the first lowest."""
        unpacked = Unpacked(folder)
        for layer in self.layers:
            name = layer.file_name
            if name is None:
                self._unpack(layer, unpacked)
            else:
                self._fetch(layer, inside(folder, name).parent, inside(folder, name).name)
                unpacked.keep(name)
        if not unpacked.files:
            raise ModelNotFoundError(f"{self.resolved} has no files")
        check = self.tools.downloader.check
        return {name: Digest("sha256", sha256_of(folder / name, check)) for name in sorted(unpacked.files)}

    def _unpack(self, layer: Layer, unpacked: Unpacked) -> None:
        compression, name = layer.compression, f"{layer.digest.value}.tar"
        with self.tools.lock(name, str(layer.digest)):
            self._fetch(layer, self.tools.cache.downloads, name)
            unpack(self.tools.cache.downloads / name, compression, unpacked, self.tools.downloader.check)

    def _fetch(self, layer: Layer, folder: Path, name: str) -> None:
        try:
            self.tools.keep_or_fetch(self._wanted(layer), folder, name)
        except AccessDeniedError:
            self.registry.renew(f"blobs/{layer.digest}")
            self.tools.keep_or_fetch(self._wanted(layer), folder, name)

    def _wanted(self, layer: Layer) -> Wanted:
        label = f"{self.reference.repository} {layer.file_name or layer.digest.value[:12]}"
        url = self.registry.url(f"blobs/{layer.digest}")
        return Wanted(label, url, layer.digest, layer.size_bytes, self.registry.headers, DENIED)


def resolve(source: OciSource, tools: Tools) -> OciVersion:
    reference = Reference.parse(source.reference)
    registry = Registry(reference, tools.downloader, tools.environment)
    digest, manifest = _manifest(registry, reference.digest or str(reference.tag))
    if manifest.get("manifests") is not None:
        chosen = _choose(manifest["manifests"], str(reference))
        digest, manifest = _manifest(registry, chosen)
    try:
        layers = tuple(_layer(told) for told in manifest["layers"] if told["mediaType"] != _EMPTY)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnsupportedSourceError(f"{reference} has a manifest without proper layers") from error
    return OciVersion(reference, digest, layers, registry, tools)


def _manifest(registry: Registry, name: str) -> tuple[Digest, dict[str, Any]]:
    """A manifest and its digest. One that was asked for by digest must have it."""
    page = registry.page(f"manifests/{name}", {"Accept": _ACCEPT})
    digest = Digest("sha256", hashlib.sha256(page.text).hexdigest())
    wanted = name if ":" in name else page.headers.get("Docker-Content-Digest") or str(digest)
    if wanted.startswith("sha256:") and wanted != str(digest):
        raise DamagedModelError(f"{shown(page.url)} has the digest {digest}, not {wanted}", "do not trust it")
    return digest, _parsed(page)


def _parsed(page: Page) -> dict[str, Any]:
    try:
        manifest = json.loads(page.text)
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or manifest.get("schemaVersion") != 2:
        raise UnsupportedSourceError(f"{shown(page.url)} is no manifest of schema version 2")
    return manifest


def _choose(manifests: Sequence[Mapping[str, Any]], what: str) -> str:
    """The manifest for this machine, or the only one."""
    ours = ("linux", _MACHINES.get(platform.machine(), platform.machine()))
    try:
        told = {_platform(each): str(each["digest"]) for each in reversed(manifests)}
    except (KeyError, TypeError, AttributeError) as error:
        raise UnsupportedSourceError(f"{what} has an index without proper manifests") from error
    by_platform = {each: digest for each, digest in told.items() if each != _ATTESTATION}
    if ours in by_platform:
        return by_platform[ours]
    if len(by_platform) == 1:
        return next(iter(by_platform.values()))
    known = ", ".join("/".join(each) for each in sorted(by_platform)) or "none"
    raise ModelNotFoundError(f"{what} has nothing for {'/'.join(ours)}; it is for {known}")


def _platform(manifest: Mapping[str, Any]) -> tuple[str, str]:
    told = manifest.get("platform") or {}
    return str(told.get("os", "any")), str(told.get("architecture", "any"))


def _layer(told: Mapping[str, Any]) -> Layer:
    annotations = {str(key): str(value) for key, value in (told.get("annotations") or {}).items()}
    return Layer(str(told["mediaType"]), Digest.parse(str(told["digest"])), int(told["size"]), annotations)
