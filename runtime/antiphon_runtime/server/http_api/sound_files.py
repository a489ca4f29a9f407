"""Speech as a file that is sent while it is made. pcm and wav are written here; the others by PyAV, where it is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.g711 import to_pcm16
from antiphon_runtime.server.http_api.audio_files import has_pyav
from antiphon_runtime.server.http_api.errors import NOT_SUPPORTED, ApiError
from antiphon_runtime.server.http_api.wav_files import wav_header

SoundFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
SOUND_RATE = 24_000
"""Samples a second of all speech that is sent: OpenAI's."""
MEDIA_TYPES: Mapping[SoundFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


class Encoder(Protocol):
    """Of one file. Blocks for less than a millisecond a second of audio, or says so."""

    blocks: bool
    """Whether it is to be called off the event loop."""

    def feed(self, samples: Samples) -> bytes: ...

    def finish(self) -> bytes:
        """The rest."""
        ...


class PcmEncoder:
    """16 bit, little-endian, mono; as a WAV with a header before it."""

    blocks = False

    def __init__(self, *, with_header: bool) -> None:
        self._header = wav_header(SOUND_RATE) if with_header else b""

    def feed(self, samples: Samples) -> bytes:
        header, self._header = self._header, b""
        return header + to_pcm16(samples).astype("<i2").tobytes()

    def finish(self) -> bytes:
        return self.feed(np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class _Coding:
    container: str
    codec: str
    bit_rate: int | None
    options: Mapping[str, str]
    """None of them needs to go back in the file."""


_CODINGS: Mapping[str, _Coding] = {
    "mp3": _Coding("mp3", "libmp3lame", 96_000, {"write_xing": "0", "id3v2_version": "0"}),
    "opus": _Coding("ogg", "libopus", 48_000, {"page_duration": "100000"}),
    "aac": _Coding("adts", "aac", 96_000, {}),
    "flac": _Coding("flac", "flac", None, {}),
}


class _Written:
    """What the container has written and nobody has taken. It can't be sought in."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


class PyavEncoder:
    blocks = True

    def __init__(self, coding: _Coding) -> None:
        import av

        self._written = _Written()
        self._container: Any = av.open(
            self._written, mode="w", format=coding.container, options={**coding.options, "flush_packets": "1"}
        )
        stream: Any = self._container.add_stream(coding.codec, rate=SOUND_RATE, layout="mono")
        if coding.bit_rate is not None:
            stream.bit_rate = coding.bit_rate
        self._stream = stream
        self._frame_of = av.AudioFrame.from_ndarray
        self._samples = 0

    def feed(self, samples: Samples) -> bytes:
        frame = self._frame_of(to_pcm16(samples)[None, :], format="s16", layout="mono")
        frame.sample_rate = SOUND_RATE
        frame.pts = self._samples
        self._samples += len(samples)
        self._container.mux(self._stream.encode(frame))
        return self._written.take()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._written.take()


def possible_formats() -> list[SoundFormat]:
    return [kind for kind in MEDIA_TYPES if has_pyav() or kind not in _CODINGS]


def chosen_format(asked: SoundFormat | None) -> SoundFormat:
    """Left out: mp3 as OpenAI has it, where it can be made, else wav. Raises ApiError."""
    possible = possible_formats()
    if asked is None:
        return "mp3" if "mp3" in possible else "wav"
    if asked not in possible:
        raise ApiError(
            f"response_format is {asked}; this pod can make {', '.join(possible)}",
            code=NOT_SUPPORTED,
            param="response_format",
        )
    return asked


def encoder(kind: SoundFormat) -> Encoder:
    coding = _CODINGS.get(kind)
    return PcmEncoder(with_header=kind == "wav") if coding is None else PyavEncoder(coding)
