"""GE2E on conversations of synthetic voices, streamed as a session is and as a whole file.

The second voice is the first one from a longer throat; a third, where piper is installed, is another speaker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from conversations import SAYINGS, Conversation, conversation, throat
from engine_models import engine, variant
from spoken import spoken

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Nobody
from antiphon_runtime.diarizing.scoring import Score, score
from antiphon_runtime.diarizing.segments import SpeakerSegment
from antiphon_runtime.diarizing.speech_spans import FRAME_MS, spans_of
from antiphon_runtime.diarizing.streaming import Diarizer
from antiphon_runtime.diarizing.whole import diarize
from antiphon_runtime.engines.protocols import VAD_SAMPLES, Samples
from antiphon_runtime.stages.working import Distinguishing

OPTIONS = DiarizationOptions()
TURNS = 10


@pytest.fixture(scope="module")
def voices() -> list[list[Samples]]:
    with engine("hibari", "heart-int8") as heart:
        own = [spoken(heart, text) for text in SAYINGS]
    found = [own, [throat(said, 7) for said in own]]
    try:
        with engine("piper", "joe-medium-fp32") as joe:
            found.append([spoken(joe, text) for text in SAYINGS])
    except pytest.skip.Exception as missing:
        print(f"two voices, not three: {missing}")
    return found


@pytest.fixture(scope="module")
def encoder() -> Iterator[Any]:
    with engine("ge2e", "fp32") as loaded:
        yield loaded


def probabilities(samples: Samples) -> list[float]:
    with engine("silero-vad", "v6-fp32") as vad:
        stream = vad.open()
        frames = range(0, len(samples) - VAD_SAMPLES + 1, VAD_SAMPLES)
        return [vad.step([(stream, samples[at : at + VAD_SAMPLES])])[0] for at in frames]


async def streamed(
    samples: Samples, speech: Sequence[float], distinguishing: Distinguishing
) -> tuple[list[SpeakerSegment], list[str]]:
    async def embed(stretch: Samples) -> Samples:
        return await distinguishing.embed(stretch, session="one")

    diarizer = Diarizer(embed, OPTIONS)
    starts, stops = zip(*spans_of(speech), strict=True)
    told: list[SpeakerSegment] = []
    for frame in range(len(speech)):
        diarizer.hear(samples[frame * VAD_SAMPLES : (frame + 1) * VAD_SAMPLES])
        if (at_ms := (frame - 3) * FRAME_MS) in starts:
            diarizer.speech_started(at_ms)
        if (at_ms := (frame - 9) * FRAME_MS) in stops:
            diarizer.speech_stopped(at_ms)
        told += await diarizer.advance()
    return told + await diarizer.finish(), diarizer.speakers.labels


def judged(name: str, talk: Conversation, encoder: Any) -> tuple[Score, Score]:
    async def story() -> tuple[Score, Score]:
        _, known = variant("ge2e", "fp32")
        distinguishing = Distinguishing("ge2e", known, encoder, Limits(max_batch=16), Nobody())
        speech = probabilities(talk.samples)
        live, labels = await streamed(talk.samples, speech, distinguishing)
        whole = await diarize(talk.samples, distinguishing, OPTIONS, speech)
        by_loudness = await diarize(talk.samples, distinguishing, OPTIONS)
        scores = [score(talk.truth, found) for found in (live, whole, by_loudness)]
        rates = ", ".join(
            f"{way} {found.rate:.1%}" for way, found in zip(("live", "file", "file without vad"), scores, strict=True)
        )
        print(
            f"\nDER, {name}: {rates}; confusion live {scores[0].confusion_seconds:.1f} s; {len(labels)} speakers live"
        )
        return scores[0], scores[1]

    return asyncio.run(story())


@pytest.mark.parametrize("seed", [1, 2])
def test_who_speaks_is_known(voices: list[list[Samples]], encoder: Any, seed: int) -> None:
    talk = conversation(voices, TURNS, seed)
    live, whole = judged(f"{len(voices)} voices, clean", talk, encoder)
    assert live.rate < 0.2
    assert whole.rate < 0.2
    noisy, _ = judged(f"{len(voices)} voices, noise at 10 dB", talk.with_noise(10), encoder)
    assert noisy.rate < 0.35


def test_one_voice_alone_is_one_speaker(voices: list[list[Samples]], encoder: Any) -> None:
    talk = conversation([voices[0], voices[0]], 6, 3)
    alone = [SpeakerSegment("alone", one.start_seconds, one.end_seconds) for one in talk.truth]
    live, whole = judged("one voice, clean", Conversation(talk.samples, alone), encoder)
    assert max(live.rate, whole.rate) < 0.2
