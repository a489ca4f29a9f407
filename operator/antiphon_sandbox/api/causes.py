"""Why an object is invalid."""

from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """One thing that is wrong, as `details.causes` of a Status words it."""

    reason: str
    message: str
    field: str
