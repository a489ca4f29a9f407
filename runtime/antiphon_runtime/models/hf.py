"""Weights from the Hugging Face hub, or another server with its HTTP API.

A branch or tag is resolved to a commit first, and all files come from that. Each is checked: by SHA-256 where the hub
keeps it as a large file, else by git's sum.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from antiphon_crds.voicemodel import HfRepository, HfSource
from antiphon_runtime.models.checks import Digest
from antiphon_runtime.models.connections import HttpStatusError, shown
from antiphon_runtime.models.downloads import Page, Wanted, explained
from antiphon_runtime.models.errors import AccessDeniedError, ModelError, ModelNotFoundError, UnsupportedSourceError
from antiphon_runtime.models.records import short_sum
from antiphon_runtime.models.sources import Tools

_HUB = "https://huggingface.co"
_NAMED_AT_MOST = 12


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a commit."""

    path: str
    size_bytes: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files taken from one commit of a repository."""

    repo: str
    commit: str
    folder: str
    """Where they are kept; empty for the folder of the variant itself."""
    files: tuple[HubFile, ...]

    def target_of(self, file: HubFile) -> str:
        return f"{self.folder}/{file.path}" if self.folder else file.path


@dataclass(frozen=True, slots=True)
class HfVersion:
    """A commit of each repository."""

    snapshots: tuple[Snapshot, ...]
    tools: Tools

    @property
    def folder(self) -> str:
        content = [(each.repo, each.commit, each.folder, [file.path for file in each.files]) for each in self.snapshots]
        return f"hf-{short_sum(json.dumps(content))}"

    @property
    def resolved(self) -> str:
        return ", ".join(f"{snapshot.repo}@{snapshot.commit}" for snapshot in self.snapshots)

    def fetch(self, folder: Path) -> dict[str, Digest]:
        fetched: dict[str, Digest] = {}
        for snapshot in self.snapshots:
            for file in snapshot.files:
                target = snapshot.target_of(file)
                self.tools.keep_or_fetch(self._wanted(snapshot, file), folder, target)
                fetched[target] = file.digest
        return fetched

    def _wanted(self, snapshot: Snapshot, file: HubFile) -> Wanted:
        url = f"{_hub(self.tools)}/{snapshot.repo}/resolve/{snapshot.commit}/{quote(file.path)}"
        label = f"{snapshot.repo} {file.path}"
        return Wanted(label, url, file.digest, file.size_bytes, _key(self.tools), _denied(self.tools, snapshot.repo))


def resolve(source: HfSource, tools: Tools) -> HfVersion:
    others = [_snapshot(other, other.repo.rpartition("/")[2], tools) for other in source.others]
    version = HfVersion((_snapshot(source, "", tools), *others), tools)
    _refuse_clashes(version)
    return version


def _refuse_clashes(version: HfVersion) -> None:
    targets = [snapshot.target_of(file) for snapshot in version.snapshots for file in snapshot.files]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        raise UnsupportedSourceError(f"two repositories have a file for {twice}", "choose fewer with `files`")


def _snapshot(wanted: HfRepository, folder: str, tools: Tools) -> Snapshot:
    page = _page(wanted, tools)
    try:
        told = json.loads(page.text)
        known = {sibling["rfilename"]: sibling for sibling in told["siblings"]}
        commit = str(told["sha"])
        chosen = list(_chosen(wanted, known))
        return Snapshot(wanted.repo, commit, folder, tuple(_file(path, known[path]) for path in chosen))
    except (ValueError, KeyError, TypeError) as error:
        raise UnsupportedSourceError(
            f"{shown(page.url)} does not tell commit, files and their sums as the hub does", "check HF_ENDPOINT"
        ) from error


def _page(wanted: HfRepository, tools: Tools) -> Page:
    url = f"{_hub(tools)}/api/models/{wanted.repo}/revision/{quote(wanted.revision, safe='')}?blobs=true"
    try:
        return tools.downloader.page(url, _key(tools))
    except HttpStatusError as error:
        raise _refusal(error, wanted, tools) from error


def _refusal(error: HttpStatusError, wanted: HfRepository, tools: Tools) -> ModelError:
    """The hub answers 401 for a repository that is not there: it might be a private one."""
    code = error.headers.get("X-Error-Code")
    if code == "RevisionNotFound":
        return ModelNotFoundError(f"{wanted.repo} has no revision {wanted.revision}", "use a branch, a tag or a commit")
    if code == "RepoNotFound":
        return AccessDeniedError(f"{wanted.repo} is not there, or private", _denied(tools, wanted.repo))
    return explained(error, f"{wanted.repo}@{wanted.revision}", _denied(tools, wanted.repo))


def _chosen(wanted: HfRepository, known: Mapping[str, Any]) -> Iterator[str]:
    if not known:
        raise ModelNotFoundError(f"{wanted.repo}@{wanted.revision} has no files")
    for path in wanted.files or sorted(known):
        if path not in known:
            some = ", ".join(sorted(known)[:_NAMED_AT_MOST])
            raise ModelNotFoundError(f"{wanted.repo}@{wanted.revision} has no file {path}", f"it has {some}")
        yield path


def _file(path: str, told: Mapping[str, Any]) -> HubFile:
    large = told.get("lfs")
    if large:
        return HubFile(path, int(large["size"]), Digest.parse(f"sha256:{large['sha256']}"))
    return HubFile(path, int(told["size"]), Digest.parse(f"git:{told['blobId']}"))


def _hub(tools: Tools) -> str:
    return (tools.environment.get("HF_ENDPOINT") or _HUB).rstrip("/")


def _key(tools: Tools) -> dict[str, str]:
    token = _token(tools.environment)
    return {"Authorization": f"Bearer {token}"} if token else {}


def _token(environment: Mapping[str, str]) -> str | None:
    """From the environment, else where the hub's own tools keep it."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if token := environment.get(name, "").strip():
            return token
    cache = Path(environment.get("XDG_CACHE_HOME") or _home(environment) / ".cache")
    home = Path(environment.get("HF_HOME") or cache / "huggingface")
    try:
        return Path(environment.get("HF_TOKEN_PATH") or home / "token").read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME", "~")).expanduser()


def _denied(tools: Tools, repo: str) -> str:
    terms = f"accept its terms on {_hub(tools)}/{repo} if it has some"
    if _token(tools.environment):
        return f"{terms}, and check that the key in HF_TOKEN may read it"
    return f"put a key that may read it into HF_TOKEN, and {terms}"
