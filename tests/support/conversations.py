"""Conversations of several synthetic voices, with who speaks when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from spoken import resampled, voiced

from antiphon_runtime.diarizing.segments import SpeakerSegment
from antiphon_runtime.engines.protocols import HEARD_RATE, Samples

SAYINGS = (
    "What is the capital of France?",
    "The quick brown fox jumps over the lazy dog.",
    "Please remind me to call the doctor tomorrow morning at nine.",
    "Could you tell me what the weather will be like this weekend?",
    "I would like to book a table for four people on Friday evening.",
    "How many planets are there in the solar system?",
    "Yes, of course.",
    "She sells sea shells by the sea shore, and the shells she sells are surely from the sea.",
    "My brother moved to another town last summer because he found a better job there.",
    "Nobody knows when the train will arrive, so we had better wait inside where it is warm.",
)
LOUDNESS = 0.05


@dataclass(frozen=True)
class Conversation:
    samples: Samples
    """At 16 kHz."""
    truth: list[SpeakerSegment]

    def with_noise(self, decibels: float) -> Conversation:
        """White noise so much quieter than the speech."""
        noise = np.random.default_rng(3).standard_normal(len(self.samples))
        quieter = (noise * LOUDNESS * 10 ** (-decibels / 20)).astype(np.float32)
        return Conversation(self.samples + quieter, self.truth)


def throat(samples: Samples, tenths: int) -> Samples:
    """The same words from a throat of another length: 10 is the voice's own, less is a longer one and so a lower voice."""
    return resampled(samples, tenths, 10)


def conversation(voices: Sequence[Sequence[Samples]], turns: int, seed: int) -> Conversation:
    """`voices`: what each can say. Turns of one to three sayings, another voice each time, pauses of 0.2 to 0.8 s."""
    chance = random.Random(seed)
    parts: list[Samples] = [np.zeros(HEARD_RATE // 2, np.float32)]
    truth: list[SpeakerSegment] = []
    speaker = -1
    for _ in range(turns):
        speaker = chance.choice([index for index in range(len(voices)) if index != speaker])
        for saying in chance.sample(range(len(voices[speaker])), chance.randint(1, 3)):
            said = _as_loud(voices[speaker][saying])
            start = sum(map(len, parts)) / HEARD_RATE
            truth.append(SpeakerSegment(f"voice {speaker}", start, start + len(said) / HEARD_RATE))
            parts += [said, np.zeros(int(chance.uniform(0.2, 0.8) * HEARD_RATE), np.float32)]
    return Conversation(np.concatenate(parts), truth)


def _as_loud(samples: Samples) -> Samples:
    start, end = voiced(samples)
    cut = samples[int(start * HEARD_RATE) : int(end * HEARD_RATE) + 1]
    louder: Samples = (cut * LOUDNESS / np.sqrt(np.mean(cut**2))).astype(np.float32)
    return louder
