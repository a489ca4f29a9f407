"""The images of this version."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("antiphon")
_REPOSITORY = "ghcr.io/antiphon-dev"
OPERATOR_IMAGE: Final = f"{_REPOSITORY}/antiphon-operator:{VERSION}"
RUNTIME_IMAGE: Final = f"{_REPOSITORY}/antiphon-runtime:{VERSION}"
