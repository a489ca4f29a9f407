"""Puts the presets and the first example into the wheel, where their folders are there: an image may copy fewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BROUGHT = {"presets": "policies/*.yaml", "examples": "examples/hello-world.yaml"}
"""Folder in antiphon_policies -> what lies in it. Nothing of it without that package."""


class BringManifests(BuildHookInterface[Any]):
    """An editable install finds them in the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable" or not (root / "policies" / "antiphon_policies").is_dir():
            return
        for folder, pattern in _BROUGHT.items():
            for path in sorted(root.glob(pattern)):
                build_data["force_include"][str(path)] = f"antiphon_policies/{folder}/{path.name}"
