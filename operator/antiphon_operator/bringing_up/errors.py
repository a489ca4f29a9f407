"""What may go wrong while a world is brought up or ended."""

from __future__ import annotations


class BringingUpError(Exception):
    """It can't be done; the text says why and what to do."""
