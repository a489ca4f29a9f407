"""Agents from manifests, without a cluster: what they name is looked for in the same files, then among the presets."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.documents import Document
from antiphon_crds.manifests import LocatedProblem, is_foreign, load, read_documents
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.bringing_up.world_files import presets_folder
from antiphon_operator.rehearsing.errors import RehearsalError
from antiphon_operator.rehearsing.subject import Subject, grounds_of_spec, refuse_unfit
from antiphon_policies.resolution import Catalog, resolve

_SUFFIXES = (".yaml", ".yml", ".json")
_STANDARD_INPUT = "-"


def names_a_file(word: str) -> bool:
    """A path that is there, or one that looks like a manifest's. Names of agents have neither dots nor slashes."""
    return word == _STANDARD_INPUT or "/" in word or word.endswith(_SUFFIXES) or Path(word).exists()


def subjects_of(words: Sequence[str]) -> list[Subject]:
    """The agents in files and folders. RehearsalError where there is none, or one that can't run."""
    objects = [_typed(document) for document in _documents(words)]
    agents = [each for each in objects if isinstance(each, VoiceAgent)]
    if not agents:
        raise RehearsalError(f"there is no VoiceAgent in {', '.join(words)}; give the file of one", usage=True)
    catalog = _catalog([*objects, *_presets()])
    resolutions = [resolve(agent, catalog) for agent in agents]
    for resolution in resolutions:
        refuse_unfit(resolution)
    return [Subject(resolution, grounds_of_spec(resolution)) for resolution in resolutions]


def _documents(words: Iterable[str]) -> Iterator[Document]:
    for word in words:
        for path in _files(word):
            yield from _read(path)


def _files(word: str) -> list[Path]:
    path = Path(word)
    return [each for each in sorted(path.rglob("*")) if each.suffix in _SUFFIXES] if path.is_dir() else [path]


def _presets() -> list[object]:
    return [_typed(document) for file in sorted(presets_folder().glob("*.yaml")) for document in _read(file)]


def _read(file: Path) -> Iterator[Document]:
    """Those of our kinds."""
    try:
        text = sys.stdin.read() if str(file) == _STANDARD_INPUT else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RehearsalError(f"{file} can't be read: {error}", usage=True) from error
    for document in read_documents(str(file), text):
        if isinstance(document, LocatedProblem):
            raise RehearsalError(str(document))
        if not is_foreign(document):
            yield document


def _typed(document: Document) -> object:
    loaded = load(document)
    if loaded.problems:
        raise RehearsalError("\n".join(map(str, loaded.problems)))
    return loaded.object


def _catalog(objects: Sequence[object]) -> Catalog:
    """What stands first goes before another of the same name."""
    found = objects[::-1]
    return Catalog(
        {each.metadata.name: each for each in found if isinstance(each, SLAPolicy)},
        {each.metadata.name: each for each in found if isinstance(each, VoiceModel)},
        {each.metadata.name: each for each in found if isinstance(each, GPUPool)},
    )
