"""The manifests that a world is made of: the presets, and an agent's file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import antiphon_policies
from antiphon_crds.agent import VoiceAgent
from antiphon_crds.documents import Document
from antiphon_crds.manifests import LocatedProblem, is_foreign, load, read_documents
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.bringing_up.errors import BringingUpError
from antiphon_operator.objects import Obj
from antiphon_policies.resolution import Catalog, Resolution, resolve

_EXAMPLE = "hello-world.yaml"


@dataclass(frozen=True)
class AgentFile:
    """An agent's file that makes sense, together with the presets."""

    agent: VoiceAgent
    manifest: Obj
    """The VoiceAgent as the file has it."""
    others: tuple[Obj, ...]
    """All else that the file has: what the agent names, and objects of other APIs."""
    resolution: Resolution


def presets_folder() -> Path:
    """In a wheel they lie in the package; in a checkout, beside it."""
    package = Path(antiphon_policies.__file__).parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent


def example_file() -> Path:
    package = Path(antiphon_policies.__file__).parent
    inside = package / "examples" / _EXAMPLE
    return inside if inside.exists() else package.parents[1] / "examples" / _EXAMPLE


def read_presets() -> list[Obj]:
    return [document.data for file in sorted(presets_folder().glob("*.yaml")) for document in _documents(file)]


def read_agent_file(file: Path) -> AgentFile:
    """BringingUpError with file and line where it has not exactly one agent, or what it names does not fit together.

    What it names and is nowhere is a finding of the resolution: the cluster may have it.
    """
    documents = _documents(file)
    found = [document for document in documents if document.data.get("kind") == VoiceAgent.__name__]
    if len(found) != 1:
        raise BringingUpError(f"{file} has {len(found)} VoiceAgents; give a file with one")
    everything = [_typed(document) for document in [*documents, *_preset_documents()] if not is_foreign(document)]
    (agent,) = (each for each in everything if isinstance(each, VoiceAgent))
    resolution = resolve(agent, _catalog(everything))
    if unfit := [finding for finding in resolution.findings if not finding.missing]:
        told = "\n".join(f"  {finding.message}" for finding in unfit)
        raise BringingUpError(f"{file} can't work:\n{told}")
    others = tuple(document.data for document in documents if document is not found[0])
    return AgentFile(agent, found[0].data, others, resolution)


def _preset_documents() -> Iterable[Document]:
    return (document for file in sorted(presets_folder().glob("*.yaml")) for document in _documents(file))


def _documents(file: Path) -> list[Document]:
    try:
        found = list(read_documents(str(file), file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise BringingUpError(f"{file} can't be read: {error}") from error
    if problems := [each for each in found if isinstance(each, LocatedProblem)]:
        raise BringingUpError("\n".join(map(str, problems)))
    return [each for each in found if isinstance(each, Document) and isinstance(each.data, dict)]


def _typed(document: Document) -> object:
    loaded = load(document)
    if loaded.problems:
        raise BringingUpError("\n".join(map(str, loaded.problems)))
    return loaded.object


def _catalog(everything: Iterable[object]) -> Catalog:
    """What stands first goes before a preset of the same name."""
    found = list(everything)[::-1]
    return Catalog(
        {each.metadata.name: each for each in found if isinstance(each, SLAPolicy)},
        {each.metadata.name: each for each in found if isinstance(each, VoiceModel)},
        {each.metadata.name: each for each in found if isinstance(each, GPUPool)},
    )
