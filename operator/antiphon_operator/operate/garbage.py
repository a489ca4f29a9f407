"""How often Python looks for garbage that holds itself: planning makes many objects, and hardly any such garbage."""

from __future__ import annotations

import gc

NEW_OBJECTS = 20_000
"""After so many more of them, instead of 700. What was made before the start is never looked at."""


def look_seldom() -> None:
    """For the life of the process. A fifth of the time of planning a thousand agents went into looking."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
