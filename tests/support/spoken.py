"""Speech for tests: sentences, a voice's audio as a microphone hears it, and how many words were heard wrong."""

from __future__ import annotations

import asyncio
import re

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples, Speech, Synthesizer

SENTENCES = (
    "What is the capital of France?",
    "The quick brown fox jumps over the lazy dog.",
    "Please remind me to call the doctor tomorrow morning at nine.",
    "Could you tell me what the weather will be like this weekend?",
    "I would like to book a table for four people on Friday evening.",
    "How many planets are there in the solar system?",
)
_DIGITS = dict(
    zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
)


def spoken(voice: Synthesizer, text: str) -> Samples:
    """At 16 kHz, with the silence that the voice puts before it."""

    async def collect() -> list[Samples]:
        return [sound.samples async for sound in voice.speak(Speech(text))]

    return resampled(np.concatenate(asyncio.run(collect())), voice.sample_rate, HEARD_RATE)


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """By cutting or filling up the spectrum."""
    length = len(samples) * wanted // rate
    spectrum, fitted = np.fft.rfft(samples), np.zeros(length // 2 + 1, np.complex128)
    kept = min(len(spectrum), len(fitted))
    fitted[:kept] = spectrum[:kept]
    return (np.fft.irfft(fitted, length) * length / len(samples)).astype(np.float32)


def voiced(samples: Samples, loudness: float = 0.02) -> tuple[float, float]:
    """Seconds at which the sound begins and ends."""
    (loud,) = np.nonzero(np.abs(samples) > loudness)
    return float(loud[0]) / HEARD_RATE, float(loud[-1]) / HEARD_RATE


def words(text: str) -> list[str]:
    return [_DIGITS.get(word, word) for word in re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()]


def word_errors(said: str, heard: str) -> int:
    """Words left out, put in or put in the place of others (Levenshtein)."""
    before = list(range(len(words(heard)) + 1))
    for row, wanted in enumerate(words(said), 1):
        now = [row]
        for column, got in enumerate(words(heard), 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (wanted != got)))
        before = now
    return before[-1]
