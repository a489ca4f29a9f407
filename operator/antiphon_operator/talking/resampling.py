"""Another sampling rate, with nothing but the standard library: a windowed sinc, so that no alias is heard."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from operator import mul

CROSSINGS = 24
"""Zero crossings of the filter on each side, at the lower of the two rates."""
PASSBAND = 0.9
"""Share of the lower Nyquist frequency at which the filter has fallen by half."""
_LOWEST, _HIGHEST = -(2**15), 2**15 - 1


def resampled(samples: Sequence[int], rate: int, wanted: int) -> array[int]:
    """Samples of 16 bits at `wanted` a second. As long as before, rounded up to a whole sample.

    About half a second of work for ten seconds at 48 kHz: not to be called on an event loop.
    """
    if rate <= 0 or wanted <= 0:
        raise ValueError(f"rates are {rate} and {wanted}; both must be above 0")
    if rate == wanted:
        return array("h", samples)
    divisor = math.gcd(rate, wanted)
    up, down = wanted // divisor, rate // divisor
    reach = math.ceil(CROSSINGS * max(1.0, down / up) / PASSBAND)
    return _filtered(samples, up, down, reach)


def _filtered(samples: Sequence[int], up: int, down: int, reach: int) -> array[int]:
    """Output n lies at source position n * down / up; the filter sees `reach` samples on each side of it."""
    line = [0] * reach + list(samples) + [0] * (reach + 1)
    width = 2 * reach + 1
    weights: dict[int, list[float]] = {}
    given = array("h")
    for number in range(-(-len(samples) * up // down)):
        whole, phase = divmod(number * down, up)
        taps = weights.get(phase)
        if taps is None:
            taps = weights[phase] = _weights(phase / up, reach, PASSBAND * min(1.0, up / down))
        value = round(sum(map(mul, line[whole : whole + width], taps)))
        given.append(max(_LOWEST, min(_HIGHEST, value)))
    return given


def _weights(fraction: float, reach: int, cutoff: float) -> list[float]:
    """For an output so far after a source sample. They sum to 1, so that a constant stays what it is."""
    raw = [_weight(step - reach - fraction, reach + 1, cutoff) for step in range(2 * reach + 1)]
    whole = sum(raw)
    return [weight / whole for weight in raw]


def _weight(distance: float, edge: float, cutoff: float) -> float:
    """A sinc under a Blackman window, which keeps 74 dB between what stays and what goes."""
    angle = math.pi * distance / edge
    window = 0.42 + 0.5 * math.cos(angle) + 0.08 * math.cos(2 * angle)
    turn = math.pi * cutoff * distance
    return window * (math.sin(turn) / turn if turn else 1.0)
