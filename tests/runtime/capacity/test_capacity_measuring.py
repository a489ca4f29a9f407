from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from virtual_time import in_virtual_time

from antiphon_crds.runtime_config import RuntimeConfig, StageConfig
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Memory, Profile, Variant
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Nobody
from antiphon_runtime.capacity.habits import Habits, habits_of
from antiphon_runtime.capacity.measuring import MeasuringError, measure
from antiphon_runtime.capacity.model import capacity_of
from antiphon_runtime.capacity.work import StageWork
from antiphon_runtime.engines import emulated
from antiphon_runtime.engines.emulated_time import Clock, RealClock
from antiphon_runtime.engines.protocols import Sound, Speech, Transcript, Utterance
from antiphon_runtime.stages.cast import Part, Stages
from antiphon_runtime.stages.loading import KINDS, most_of
from antiphon_runtime.stages.served import Served

ALL: tuple[Stage, ...] = ("vad", "asr", "llm", "tts", "diarization")


class LoopClock(RealClock):
    """Waits in the loop's time, which may be virtual."""

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def variant(alpha_ms: float, beta_ms: float, most: int, decode_ms: float | None = None) -> Variant:
    profile = Profile(
        hardware="test",
        alpha_ms=alpha_ms,
        beta_ms=beta_ms,
        decode_alpha_ms=decode_ms,
        decode_beta_ms=None if decode_ms is None else 0,
        noise=0,
        max_batch=most,
        item="call",
        basis="Projected",
        origin="a test",
    )
    return Variant(name="test", engine="emulated", memory=Memory(host="1Mi"), profiles=[profile])


def part(stage: Stage, of: Variant, clock: Clock, engine: object = None) -> Part:
    config = StageConfig(stage=stage, model="test", variants=[of], variant="test")
    served: Served[object] = Served(config, "test")  # type: ignore[type-var]
    made = engine or emulated.create(stage, of, Path(), threads=1, clock=clock)
    limits = Limits(max_batch=most_of(made), hang_seconds=60)  # type: ignore[arg-type]
    served.put(KINDS[stage]("test", of, made, limits, Nobody()))
    return Part(config, served)


@asynccontextmanager
async def pod(*parts: Part) -> AsyncIterator[Stages]:
    stages = Stages({part.config.stage: part for part in parts})
    try:
        yield stages
    finally:
        for served in stages.all_served():
            await served.close()


@in_virtual_time
async def test_streams_are_measured_one_at_a_time_and_many_at_once() -> None:
    loop = asyncio.get_running_loop()
    llm, tts = variant(70, 2, 32, decode_ms=10), variant(80, 2.5, 16)
    async with pod(part("llm", llm, LoopClock()), part("tts", tts, LoopClock())) as stages:
        spoken, answered = await measure(stages)
    assert loop.time() < 3
    assert (spoken.stage, answered.stage) == ("tts", "llm")
    assert spoken.call.alpha_seconds == pytest.approx(0.080, rel=0.03)
    assert spoken.call.beta_seconds == pytest.approx(0.0025, rel=0.03)
    assert answered.call.alpha_seconds == pytest.approx(0.070, rel=0.03)
    assert answered.steps * answered.step.seconds(32) == pytest.approx(8 * 0.010, rel=0.03)
    assert answered.steps >= 5
    assert (spoken.device, spoken.cores, spoken.max_batch) == ("own", 0, 16)


def test_batches_are_measured_at_two_sizes() -> None:
    async def story() -> list[StageWork]:
        batched: tuple[Stage, ...] = ("vad", "asr", "diarization")
        async with pod(*(part(stage, variant(20, 2, 16), RealClock()) for stage in batched)) as stages:
            return await measure(stages)

    works = asyncio.run(story())
    assert [work.stage for work in works] == ["vad", "diarization", "asr"]
    for work in works:
        assert work.call.seconds(1) == pytest.approx(0.022, rel=0.4)
        assert work.call.seconds(16) == pytest.approx(0.052, rel=0.4)
        assert not work.streams


@in_virtual_time
async def test_a_slow_stage_is_probed_once_and_its_time_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with pod(part("llm", variant(8000, 0, 4), LoopClock())) as stages:
        (work,) = await measure(stages)
    assert work.call.seconds(1) == pytest.approx(8)
    assert work.call.seconds(4) == pytest.approx(32), "what was not measured saves nothing"
    assert "llm: test/test takes 8e+03 ms a call" in caplog.text


class Deaf(emulated.EmulatedRecognizer):
    def transcribe(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        raise RuntimeError(f"no kernel image is available for {len(utterances)}")


def test_a_stage_that_fails_is_named() -> None:
    async def story() -> None:
        deaf = Deaf(variant(1, 1, 4).profiles[0], RealClock(), 0)
        async with pod(part("asr", variant(1, 1, 4), RealClock(), deaf)) as stages:
            await measure(stages)

    with pytest.raises(MeasuringError, match=r"stage asr \(test/test\) failed when it was measured: .*no kernel image"):
        asyncio.run(story())


class Mute(emulated.EmulatedSynthesizer):
    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        async for sound in super().speak(replace(speech, text=" ")):
            yield sound


@in_virtual_time
async def test_a_voice_that_says_nothing_is_a_failure() -> None:
    mute = Mute(variant(1, 1, 4).profiles[0], LoopClock(), 0)
    async with pod(part("tts", variant(1, 1, 4), LoopClock(), mute)) as stages:
        with pytest.raises(MeasuringError, match="it gave not even a sound"):
            await measure(stages)


def test_the_first_system_holds_its_hundred_sessions() -> None:
    """Its small variants, as the emulated profiles have them, with a real vad's time."""

    async def story() -> list[StageWork]:
        asr, llm, tts = variant(60, 10, 16), variant(60, 2.5, 32), variant(70, 2.5, 16)
        parts = [part("asr", asr, RealClock()), part("llm", llm, LoopClock()), part("tts", tts, LoopClock())]
        async with pod(*parts, part("vad", variant(0.0598, 0.0322, 32), RealClock())) as stages:
            return await measure(stages)

    capacity = capacity_of(asyncio.run(story()), Habits(), cores=2)
    assert 100 <= capacity.sessions < 280
    assert not capacity.is_too_slow


def test_habits_follow_the_configuration() -> None:
    options = {"llm": {"speculative": False}}
    config = RuntimeConfig.model_validate(
        {
            "identity": {"agent": "test"},
            "stages": [
                {"stage": "llm", "model": "m", "variants": [variant(1, 1, 1)], "variant": "test", "options": options}
            ],
            "sessions": {"dutyCycle": 0.5},
        }
    )
    habits = habits_of(config)
    assert habits.duty_cycle == 0.5
    assert habits.speculates == {"asr"}
    assert habits.calls_a_second("llm") == pytest.approx(0.1)
    assert habits.calls_a_second("vad") == 31.25
    assert habits.calls_a_turn("diarization") == 6
