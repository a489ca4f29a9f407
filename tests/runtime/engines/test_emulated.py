from __future__ import annotations

import asyncio
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_time import in_virtual_time

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Profile, Variant
from antiphon_runtime.engines.emulated import ANSWER, create
from antiphon_runtime.engines.emulated_time import Timing
from antiphon_runtime.engines.protocols import (
    HEARD_RATE,
    VAD_SAMPLES,
    Chat,
    EngineError,
    Speech,
    Token,
    Utterance,
)

_PROFILE: dict[str, Any] = {
    "hardware": "b200-180gb",
    "alphaMs": 100,
    "betaMs": 10,
    "noise": 0,
    "maxBatch": 4,
    "item": "test",
    "basis": "Projected",
    "origin": "a test",
}
_DECODING: dict[str, Any] = {"decodeAlphaMs": 5, "decodeBetaMs": 1}


class VirtualClock:
    """Blocking calls add up; what waits on the loop takes the loop's time."""

    def __init__(self) -> None:
        self.blocked_seconds = 0.0

    def block(self, seconds: float) -> None:
        self.blocked_seconds += seconds

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _engine(stage: Stage, clock: VirtualClock | None = None, options: dict[str, Any] | None = None, **more: Any) -> Any:
    given = {"name": "v", "engine": "emulated", "memory": {"host": "1Mi"}, "profiles": [{**_PROFILE, **more}]}
    variant = Variant.model_validate({**given, "options": options or {}})
    return create(stage, variant, Path(), threads=1, clock=clock or VirtualClock())


def _now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("stage", ["vad", "asr", "llm", "tts", "diarization"])
def test_it_says_that_it_is_emulated(stage: Stage) -> None:
    engine = _engine(stage)
    assert engine.emulated
    assert engine.name == "emulated"
    assert engine.max_batch == 4


@pytest.mark.parametrize(("items", "milliseconds"), [(1, 110), (4, 140), (6, 140 + 120)])
def test_a_batch_takes_the_profiles_time(items: int, milliseconds: float) -> None:
    clock = VirtualClock()
    engine = _engine("asr", clock)
    heard = engine.transcribe([Utterance(np.zeros(HEARD_RATE, np.float32), words=True)] * items)
    assert clock.blocked_seconds == pytest.approx(milliseconds / 1000)
    assert all("emulated" in transcript.text for transcript in heard)
    assert heard[0].words[-1].end_seconds == pytest.approx(1)


def test_loud_is_speech() -> None:
    clock = VirtualClock()
    vad = _engine("vad", clock)
    silence, tone = np.zeros(VAD_SAMPLES, np.float32), np.full(VAD_SAMPLES, 0.1, np.float32)
    assert vad.step([(vad.open(), silence), (vad.open(), tone)]) == [0, 1]
    assert clock.blocked_seconds == pytest.approx(0.120)


@in_virtual_time
async def test_the_first_token_takes_a_batch_and_each_later_one_a_step() -> None:
    engine = _engine("llm", **_DECODING)
    times: list[float] = []
    tokens: list[Token] = []
    async for token in engine.answer(Chat([{"role": "user", "content": "Hello there"}])):
        times.append(_now())
        tokens.append(token)
    assert times[0] == pytest.approx(0.110)
    assert times[1] - times[0] == pytest.approx(0.006)
    assert "".join(token.text for token in tokens) == ANSWER
    assert tokens[-1] == Token(finish="stop", prompt_tokens=2, completion_tokens=len(ANSWER.split()))


@in_virtual_time
async def test_without_decode_times_the_rest_comes_at_once() -> None:
    engine = _engine("llm")
    async for _ in engine.answer(Chat([])):
        assert _now() == pytest.approx(0.110)


@in_virtual_time
async def test_more_answers_than_places_wait() -> None:
    engine = _engine("llm")

    async def ended(_: int) -> float:
        async for _token in engine.answer(Chat([])):
            pass
        return _now()

    times = await asyncio.gather(*map(ended, range(6)))
    assert sorted(times)[3] == pytest.approx(0.140)
    assert sorted(times)[5] > 0.220


@in_virtual_time
async def test_a_closed_answer_gives_its_place_back() -> None:
    engine = _engine("llm", maxBatch=1, **_DECODING)
    answer = engine.answer(Chat([]))
    await anext(answer)
    await answer.aclose()
    closed_at = _now()
    await anext(engine.answer(Chat([])))
    assert _now() - closed_at == pytest.approx(0.110)


@in_virtual_time
async def test_few_tokens_end_by_length_and_a_demanded_tool_is_called() -> None:
    engine = _engine("llm")
    *_, last = [token async for token in engine.answer(Chat([], max_tokens=2))]
    assert (last.finish, last.completion_tokens) == ("length", 2)
    tools = [{"type": "function", "function": {"name": "kettle"}}]
    call, end = [token async for token in engine.answer(Chat([], tools=tools, tool_choice="required"))]
    assert call.tool_call["function"]["name"] == "kettle"
    assert end.finish == "tool_calls"


@in_virtual_time
async def test_speech_is_a_tone_as_long_as_the_text() -> None:
    whole, pieces = _engine("tts"), _engine("tts", **_DECODING)
    speech = Speech("a" * 30, speed=2)
    (sound,) = [sound async for sound in whole.speak(speech)]
    assert _now() == pytest.approx(0.110)
    assert len(sound.samples) == whole.sample_rate
    parts = [sound.samples async for sound in pieces.speak(speech)]
    assert _now() == pytest.approx(0.110 + 0.110 + 0.006 * (len(parts) - 1))
    assert np.array_equal(np.concatenate(parts), sound.samples)
    assert [sound async for sound in whole.speak(Speech(" "))] == []


def test_speakers_are_unit_vectors() -> None:
    (direction,) = _engine("diarization").embed([np.zeros(HEARD_RATE, np.float32)])
    assert np.linalg.norm(direction) == 1


@pytest.mark.parametrize("noise", [0.1, 0.5, 1])
def test_noise_keeps_the_mean_has_the_wanted_spread_and_is_the_same_for_a_seed(noise: float) -> None:
    profile = Profile.model_validate({**_PROFILE, "noise": noise})
    first, second = ([Timing(profile, 7).batch_seconds(1) for _ in range(1)] for _ in range(2))
    assert first == second
    timing = Timing(profile, 7)
    times = [timing.batch_seconds(1) for _ in range(20_000)]
    assert min(times) > 0
    assert statistics.fmean(times) == pytest.approx(0.110, rel=0.05)
    assert statistics.stdev(times) == pytest.approx(0.110 * noise, rel=0.15)


def test_the_hardware_of_the_profile_can_be_chosen() -> None:
    with pytest.raises(EngineError, match="no profile for hardware 'h100-80gb'; there is: b200-180gb"):
        _engine("asr", options={"hardware": "h100-80gb"})
    with pytest.raises(EngineError, match="can't emulate stage lipsync"):
        _engine("lipsync")
    with pytest.raises(EngineError, match="option seed is 'x'; give it as int"):
        _engine("asr", options={"seed": "x"})
