"""What the agent says, from the model's samples to the client's bytes."""

from __future__ import annotations

import numpy as np

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.client_session import AudioFormat
from antiphon_runtime.realtime.g711 import encode_alaw, encode_mulaw, to_pcm16
from antiphon_runtime.realtime.resampler import Resampler


def encoded(samples: Samples, audio_format: AudioFormat) -> bytes:
    """Samples that already have the format's rate."""
    if audio_format.type == "audio/pcmu":
        return encode_mulaw(samples)
    if audio_format.type == "audio/pcma":
        return encode_alaw(samples)
    return to_pcm16(samples).astype("<i2").tobytes()


class OutputAudio:
    """The audio of one response: resampled as one stream, cut into chunks of a set length, the first one shorter.

    A chunk is given when it is full; `drain` gives what is there without waiting, as at the end of a clause.
    """

    def __init__(
        self, source_rate: int, audio_format: AudioFormat, *, chunk_ms: int = 240, first_chunk_ms: int = 80
    ) -> None:
        if chunk_ms <= 0 or first_chunk_ms <= 0:
            raise ValueError(f"chunks are {first_chunk_ms} and {chunk_ms} ms; both must be above 0")
        self._format = audio_format
        self._resampler = Resampler(source_rate, audio_format.samples_per_second)
        self._chunk = max(1, chunk_ms * audio_format.samples_per_second // 1000)
        self._size = max(1, first_chunk_ms * audio_format.samples_per_second // 1000)
        self._waiting: Samples = np.zeros(0, np.float32)
        self._given = 0

    @property
    def source_rate(self) -> int:
        """Samples a second of what it takes."""
        return self._resampler.source_rate

    @property
    def given_ms(self) -> int:
        """Length of all chunks given so far."""
        return self._given * 1000 // self._format.samples_per_second

    def feed(self, samples: Samples) -> list[bytes]:
        self._waiting = np.concatenate((self._waiting, self._resampler.feed(samples)))
        return self._full_chunks()

    def drain(self) -> list[bytes]:
        """All that can be given now, the last chunk perhaps short."""
        chunks = self._full_chunks()
        if len(self._waiting):
            chunks.append(self._give(len(self._waiting)))
        return chunks

    def finish(self) -> list[bytes]:
        """The rest, with what the resampler held back. A new stream may follow."""
        self._waiting = np.concatenate((self._waiting, self._resampler.flush()))
        return self.drain()

    def _full_chunks(self) -> list[bytes]:
        chunks = []
        while len(self._waiting) >= self._size:
            chunks.append(self._give(self._size))
        return chunks

    def _give(self, count: int) -> bytes:
        samples, self._waiting = self._waiting[:count], self._waiting[count:]
        self._size = self._chunk
        self._given += count
        return encoded(samples, self._format)
