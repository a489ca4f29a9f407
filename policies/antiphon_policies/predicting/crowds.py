"""Why few sessions wait less than many that ask as much: one that waits asks nothing, and each asks rather regularly."""

from __future__ import annotations

import numpy as np

from antiphon_policies.predicting.cumulants import Floats

_MEAN = 10.0
_BEND = 3.0
"""Fitted to simulated sessions, whose turns come every so often with a standard deviation of a third of that."""


def calmed(excess_ms: Floats, rate: Floats, sessions: Floats, sensitive: Floats) -> Floats:
    """What is left of a wait of infinitely many sessions, as a share. The spread's share is that times its root.

    `excess_ms` x `rate` / `sessions` is the share of a session that goes by waiting.
    """
    share = excess_ms * rate / sessions
    strength = _MEAN * sensitive * np.maximum(0.0, 1.0 - 2.0 / sessions)
    return np.asarray(1.0 / (1.0 + strength * share / (1.0 + _BEND * share)))
