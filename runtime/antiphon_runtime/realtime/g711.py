"""G.711: the telephone's mu-law and A-law, one byte a sample at 8 kHz."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from antiphon_runtime.engines.protocols import Samples

FULL_SCALE = 32768.0
"""Steps of 16-bit audio from 0 to 1."""
_PCM16, _PCM16_STEP = np.dtype("<i2"), np.float32(1 / FULL_SCALE)
_MU_BIAS = 0x84
_MU_CLIP = 32635


def decode_mulaw(data: bytes) -> Samples:
    return _mulaw_values()[np.frombuffer(data, np.uint8)]


def encode_mulaw(samples: Samples) -> bytes:
    return _mulaw_codes()[to_pcm16(samples).view(np.uint16)].tobytes()


def decode_alaw(data: bytes) -> Samples:
    return _alaw_values()[np.frombuffer(data, np.uint8)]


def encode_alaw(samples: Samples) -> bytes:
    return _alaw_codes()[to_pcm16(samples).view(np.uint16)].tobytes()


def to_pcm16(samples: Samples) -> NDArray[np.int16]:
    """Louder than full scale is clipped; what is not a number is silence."""
    scaled = np.rint(np.nan_to_num(np.clip(samples, -1, 1)) * np.float32(FULL_SCALE))
    pcm16: NDArray[np.int16] = np.minimum(scaled, FULL_SCALE - 1).astype(np.int16)
    return pcm16


def from_pcm16(data: bytes) -> Samples:
    """Little-endian, as on the wire."""
    samples: Samples = np.frombuffer(data, _PCM16) * _PCM16_STEP
    return samples


@cache
def _mulaw_values() -> Samples:
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4) & 7, (code & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + _MU_BIAS) << exponent) - _MU_BIAS
    return _scaled(np.where(code & 0x80, -magnitude, magnitude))


@cache
def _mulaw_codes() -> NDArray[np.uint8]:
    """By the bits of a 16-bit sample. As in ITU-T G.191 negative values are mirrored at -1, not at 0."""
    value = _every_pcm16()
    magnitude = np.minimum(np.where(value < 0, ~value, value), _MU_CLIP) + _MU_BIAS
    exponent = _highest_bit(magnitude) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    codes: NDArray[np.uint8] = (~(np.where(value < 0, 0x80, 0) | exponent << 4 | mantissa) & 0xFF).astype(np.uint8)
    return codes


@cache
def _alaw_values() -> Samples:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    linear = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, linear, (linear + 0x100) << np.maximum(exponent - 1, 0))
    return _scaled(np.where(code & 0x80, magnitude, -magnitude))


@cache
def _alaw_codes() -> NDArray[np.uint8]:
    """By the bits of a 16-bit sample. The law has 13 bits; negative values are mirrored as in the other."""
    value = _every_pcm16() >> 3
    magnitude = np.where(value < 0, ~value, value)
    exponent = np.maximum(_highest_bit(magnitude | 1) - 4, 0)
    mantissa = (magnitude >> np.maximum(exponent, 1)) & 15
    codes: NDArray[np.uint8] = ((np.where(value < 0, 0, 0x80) | exponent << 4 | mantissa) ^ 0x55).astype(np.uint8)
    return codes


def _every_pcm16() -> NDArray[np.int32]:
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _highest_bit(value: NDArray[np.int32]) -> NDArray[np.int32]:
    """Of numbers above 0."""
    return (np.frexp(value.astype(np.float64))[1] - 1).astype(np.int32)


def _scaled(value: NDArray[np.int32]) -> Samples:
    return (value / FULL_SCALE).astype(np.float32)
