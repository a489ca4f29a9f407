"""Recordings: WAV files of any PCM form as mono sound of 24 kHz, and answers as WAV files."""

from __future__ import annotations

import math
import struct
import sys
import wave
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from antiphon_operator.talking.errors import UnreadableError
from antiphon_operator.talking.resampling import resampled

RATE = 24_000
"""Samples a second on the wire, each of 16 bits, mono."""
AUDIBLE = 328
"""Amplitude from which a sample can be heard: a hundredth of full scale."""
LONGEST_SECONDS = 600
_RATES = range(1_000, 768_001)
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_WIDTHS = {_PCM: (1, 2, 3, 4), _FLOAT: (4, 8)}
_FULL_SCALE = 2**15


@dataclass(frozen=True)
class Form:
    """How the samples of a file are written."""

    coding: int
    channels: int
    rate: int
    width: int
    """Bytes of one sample of one channel."""


@dataclass(frozen=True)
class Sound:
    """Mono, 16 bits, at RATE."""

    samples: array[int]

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE

    @property
    def audible_seconds(self) -> float:
        """Until its last sample that can be heard; 0 where there is none."""
        count = len(self.samples)
        last = next((at for at in range(count - 1, -1, -1) if abs(self.samples[at]) >= AUDIBLE), -1)
        return (last + 1) / RATE

    def as_bytes(self) -> bytes:
        """Little-endian, as the wire has it."""
        return _little_endian(self.samples).tobytes()


def read_recording(path: Path) -> Sound:
    """Raises UnreadableError. Takes a while for a long one: not to be called on an event loop."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: can't be read: {error.strerror or error}") from error
    try:
        form, sound = _parts(data)
        samples = _mono(_decoded(sound, form), form.channels)
    except ValueError as error:
        raise UnreadableError(f"{path}: {error}") from error
    if len(samples) > LONGEST_SECONDS * form.rate:
        raise UnreadableError(f"{path}: lasts {len(samples) / form.rate:.0f} s; give at most {LONGEST_SECONDS} s")
    if not samples:
        raise UnreadableError(f"{path}: there is no sound in it")
    return Sound(resampled(samples, form.rate, RATE))


def sound_of(data: bytes) -> Sound:
    """Of what the wire carries."""
    return Sound(_little_endian(array("h", data[: len(data) // 2 * 2])))


def write_recording(path: Path, sound: bytes) -> None:
    with path.open("wb") as file, wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(RATE)
        recording.writeframes(sound)


def _parts(data: bytes) -> tuple[Form, bytes]:
    """The form and the sound of a RIFF file. One that was written to a pipe does not know its length: it goes to its end."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise ValueError("is no WAV file; convert it with: ffmpeg -i FILE recording.wav")
    form: Form | None = None
    for name, chunk in _chunks(data):
        if name == b"fmt ":
            form = _form(chunk)
        elif name == b"data" and form is not None:
            return form, chunk
    raise ValueError("is a WAV file without sound")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _form(chunk: bytes) -> Form:
    if len(chunk) < 16:
        raise ValueError("is a WAV file whose format is cut off")
    coding, channels, rate, _, block, _ = struct.unpack_from("<HHIIHH", chunk)
    if coding == _EXTENSIBLE and len(chunk) >= 26:
        (coding,) = struct.unpack_from("<H", chunk, 24)
    width = block // channels if channels else 0
    if width not in _WIDTHS.get(coding, ()) or block != width * channels or rate not in _RATES:
        raise ValueError(
            f"has coding {coding}, {channels} channels, {rate} Hz, {block} bytes a frame; give PCM:"
            " ffmpeg -i FILE -acodec pcm_s16le recording.wav"
        )
    return Form(coding, channels, rate, width)


def _decoded(data: bytes, form: Form) -> array[int]:
    """All channels, interleaved, with 16 bits."""
    block = form.width * form.channels
    data = data[: len(data) // block * block]
    if form.coding == _FLOAT:
        return _from_floats(data, form.width)
    if form.width == 1:
        return array("h", ((byte - 128) << 8 for byte in data))
    upper = bytearray(2 * (len(data) // form.width))
    upper[0::2], upper[1::2] = data[form.width - 2 :: form.width], data[form.width - 1 :: form.width]
    return _little_endian(array("h", bytes(upper)))


def _from_floats(data: bytes, width: int) -> array[int]:
    floats = _little_endian(array("f" if width == 4 else "d", data))
    finite = (value if math.isfinite(value) else 0.0 for value in floats)
    return array("h", (max(-_FULL_SCALE, min(_FULL_SCALE - 1, round(value * _FULL_SCALE))) for value in finite))


def _mono(samples: array[int], channels: int) -> array[int]:
    if channels == 1:
        return samples
    return array("h", (sum(frame) // channels for frame in zip(*_apart(samples, channels), strict=True)))


def _apart(samples: array[int], channels: int) -> Iterator[array[int]]:
    return (samples[channel::channels] for channel in range(channels))


def _little_endian(values: array) -> array:  # type: ignore[type-arg]
    """Between this machine's order and the file's; its own inverse."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values
