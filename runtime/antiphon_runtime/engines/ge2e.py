"""Resemblyzer's GE2E speaker encoder in numpy: mel frames, three recurrent layers, a unit vector. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import give_back_memory, label, model_file
from antiphon_runtime.engines.protocols import HEARD_RATE, EngineError, Samples
from antiphon_runtime.engines.torch_weights import read_weights

_Array = NDArray[np.float32]
_FFT, _HOP, _MELS, _HIDDEN, _LAYERS = 400, 160, 40, 256, 3
_WINDOW = 160
"""Mel frames that are judged at once: 1.6 s."""
_STEP = 77
"""Mel frames from one window to the next: 1.3 windows a second."""
_COVERED = 0.75
"""Share of a last window that must be filled for it to count."""
_LEAST_LOUDNESS = 10 ** (-30 / 20)
"""Quieter voices are raised to -30 dBFS, as in training."""
_AT_ONCE = 32
"""Windows in one pass; bounds the working memory to about 25 MB."""


class Ge2e:
    """Called from one thread at a time."""

    name = "ge2e"
    emulated = False

    def __init__(self, weights: dict[str, _Array]) -> None:
        self._layers = [_layer(weights, index) for index in range(_LAYERS)]
        self._linear: tuple[_Array, _Array] | None = (weights["linear.weight"].T.copy(), weights["linear.bias"])
        self._filters = _mel_filters().T.copy()
        self._taper = np.hanning(_FFT + 1)[:-1].astype(np.float32)

    def embed(self, stretches: Sequence[Samples]) -> list[Samples]:
        parts = [_windows(self._mel(_raised(stretch))) for stretch in stretches]
        if not parts:
            return []
        together = np.concatenate(parts)
        rows = np.concatenate([self._encode(together[at : at + _AT_ONCE]) for at in range(0, len(together), _AT_ONCE)])
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return [_unit(part.mean(axis=0)) for part in np.split(rows, ends)]

    def warm_up(self) -> None:
        noise = np.random.default_rng(0).standard_normal(2 * HEARD_RATE).astype(np.float32)
        self.embed([noise * np.float32(0.1)])

    def close(self) -> None:
        self._layers, self._linear = [], None
        give_back_memory()

    def _mel(self, samples: _Array) -> _Array:
        padded = np.pad(samples, _FFT // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
        power = np.abs(np.fft.rfft(frames * self._taper, axis=1)) ** 2
        mel: _Array = power.astype(np.float32) @ self._filters
        return mel

    def _encode(self, windows: _Array) -> _Array:
        if self._linear is None:
            raise EngineError("ge2e is closed")
        for layer in self._layers:
            windows = _recurrent(windows, *layer)
        weight, bias = self._linear
        return _unit(np.maximum(0, windows[:, -1] @ weight + bias))


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Ge2e:  # noqa: ARG001 (numpy has its own)
    path = model_file(variant, folder, "*.pt")
    try:
        return Ge2e(read_weights(path, "model_state"))
    except (ValueError, KeyError) as error:
        raise EngineError(f"{label(variant)}: {path} has no GE2E weights: {error}") from error


def _layer(weights: dict[str, _Array], index: int) -> tuple[_Array, _Array, _Array]:
    """Gates lie as input, forget, cell, output. Those with a sigmoid are halved, as sigmoid(x) is (tanh(x / 2) + 1) / 2."""
    halved = np.full(4 * _HIDDEN, 0.5, np.float32)
    halved[2 * _HIDDEN : 3 * _HIDDEN] = 1
    bias: _Array = (weights[f"lstm.bias_ih_l{index}"] + weights[f"lstm.bias_hh_l{index}"]) * halved
    return (
        weights[f"lstm.weight_ih_l{index}"].T * halved,
        np.ascontiguousarray(weights[f"lstm.weight_hh_l{index}"].T * halved),
        bias,
    )


def _recurrent(inputs: _Array, from_input: _Array, from_hidden: _Array, bias: _Array) -> _Array:
    """One LSTM layer over (windows, frames, values)."""
    half, one = np.float32(0.5), np.float32(1)
    driven = inputs @ from_input + bias
    hidden = np.zeros((len(inputs), _HIDDEN), np.float32)
    cell = np.zeros_like(hidden)
    outputs = np.empty((*inputs.shape[:2], _HIDDEN), np.float32)
    for frame in range(inputs.shape[1]):
        gates = np.tanh(driven[:, frame] + hidden @ from_hidden)
        opened = half * (gates + one)
        new = gates[:, 2 * _HIDDEN : 3 * _HIDDEN]
        cell = opened[:, _HIDDEN : 2 * _HIDDEN] * cell + opened[:, :_HIDDEN] * new
        hidden = opened[:, 3 * _HIDDEN :] * np.tanh(cell)
        outputs[:, frame] = hidden
    return outputs


def _raised(samples: Samples) -> _Array:
    samples = samples.astype(np.float32, copy=False)
    loudness = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
    if 0 < loudness < _LEAST_LOUDNESS:
        return samples * np.float32(_LEAST_LOUDNESS / loudness)
    return samples


def _windows(mel: _Array) -> _Array:
    """Windows of equal length; the last is filled up with silence, or left out when it would be mostly that."""
    starts = list(range(0, max(1, len(mel) - _WINDOW + _STEP + 1), _STEP))
    if len(starts) > 1 and (len(mel) - starts[-1]) / _WINDOW < _COVERED:
        starts.pop()
    filled = np.pad(mel, ((0, max(0, starts[-1] + _WINDOW - len(mel))), (0, 0)))
    return np.stack([filled[start : start + _WINDOW] for start in starts])


def _unit(rows: Any) -> _Array:
    raised: _Array = (rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
    return raised


def _mel_filters() -> _Array:
    """Slaney's mel filters, each of area 1, as librosa has them."""
    bins = np.linspace(0, HEARD_RATE / 2, _FFT // 2 + 1)
    edges = _hertz(np.linspace(0, _mel_of(HEARD_RATE / 2), _MELS + 2))
    widths, slopes = np.diff(edges), edges[:, None] - bins[None]
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * area[:, None]).astype(np.float32)


def _mel_of(hertz: float) -> float:
    """Linear below 1 kHz, logarithmic above."""
    return float(15 + np.log(hertz / 1000) / (np.log(6.4) / 27)) if hertz >= 1000 else hertz / (200 / 3)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mels >= 15, 1000 * np.exp(np.log(6.4) / 27 * (mels - 15)), mels * (200 / 3))
