"""Reads the RuntimeConfig that a pod is started with."""

from __future__ import annotations

from pathlib import Path

from antiphon_crds.manifests import LocatedProblem, load, read_documents
from antiphon_crds.runtime_config import RuntimeConfig


class ConfigurationError(Exception):
    """The configuration can't be used; the text says where and why, a line a problem."""


def read_configuration(path: Path) -> RuntimeConfig:
    """The one RuntimeConfig of the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: can't be read: {error}") from error
    documents = list(read_documents(str(path), text))
    broken = [document for document in documents if isinstance(document, LocatedProblem)]
    if broken:
        raise ConfigurationError("\n".join(map(str, broken)))
    if len(documents) != 1:
        raise ConfigurationError(f"{path}: has {len(documents)} documents; give exactly one RuntimeConfig")
    (document,) = (document for document in documents if not isinstance(document, LocatedProblem))
    loaded = load(document, {"RuntimeConfig": RuntimeConfig})
    if not isinstance(loaded.object, RuntimeConfig):
        raise ConfigurationError("\n".join(map(str, loaded.problems)))
    return loaded.object
