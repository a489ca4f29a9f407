"""Clips as they go over the wire: every frame is made once, before the clock runs."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from websockets.frames import Frame, Opcode

from antiphon_runtime.bench.clips import AUDIBLE, Clip, at_rate
from antiphon_runtime.bench.pacing import FRAME_SECONDS
from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.client_session import AudioFormat
from antiphon_runtime.realtime.g711 import decode_mulaw, encode_mulaw, from_pcm16, to_pcm16

Format: TypeAlias = Literal["pcm", "pcmu"]
_FORMATS = {"pcm": AudioFormat(type="audio/pcm"), "pcmu": AudioFormat(type="audio/pcmu")}


def wire_format(audio_format: Format) -> AudioFormat:
    return _FORMATS[audio_format]


def decoded(data: bytes, audio_format: Format) -> Samples:
    return decode_mulaw(data) if audio_format == "pcmu" else from_pcm16(data[: len(data) // 2 * 2])


@dataclass(frozen=True, slots=True)
class Take:
    """A clip's frames, ready to be written to the socket."""

    clip: Clip
    frames: tuple[bytes, ...]
    sound_ends: int
    """Frame in which the last sound is."""
    sound_ends_early_seconds: float
    """From the last sound to that frame's end."""

    @property
    def seconds(self) -> float:
        return len(self.frames) * FRAME_SECONDS


def take(clip: Clip, audio_format: Format) -> Take:
    """The last frame is filled up with silence."""
    wire = wire_format(audio_format)
    size = round(FRAME_SECONDS * wire.samples_per_second)
    sound = at_rate(clip, wire.samples_per_second)
    samples = np.pad(sound, (0, -len(sound) % size))
    last = int(np.flatnonzero(np.abs(samples) >= AUDIBLE)[-1])
    frames = tuple(append_frame(samples[at : at + size], audio_format) for at in range(0, len(samples), size))
    early = (size - 1 - last % size) / wire.samples_per_second
    return Take(clip, frames, last // size, early)


def silence(audio_format: Format) -> bytes:
    size = round(FRAME_SECONDS * wire_format(audio_format).samples_per_second)
    return append_frame(np.zeros(size, np.float32), audio_format)


def append_frame(samples: Samples, audio_format: Format) -> bytes:
    """A whole WebSocket frame with its event. All sessions send the same bytes, so that the mask is one and the same:
    it protects proxies from scripts in browsers, which this is not."""
    sound = encode_mulaw(samples) if audio_format == "pcmu" else to_pcm16(samples).astype("<i2").tobytes()
    event = b'{"type":"input_audio_buffer.append","audio":"' + b64encode(sound) + b'"}'
    return Frame(Opcode.TEXT, event).serialize(mask=True)
