"""The files of configMap, secret, downwardAPI and projected volumes: what is in them, and how they change at once."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from antiphon_sandbox.nodes.configuration_refs import Configuration, Source
from antiphon_sandbox.nodes.downward import PodFacts, UnknownFieldError, field_value, resource_value
from antiphon_sandbox.objects import Obj, namespace_of

Files = dict[str, tuple[bytes, int]]
"""Content and mode by path within the volume."""

PROJECTED = ("configMap", "secret", "downwardAPI", "projected")
_DEFAULT_MODE = 0o644
_DATA = "..data"


def files_of(volume: Obj, facts: PodFacts, configuration: Configuration) -> Files:
    """MissingConfigurationError or UnknownFieldError when something of it is not there."""
    if projected := volume.get("projected"):
        mode = projected.get("defaultMode") or _DEFAULT_MODE
        files: Files = {}
        for part in projected.get("sources") or ():
            files |= _part(part, mode, facts, configuration)
        return files
    kind = next(kind for kind in PROJECTED if kind in volume)
    return _part(volume, volume[kind].get("defaultMode") or _DEFAULT_MODE, facts, configuration)


def _part(part: Obj, mode: int, facts: PodFacts, configuration: Configuration) -> Files:
    match part:
        case {"configMap": source}:
            return _keys("configmaps", source.get("name", ""), source, mode, configuration)
        case {"secret": source}:
            return _keys("secrets", source.get("secretName") or source.get("name", ""), source, mode, configuration)
        case {"downwardAPI": source}:
            return {item["path"]: (_fact(item, facts), item.get("mode") or mode) for item in source.get("items") or ()}
        case {"serviceAccountToken": source}:
            return {source["path"]: (_token(facts).encode(), mode)}
    raise UnknownFieldError(f"a projected source that the sandbox does not know: {', '.join(part)}")


def _keys(source: Source, name: str, volume: Obj, mode: int, configuration: Configuration) -> Files:
    optional = bool(volume.get("optional"))
    data = configuration.read(source, name, optional) or {}
    items = volume.get("items")
    if not items:
        return {key: (value, mode) for key, value in data.items()}
    if missing := [item["key"] for item in items if item["key"] not in data and not optional]:
        raise UnknownFieldError(f"references non-existent config key: {missing[0]}")
    return {item["path"]: (data[item["key"]], item.get("mode") or mode) for item in items if item["key"] in data}


def _fact(item: Obj, facts: PodFacts) -> bytes:
    if reference := item.get("fieldRef"):
        return field_value(facts, reference["fieldPath"]).encode()
    return resource_value(facts, "", item["resourceFieldRef"]).encode()


def _token(facts: PodFacts) -> str:
    """The sandbox's API asks for no token; whoever insists on reading one finds the account's name."""
    account = facts.pod["spec"].get("serviceAccountName", "default")
    return f"sandbox:{namespace_of(facts.pod)}:{account}"


def write_files(folder: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
    """All files change at once, as a kubelet's do: `NAME -> ..data/NAME`, and `..data` is replaced by a rename."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"..{secrets.token_hex(6)}"
    for path, (content, mode) in files.items():
        target = data / _inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
    data.mkdir(exist_ok=True)
    earlier = (folder / _DATA).resolve() if (folder / _DATA).is_symlink() else None
    fresh = folder / f"{_DATA}_tmp"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(data.name)
    fresh.replace(folder / _DATA)
    _link(folder, {PurePosixPath(path).parts[0] for path in files})
    if earlier is not None:
        shutil.rmtree(earlier, ignore_errors=True)


def _inside(path: str) -> PurePosixPath:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise UnknownFieldError(f"path {path!r} leads out of its volume")
    return pure


def _link(folder: Path, names: set[str]) -> None:
    for stale in _links(folder):
        if stale.name not in names:
            stale.unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"{_DATA}/{name}")


def _links(folder: Path) -> Iterator[Path]:
    return (path for path in list(folder.iterdir()) if path.is_symlink() and not path.name.startswith(".."))
