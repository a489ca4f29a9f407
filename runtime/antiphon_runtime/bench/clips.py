"""What users say: recordings, speech of a small voice, or noise in the shape of speech."""

from __future__ import annotations

import asyncio
import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antiphon_runtime.engines.protocols import Samples, Speech, Synthesizer
from antiphon_runtime.realtime.g711 import from_pcm16
from antiphon_runtime.realtime.resampler import Resampler

AUDIBLE = 0.01
"""Amplitude from which a sample can be heard; full scale is 1."""
NOISE_RATE = 16_000
_SYLLABLES_A_SECOND = 4.0
_LOUDNESS = 0.3


class ClipError(Exception):
    """A recording can't be used; the text says which and why."""


@dataclass(frozen=True)
class Clip:
    """What a user says in one turn, from its first sound to its last."""

    name: str
    samples: Samples
    rate: int
    text: str | None = None
    """What is said, where that is known."""

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


def trimmed(samples: Samples) -> Samples:
    """Without the silence before and after. Empty, where nothing can be heard."""
    sounds = np.flatnonzero(np.abs(samples) >= AUDIBLE)
    return samples[sounds[0] : sounds[-1] + 1] if sounds.size else samples[:0]


def read_clip(path: Path) -> Clip:
    """A WAV file of 16 bits; a text file of the same name beside it says what is said in it."""
    try:
        with wave.open(str(path), "rb") as recording:
            channels, width, rate = recording.getnchannels(), recording.getsampwidth(), recording.getframerate()
            data = recording.readframes(recording.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise ClipError(f"{path}: can't be read as WAV: {error}") from error
    if width != 2:
        raise ClipError(f"{path}: has {8 * width} bits a sample; give a WAV file of 16 bits")
    samples = trimmed(from_pcm16(data).reshape(-1, channels).mean(axis=1, dtype=np.float32))
    if not len(samples):
        raise ClipError(f"{path}: nothing can be heard in it; give a recording with speech")
    said = path.with_suffix(".txt")
    return Clip(path.stem, samples, rate, said.read_text(encoding="utf-8").strip() if said.is_file() else None)


def noise_clip(seconds: float, seed: int = 0, rate: int = NOISE_RATE) -> Clip:
    """Noise below 1 kHz that swells four times a second. It says nothing; a real VAD need not take it for speech."""
    count = max(1, round(seconds * rate))
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum[np.fft.rfftfreq(count, 1 / rate) > 1000] = 0
    noise = np.fft.irfft(spectrum, count)
    swell = 0.6 - 0.4 * np.cos(2 * math.pi * _SYLLABLES_A_SECOND * np.arange(count) / rate)
    shaped = noise * swell
    samples: Samples = (_LOUDNESS * shaped / max(float(np.max(np.abs(shaped))), 1e-9)).astype(np.float32)
    return Clip(f"noise {seconds:g} s", trimmed(samples), rate)


def spoken_clips(voice: Synthesizer, texts: Sequence[str]) -> list[Clip]:
    """Each text in the voice's own way. Not to be called on an event loop."""

    async def speak(text: str) -> Samples:
        return np.concatenate([sound.samples async for sound in voice.speak(Speech(text))])

    async def speak_all() -> list[Clip]:
        return [Clip(text, trimmed(await speak(text)), voice.sample_rate, text) for text in texts]

    return asyncio.run(speak_all())


def at_rate(clip: Clip, rate: int) -> Samples:
    resampler = Resampler(clip.rate, rate)
    return np.concatenate((resampler.feed(clip.samples), resampler.flush()))


def cut_to(clip: Clip, seconds: float, rate: int) -> Samples:
    """So long, at this rate: said again and again where it is too short."""
    samples, wanted = at_rate(clip, rate), max(1, round(seconds * rate))
    return np.tile(samples, -(-wanted // len(samples)))[:wanted]
