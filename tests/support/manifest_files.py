"""The manifests that tests are about: presets, examples, and the wrong ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon_crds.documents import Document
from antiphon_crds.manifests import Loaded, load, read_documents

REPOSITORY = Path(__file__).parents[2]
PRESETS = sorted((REPOSITORY / "policies").glob("*.yaml"))
EXAMPLES = sorted((REPOSITORY / "examples").rglob("*.yaml"))
WRONG = sorted((REPOSITORY / "tests" / "contract" / "wrong").glob("*.yaml"))


def documents(path: Path) -> list[Document]:
    found = list(read_documents(str(path), path.read_text(encoding="utf-8")))
    assert all(isinstance(document, Document) for document in found), found
    return [document for document in found if isinstance(document, Document)]


def right_documents() -> list[Document]:
    """Every document of every preset and example."""
    return [document for path in [*PRESETS, *EXAMPLES] for document in documents(path)]


@dataclass(frozen=True)
class WrongManifest:
    """A manifest that is wrong in one way, and what its head says of it."""

    path: Path
    by: str
    field: str
    says: str
    data: Any

    @property
    def loaded(self) -> Loaded:
        (document,) = documents(self.path)
        return load(document)


def wrong_manifest(path: Path) -> WrongManifest:
    head = [line.removeprefix("# ").strip() for line in path.read_text(encoding="utf-8").splitlines()[:3]]
    facts = {key: text.strip() for key, text in (line.split(":", 1) for line in head)}
    (document,) = documents(path)
    return WrongManifest(path, facts["by"], facts["field"], facts["says"], document.data)
