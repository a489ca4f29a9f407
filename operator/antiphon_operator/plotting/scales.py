"""Round figures for axes, and their words."""

from __future__ import annotations

import math

_STEPS_SECONDS = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
    172800,
    604800,
)
_MINUTE, _HOUR = 60, 3600


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2 and 5 times a power of ten of which at most `most` fit into the span."""
    least = span / most
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def ticks(top: float, most: int = 4, whole: bool = False) -> list[float]:
    """From zero to the first round figure that is not below `top`. `whole`: no fractions."""
    step = round_step(top, most) if top > 0 else 1.0
    step = max(1.0, step) if whole else step
    count = max(1, math.ceil(top / step - 1e-9))
    return [step * index for index in range(count + 1)]


def time_ticks(seconds: float, most: int = 10) -> list[float]:
    """From zero to not beyond `seconds`, at steps that clocks have."""
    step = next((step for step in _STEPS_SECONDS if seconds / step <= most), _STEPS_SECONDS[-1])
    return [float(step * index) for index in range(int(seconds // step) + 1)]


def time_words(seconds: float, step: float) -> str:
    """`0`, `30 s`, `2 min`, `1:30 h`: in the unit that suits the step."""
    if seconds == 0:
        return "0"
    if step < _MINUTE and seconds < 2 * _MINUTE:
        return f"{seconds:g} s"
    if seconds < 2 * _HOUR and step < _HOUR:
        minutes, rest = divmod(round(seconds), _MINUTE)
        return f"{minutes}:{rest:02} min" if rest else f"{minutes} min"
    hours, rest = divmod(round(seconds), _HOUR)
    return f"{hours}:{rest // _MINUTE:02} h" if rest else f"{hours} h"


def value_words(value: float) -> str:
    """Short: 1200 is `1200`, 61000 is `61k`."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.6g}"
