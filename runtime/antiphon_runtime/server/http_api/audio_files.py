"""From an uploaded file to what recognizers hear. WAV is read here; other formats by PyAV, where it is installed."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples
from antiphon_runtime.realtime.resampler import Resampler
from antiphon_runtime.server.http_api.errors import ApiError
from antiphon_runtime.server.http_api.wav_files import Wav, WavError, is_wav, read_wav

_log = logging.getLogger(__name__)
MOST_FILE_BYTES = 25 * 2**20
LONGEST_SECONDS = 1800.0
"""As samples it takes 115 MB."""
SHORTEST_SECONDS = 0.1
_LOWEST_RATE, _HIGHEST_RATE = 4_000, 384_000
_STEPS = 640
"""Of the ratio of two rates: an odd one is taken for one nearby, by less than 3 in a million of time."""
_LARGE_BYTES = 2**20
_LARGE_AT_ONCE = 2
"""Small files, such as other pods send, do not wait for large ones."""
_FORMATS = "aac,flac,matroska,webm,mov,mp4,m4a,mp3,ogg,wav"
"""Demuxers that may be tried: none that opens other files or addresses."""
_READ_HERE = "wav (PCM, float, G.711)"
_READ_BY_PYAV = "flac, m4a, mp3, mp4, mpga, ogg, wav, webm"


class AudioFiles:
    """Decodes off the event loop."""

    def __init__(self) -> None:
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def decode(self, data: bytes) -> Samples:
        """Mono at 16 kHz. Raises ApiError."""
        place: AbstractAsyncContextManager[Any] = self._large if len(data) > _LARGE_BYTES else nullcontext()
        async with place:
            return await asyncio.to_thread(decode, data)


def has_pyav() -> bool:
    return find_spec("av") is not None


def decode(data: bytes) -> Samples:
    """Blocks. Raises ApiError."""
    wav = _wav(data) if is_wav(data) else None
    samples = _from_wav(wav) if wav is not None and wav.is_known else _from_pyav(data)
    if len(samples) < SHORTEST_SECONDS * HEARD_RATE:
        seconds = len(samples) / HEARD_RATE
        raise _refused(f"has {seconds:.3f} s of audio; send at least {SHORTEST_SECONDS} s", "audio_too_short")
    return samples


def _wav(data: bytes) -> Wav:
    try:
        return read_wav(data)
    except WavError as error:
        raise _refused(f"is a WAV that can't be read: {error}") from None


def _from_wav(wav: Wav) -> Samples:
    if not _LOWEST_RATE <= wav.rate <= _HIGHEST_RATE:
        raise _refused(f"has {wav.rate} samples a second; send {_LOWEST_RATE} to {_HIGHEST_RATE}")
    if wav.seconds > LONGEST_SECONDS:
        raise _too_long()
    return _resampled(wav.samples(), wav.rate)


def _resampled(samples: Samples, rate: int) -> Samples:
    ratio = Fraction(HEARD_RATE, rate).limit_denominator(_STEPS)
    resampler = Resampler(ratio.denominator, ratio.numerator)
    return np.concatenate((resampler.feed(samples), resampler.flush()))


def _from_pyav(data: bytes) -> Samples:
    if not has_pyav():
        raise _refused(f"is no {_READ_HERE}, the only format that this pod can read")
    import av

    pieces: list[Samples] = []
    count = 0
    try:
        for piece in _pyav_pieces(data):
            pieces.append(piece)
            count += len(piece)
            if count > LONGEST_SECONDS * HEARD_RATE:
                raise _too_long()
    except (av.FFmpegError, ValueError) as error:
        if not pieces:
            raise _refused(f"can't be decoded; send one of {_READ_BY_PYAV}") from None
        _log.info("an uploaded file ends in what can't be decoded: %s", error)
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _pyav_pieces(data: bytes) -> Iterator[Samples]:
    import av

    allowed = {"format_whitelist": _FORMATS, "protocol_whitelist": "pipe"}
    with av.open(io.BytesIO(data), mode="r", metadata_errors="ignore", options=allowed) as container:
        if not container.streams.audio:
            raise _refused("has no audio")
        resampler = av.AudioResampler(format="flt", layout="mono", rate=HEARD_RATE)
        for frame in container.decode(audio=0):
            frame.pts = None
            yield from map(_samples_of, resampler.resample(frame))
        yield from map(_samples_of, resampler.resample(None))


def _samples_of(frame: Any) -> Samples:
    samples: Samples = np.ravel(frame.to_ndarray())
    return samples


def _too_long() -> ApiError:
    return _refused(f"has more than {LONGEST_SECONDS:g} s of audio, the most that is taken", "audio_too_long")


def _refused(what: str, code: str = "invalid_audio") -> ApiError:
    return ApiError(f"file {what}", code=code, param="file")
