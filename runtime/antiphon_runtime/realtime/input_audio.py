"""The input audio buffer: what the client sent, as the engines hear it, and where in time it lies."""

from __future__ import annotations

import binascii

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples
from antiphon_runtime.realtime.client_session import AudioFormat
from antiphon_runtime.realtime.errors import BUFFER_FULL, COMMIT_EMPTY, RealtimeError
from antiphon_runtime.realtime.g711 import decode_alaw, decode_mulaw, from_pcm16
from antiphon_runtime.realtime.resampler import Resampler

LARGEST_APPEND_BYTES = 15 * 2**20
"""Of audio in one event."""
LONGEST_BUFFER_MS = 10 * 60_000
"""Uncommitted audio; ten minutes are 37 MiB."""
SHORTEST_COMMIT_MS = 100
KEPT_BEFORE_SPEECH_MS = 1_000
"""Beside the padding: a start of speech is found a little after it was."""

_DECODERS = {"audio/pcm": from_pcm16, "audio/pcmu": decode_mulaw, "audio/pcma": decode_alaw}
_ROOMY = 4 * HEARD_RATE
"""Samples of room above which a buffer that was emptied gives its memory back."""


def decoded(audio: str, audio_format: AudioFormat, param: str = "audio") -> Samples:
    """Base64 in the client's format, at the client's rate."""
    if len(audio) * 3 // 4 > LARGEST_APPEND_BYTES + 2:
        size = f"{len(audio) * 3 / 4 / 2**20:.1f} MiB"
        raise RealtimeError(f"{param} has {size} of audio; send at most 15 MiB at once", param=param)
    try:
        data = binascii.a2b_base64(audio, strict_mode=True)
    except ValueError as error:
        raise RealtimeError(f"{param} is no base64 ({error}); encode the bytes with RFC 4648", param=param) from None
    if len(data) % audio_format.bytes_per_sample:
        raise RealtimeError(f"{param} has {len(data)} bytes; a sample of {audio_format.type} has 2", param=param)
    return _DECODERS[audio_format.type](data)


def heard(audio: str, audio_format: AudioFormat, param: str = "audio") -> Samples:
    """A whole clip, as the engines hear it."""
    resampler = Resampler(audio_format.samples_per_second, HEARD_RATE)
    return np.concatenate((resampler.feed(decoded(audio, audio_format, param)), resampler.flush()))


class InputAudio:
    """The audio of one session in order; times are in ms from the first sample that the session received.

    The buffer is what was not committed, cleared or forgotten yet. All samples have HEARD_RATE.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._resampler = Resampler(audio_format.samples_per_second, HEARD_RATE)
        self._store: Samples = np.zeros(HEARD_RATE, np.float32)
        self._used = 0
        self._start = 0
        self._received = 0

    @property
    def received_ms(self) -> int:
        """Length of all audio that the session received, at the client's rate."""
        return self._received * 1000 // self._format.samples_per_second

    @property
    def start_ms(self) -> int:
        """Where the buffer begins."""
        return _ms(self._start)

    @property
    def end_ms(self) -> int:
        """Where the buffer ends: up to here it can be heard."""
        return _ms(self._start + self._used)

    @property
    def length_ms(self) -> int:
        return _ms(self._used)

    def append(self, audio: str) -> Samples:
        """Takes base64 and returns what is newly heard, which may be a little behind what was received."""
        samples = decoded(audio, self._format)
        if _ms(self._used) + len(samples) * 1000 // self._format.samples_per_second > LONGEST_BUFFER_MS:
            raise RealtimeError(
                f"the buffer has {self.length_ms} ms; commit or clear it before it has {LONGEST_BUFFER_MS} ms",
                code=BUFFER_FULL,
                param="audio",
            )
        self._received += len(samples)
        fresh = self._resampler.feed(samples)
        self._put(fresh)
        return fresh

    def commit(
        self, start_ms: int | None = None, end_ms: int | None = None, *, least_ms: int = SHORTEST_COMMIT_MS
    ) -> Samples:
        """Takes the stretch out of the buffer, with all that is before it. Default: the whole buffer.

        Raises RealtimeError if there is too little of it; nothing is changed then.
        """
        first = 0 if start_ms is None else self._index(start_ms)
        last = self._used if end_ms is None else self._index(end_ms)
        if last < first or _ms(last - first) < least_ms:
            raise RealtimeError(
                f"the input audio buffer has {max(0, _ms(last - first))} ms; commit at least {least_ms} ms",
                code=COMMIT_EMPTY,
            )
        taken = self._store[first:last].copy()
        self._drop(last)
        return taken

    def view(self, start_ms: int, end_ms: int | None = None) -> Samples:
        """A stretch of the buffer, as far as it is there. A copy."""
        last = self._used if end_ms is None else self._index(end_ms)
        return self._store[self._index(start_ms) : last].copy()

    def clear(self) -> None:
        """Time goes on from where it is."""
        self._drop(self._used)

    def forget_before(self, ms: int) -> None:
        """Gives back the memory of what nobody will want."""
        self._drop(self._index(ms))

    def _index(self, ms: int) -> int:
        return min(max(0, ms * HEARD_RATE // 1000 - self._start), self._used)

    def _put(self, fresh: Samples) -> None:
        needed = self._used + len(fresh)
        if needed > len(self._store):
            larger = np.zeros(max(needed, 2 * self._used), np.float32)
            larger[: self._used] = self._store[: self._used]
            self._store = larger
        self._store[self._used : needed] = fresh
        self._used = needed

    def _drop(self, count: int) -> None:
        if count == 0:
            return
        kept = self._store[count : self._used].copy()
        if len(self._store) > _ROOMY:
            self._store = np.zeros(max(HEARD_RATE, len(kept)), np.float32)
        self._store[: len(kept)] = kept
        self._used = len(kept)
        self._start += count


def _ms(samples: int) -> int:
    return samples * 1000 // HEARD_RATE
