"""CUDA's libraries out of NVIDIA's wheels, for programs that look for them on the system only."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_log = logging.getLogger(__name__)


def preload(*names: str, places: Sequence[Path] | None = None) -> list[Path]:
    """Loads the libraries of these names, such as `libcublas.so.12`; `*` stands for any letters.

    Whoever asks the system for one afterwards gets it. What is in no wheel is left to the system. `places` are folders
    of packages; those of this Python where not given. Returns what was loaded.
    """
    loaded = []
    for name in names:
        for path in _found(name, [Path(entry) for entry in sys.path] if places is None else places):
            try:
                ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            except OSError as error:
                _log.warning("%s can't be loaded: %s", path, error)
            else:
                loaded.append(path)
    if loaded:
        _log.info("CUDA libraries from wheels: %s", ", ".join(path.name for path in loaded))
    return loaded


def _found(name: str, places: Sequence[Path]) -> Iterator[Path]:
    """Each library once: the first place that has it counts."""
    seen: set[str] = set()
    for place in places:
        for path in sorted(place.glob(f"nvidia/*/lib/{name}")):
            if path.name not in seen:
                seen.add(path.name)
                yield path
