"""Why few sessions wait less than many that ask as much: one that waits asks nothing, and each asks rather regularly."""

from __future__ import annotations

import numpy as np

from antiphon_policies.predicting.cumulants import Floats

_MARGIN = 0.109


def crowding(excess_ms: Floats, rate: Floats, sessions: Floats, free: Floats) -> Floats:
    """How far waits are drawn out in the time that one session takes to ask again. 0 where there are many sessions.

    A queue of calls that come regularly from each session is calmed by the square of what is `free` times the sessions (as
    Norros and Roberts say of periodic sources); `excess_ms` is what infinitely many would wait, so that it holds for any stage.
    """
    return np.asarray(excess_ms * rate / (sessions * free))


def fewness(used: Floats, sessions: Floats) -> Floats:
    """How much it matters that a session which waits asks nothing."""
    return np.asarray(np.square(used) * np.sqrt(used) / sessions)


def roughness(noise: Floats, share: float, used: Floats) -> Floats:
    """What nothing calms: that service times vary, of which this share counts, and some more near saturation for safety."""
    return np.asarray(share * np.square(noise) + _MARGIN * np.square(np.square(np.square(used))))


def calmed(strength: Floats, rough: Floats | float) -> Floats:
    """What is left of a wait of infinitely many sessions, as a share; of a `rough` share nothing goes."""
    calm = 2.0 / (1.0 + np.sqrt(1.0 + strength))
    return np.asarray(calm + np.minimum(rough, 1.0) * (1.0 - calm))
