"""Fits the constants of the prediction of turns whose stages have devices of their own to simulated turns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.facts import Discipline
from antiphon_policies.predicting import batches, crowds, streams, tandem, times
from antiphon_policies.predicting.cumulants import Times
from antiphon_policies.predicting.times import added, quantile_ms, stage_times

Floats = NDArray[np.float64]

FIGURES = (
    "alpha_ms", "beta_ms", "noise", "cap", "calls_per_second", "sessions", "rest_alpha_ms", "rest_beta_ms", "period_ms",
    "duty_cycle",
)  # fmt: skip
"""Of a stage, as `stage_times` takes them, but for sessions: those that there are."""
_SESSIONS = FIGURES.index("sessions")
NAMES: dict[ModuleType, str] = {
    batches: "_EVEN_TIME _EVEN_VARIANCE _GROWS _GROWS_SPREAD _CROWD _FEW _CROWD_SPREAD _INSIDE_SPREAD _ROUGH_SPREAD",
    streams: "_SPREAD _SKEWED _RARE _QUICKER _AGAIN _FEW_OTHERS _CROWD _FEW _ROUGH _CROWD_SPREAD _FEW_SPREAD",
    tandem: "_EVEN _UNEVEN _HALF _FREE _UNEVEN_VARIANCE _SIZE _SIZE_SPREAD _SIZE_SKEWED _BATCHES _BATCHES_VARIANCE"
    " _APART_VARIANCE _CALLS _CALLS_VARIANCE _LUMPS _LUMPS_VARIANCE _SOME",
    crowds: "_MARGIN",
    times: "_BESIDE",
}
"""What is fitted."""
_ALL = [(module, name) for module, names in NAMES.items() for name in names.split()]

_CLOSE, _CLOSE_NEAR = 0.06, 0.09
"""Errors from which on they count more than in their square; the second near saturation."""
_NEAR_FROM, _NEAR_WIDE = 0.8, 0.15
_SAFE = 0.07
"""How much too high a prediction is to be near saturation."""
_OPTIMISM, _OPTIMISM_NEAR = 1.15, 1.5
"""How much more predictions count that are too low."""
_RULED = 4.0
"""No case counts as more than so many of the errors above: those beyond the model must not rule it."""
_BESIDES = {
    "p99": (0.5, 0.08),
    "mean": (0.4, 0.05),
    "spread": (0.4, 0.15),
    "first": (0.4, 0.03),
    "first_spread": (0.4, 0.1),
}
"""What else is fitted, with less weight, by what error: of the turn, and of its first stage, to which calls come as they do."""
_HELD = 4.0
"""How strongly constants are held where they were, so that those stay of which the samples say little."""
_MODEL_FROM, _STEPS, _STEP, _LARGEST_STEP = 0.97, 15, 0.02, 0.5
_LINE = re.compile(r"^(_[A-Z_]+(?:, _[A-Z_]+)*) = ([-\d., e]+)$")


@dataclass(frozen=True, slots=True)
class TurnSample:
    """One replica under a constant load, and what its turns were simulated to take, in milliseconds."""

    disciplines: tuple[Discipline, ...]
    stages: Floats
    """stages x `FIGURES`."""
    beside: Floats
    """Calls of a turn to each stage that nobody waits for."""
    p95_ms: float
    p95_error: float
    """Standard error, as a share."""
    p99_ms: float
    mean_ms: float
    spread_ms: float
    first_ms: float
    """Mean of the first stage."""
    first_spread_ms: float


@dataclass(frozen=True, slots=True)
class _Alike:
    """Samples whose stages have the same disciplines."""

    disciplines: tuple[Discipline, ...]
    stages: Floats
    """samples x stages x figures."""
    beside: Floats
    seen: dict[str, Floats]

    def times(self) -> list[Times]:
        return [self._of_stage(place, discipline) for place, discipline in enumerate(self.disciplines)]

    def _of_stage(self, place: int, discipline: Discipline) -> Times:
        figures = dict(zip(FIGURES, self.stages[:, place].T, strict=True))
        if discipline != "lockstep":
            figures["sessions"] = figures["sessions"] * times.callers(1.0, self.beside[:, place])  # type: ignore[arg-type]
            figures = {name: value for name, value in figures.items() if name not in ("period_ms", "duty_cycle")}
        return stage_times(discipline, **figures)


def fit(samples: Sequence[TurnSample]) -> float:
    """Sets the constants in the modules. Levenberg and Marquardt's, in their logarithms. What is left of the loss."""
    groups = _grouped(samples)
    begun = np.log([getattr(module, name) for module, name in _ALL])
    at, damping = begun, 1.0

    def residuals(near: Floats) -> Floats:
        return np.concatenate([_residuals(groups, near), _HELD * (near - begun)])

    left = residuals(at)
    for _ in range(_STEPS):
        slopes = np.stack([(residuals(near) - left) / _STEP for near in at + _STEP * np.eye(len(at))], axis=1)
        square = slopes.T @ slopes
        before = left @ left
        while damping < 1e5:
            way = -np.linalg.solve(square + damping * np.diag(np.diag(square) + 1e-3), slopes.T @ left)
            after = at + np.clip(way, -_LARGEST_STEP, _LARGEST_STEP)
            found = residuals(after)
            damping *= 0.3 if found @ found < before else 4.0
            if found @ found < before:
                at, left = after, found
                break
        if left @ left > (1 - 1e-3) * before:
            break
    _put(at)
    return float(left @ left)


def write() -> None:
    """The constants as they are, to three digits, into the modules' files."""
    for module, names in NAMES.items():
        path = Path(str(module.__file__))
        lines = [_line(module, names.split(), line) for line in path.read_text().split("\n")]
        path.write_text("\n".join(lines))


def _line(module: ModuleType, fitted: list[str], line: str) -> str:
    match = _LINE.match(line)
    if match is None or not set(match[1].split(", ")) & set(fitted):
        return line
    values = zip(match[1].split(", "), match[2].split(", "), strict=True)
    told = [f"{getattr(module, name):.3g}" if name in fitted else value for name, value in values]
    return f"{match[1]} = {', '.join(told)}"


def _put(at: Floats) -> None:
    for (module, name), value in zip(_ALL, np.exp(at).tolist(), strict=True):
        setattr(module, name, value)


def _grouped(samples: Sequence[TurnSample]) -> list[_Alike]:
    by: dict[tuple[Discipline, ...], list[TurnSample]] = {}
    for sample in samples:
        by.setdefault(sample.disciplines, []).append(sample)
    return [_alike(disciplines, some) for disciplines, some in by.items()]


def _alike(disciplines: tuple[Discipline, ...], samples: list[TurnSample]) -> _Alike:
    names = ("p95_ms", "p95_error", "p99_ms", "mean_ms", "spread_ms", "first_ms", "first_spread_ms")
    seen = {name: np.array([getattr(sample, name) for sample in samples]) for name in names}
    stages, beside = (np.stack([getattr(sample, name) for sample in samples]) for name in ("stages", "beside"))
    return _Alike(disciplines, stages, beside, seen)


def _residuals(groups: Sequence[_Alike], at: Floats) -> Floats:
    _put(at)
    return np.concatenate([_of_group(group) for group in groups])


def _of_group(group: _Alike) -> Floats:
    each, seen = group.times(), group.seen
    turn, first = added(each), each[0]
    with np.errstate(invalid="ignore"):
        errors = {
            "p99": np.log(quantile_ms(turn, 99) / seen["p99_ms"]),
            "mean": np.log(turn.mean_ms / seen["mean_ms"]),
            "spread": np.log(np.sqrt(turn.variance) / seen["spread_ms"]),
            "first": np.log(first.mean_ms / seen["first_ms"]),
            "first_spread": np.log(np.sqrt(first.variance) / seen["first_spread_ms"]),
        }
        main = _weighed(np.log(quantile_ms(turn, 95) / seen["p95_ms"]), turn.utilisation, seen["p95_error"])
    return np.concatenate([main, *(_beside(name, error, turn.utilisation) for name, error in errors.items())])


def _beside(name: str, error: Floats, used: Floats) -> Floats:
    weight, close = _BESIDES[name]
    known = np.isfinite(error) & (used < _MODEL_FROM)
    return np.where(known, weight * 3 * np.tanh(np.where(known, error, 0.0) / close / 3), 0.0)


def _weighed(error: Floats, used: Floats, uncertain: Floats) -> Floats:
    """More than in proportion, as what is beyond a tenth matters most."""
    known = np.isfinite(error)
    near = np.clip((used - _NEAR_FROM) / _NEAR_WIDE, 0.0, 1.0)
    close = np.hypot(_CLOSE + (_CLOSE_NEAR - _CLOSE) * near, uncertain)
    off = (np.where(known, error, 0.0) - _SAFE * near) / close
    off = np.where(off < 0, (_OPTIMISM + (_OPTIMISM_NEAR - _OPTIMISM) * near) * off, off)
    off = _RULED * np.tanh(off / _RULED)
    return np.where(known, off * np.sqrt(1 + off**2), 0.0)
