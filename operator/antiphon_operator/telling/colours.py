"""Colours for words that are good or bad news. They never say more than the word itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.text import Text

GOOD, WARN, BAD, DULL = "green", "yellow", "red", "dim"

STYLES: Final[Mapping[str, str]] = {
    "Ready": GOOD, "Running": GOOD, "True": GOOD, "Met": GOOD, "Kept": GOOD, "Enforce": GOOD,
    "Pending": WARN, "Starting": WARN, "Degraded": WARN, "Draining": WARN, "AtRisk": WARN, "Warning": WARN, "Held": WARN,
    "Terminating": WARN, "ContainerCreating": WARN, "PodInitializing": WARN, "RolledBack": WARN,
    "Invalid": BAD, "Breached": BAD, "False": BAD, "Failed": BAD, "Error": BAD, "CrashLoopBackOff": BAD, "OOMKilled": BAD,
    "ErrImagePull": BAD, "ImagePullBackOff": BAD, "CreateContainerConfigError": BAD,
    "Unknown": DULL, "Stopped": DULL, "Normal": DULL,
}  # fmt: skip


def coloured(word: str) -> Text:
    return Text(word, style=STYLES.get(word, ""))
