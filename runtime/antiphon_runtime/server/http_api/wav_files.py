"""WAV files by hand: PCM, float and G.711, any rate, any number of channels; also those whose length is not told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.g711 import decode_alaw, decode_mulaw, from_pcm16

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_HEADER = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_MOST_CHANNELS = 32
UNKNOWN_LENGTH = 0xFFFFFFFF
HEADER_BYTES = 44


class WavError(Exception):
    """It can't be read; the text says why."""


@dataclass(frozen=True, slots=True)
class Wav:
    encoding: int
    bits: int
    channels: int
    rate: int
    """Samples a second."""
    data: memoryview

    @property
    def seconds(self) -> float:
        return len(self.data) / self._frame_bytes / self.rate

    @property
    def is_known(self) -> bool:
        """Whether `samples` can be read; other encodings need a decoder."""
        return (self.encoding, self.bits) in _DECODERS

    def samples(self) -> Samples:
        """All channels mixed into one, at the file's rate."""
        whole = len(self.data) // self._frame_bytes * self._frame_bytes
        samples = _DECODERS[self.encoding, self.bits](bytes(self.data[:whole]))
        mixed: Samples = samples.reshape(-1, self.channels).mean(axis=1, dtype=np.float32)
        clipped: Samples = np.clip(np.nan_to_num(mixed, posinf=1, neginf=-1), -1, 1)
        return clipped

    @property
    def _frame_bytes(self) -> int:
        return self.channels * max(1, self.bits // 8)


def is_wav(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"


def read_wav(data: bytes) -> Wav:
    """Raises WavError. What lies after the audio is not looked at."""
    form: tuple[int, int, int, int] | None = None
    view, at = memoryview(data), 12
    while at + _HEADER.size <= len(data):
        name, size = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        if name == b"fmt ":
            form = _form(data, at, size)
        elif name == b"data":
            if form is None:
                raise WavError("its data comes before its format")
            return Wav(*form, view[at : at + size])
        at += size + size % 2
    raise WavError("it has no data")


def wav_header(rate: int, data_bytes: int = UNKNOWN_LENGTH) -> bytes:
    """Of mono 16-bit PCM. A stream whose length is not known yet has the largest that can be told, as OpenAI's have."""
    riff_bytes = min(data_bytes + HEADER_BYTES - 8, UNKNOWN_LENGTH)
    form = _FORMAT.pack(_PCM, 1, rate, 2 * rate, 2, 16)
    return b"".join(
        (_HEADER.pack(b"RIFF", riff_bytes), b"WAVE", _HEADER.pack(b"fmt ", _FORMAT.size), form, _HEADER.pack(b"data", data_bytes))
    )  # fmt: skip


def _form(data: bytes, at: int, size: int) -> tuple[int, int, int, int]:
    if size < _FORMAT.size or at + size > len(data):
        raise WavError("its format is cut off")
    encoding, channels, rate, _, _, bits = _FORMAT.unpack_from(data, at)
    if encoding == _EXTENSIBLE and size >= _FORMAT.size + 10:
        (encoding,) = struct.unpack_from("<H", data, at + _FORMAT.size + 8)
    if not 1 <= channels <= _MOST_CHANNELS or not rate:
        raise WavError(f"it has {channels} channels at {rate} Hz")
    return encoding, bits, channels, rate


def _pcm8(data: bytes) -> Samples:
    return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / np.float32(128)


def _pcm24(data: bytes) -> Samples:
    padded = np.zeros((len(data) // 3, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _pcm32(padded.tobytes())


def _pcm32(data: bytes) -> Samples:
    samples: Samples = (np.frombuffer(data, "<i4") / 2.0**31).astype(np.float32)
    return samples


def _float32(data: bytes) -> Samples:
    return np.frombuffer(data, "<f4").astype(np.float32)


def _float64(data: bytes) -> Samples:
    samples: Samples = np.clip(np.frombuffer(data, "<f8"), -1, 1).astype(np.float32)
    return samples


_DECODERS: dict[tuple[int, int], Callable[[bytes], Samples]] = {
    (_PCM, 8): _pcm8,
    (_PCM, 16): from_pcm16,
    (_PCM, 24): _pcm24,
    (_PCM, 32): _pcm32,
    (_FLOAT, 32): _float32,
    (_FLOAT, 64): _float64,
    (_ALAW, 8): decode_alaw,
    (_MULAW, 8): decode_mulaw,
}
