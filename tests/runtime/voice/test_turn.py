"""One session, from the user's words to the agent's, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from virtual_time import in_virtual_time
from voice_world import VoiceWorld

from antiphon_crds.control import Features
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.turns.timeline import Anchor

HANGOVER_S = 0.32


@in_virtual_time
async def test_a_spoken_question_gets_a_spoken_answer() -> None:
    world = VoiceWorld()
    await world.wait(500)
    await world.say(1000)
    await world.wait(3000)
    assert world.kinds() == [
        "session.created",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    assert world.of("response.done")[0]["response"]["usage"]["input_tokens"] == 7
    assert world.of("response.output_audio_transcript.done")[0]["transcript"] == "It is noon. Go and eat."
    assert world.llm.chats[0].messages[-1] == {"role": "user", "content": "What time is it?"}
    await world.close()


@in_virtual_time
async def test_what_was_begun_on_the_pause_is_ready_when_the_turn_ends() -> None:
    """Recognition, answer and first clause take 100 + 50 + 50 ms and a few words; the silence that is waited for is longer."""
    world = VoiceWorld(answer="Noon. It is time to go and eat.")
    await world.wait(500)
    await world.say(1000)
    await world.wait(3000)
    (decided,) = world.times("input_audio_buffer.speech_stopped")
    first_audio = world.times("response.output_audio.delta")[0]
    assert first_audio - decided < 0.1
    assert world.heard.speculations == [("asr", True), ("llm", True)]
    assert len(world.llm.chats) == 1
    assert len(world.asr.heard) == 1
    timeline, result = world.heard.turns[0]
    assert result == "completed"
    assert timeline.metrics()["turn_eou_delay"] == pytest.approx(HANGOVER_S, abs=0.06)
    assert timeline.metrics()["turn_e2e"] == pytest.approx(first_audio - 1.5, abs=0.06)
    await world.close()


@in_virtual_time
async def test_without_speculation_all_begins_at_the_end_of_the_turn() -> None:
    world = VoiceWorld(features=Features(speculative_asr=False, speculative_llm=False))
    await world.wait(500)
    await world.say(1000)
    await world.wait(3000)
    (decided,) = world.times("input_audio_buffer.speech_stopped")
    assert world.times("response.output_audio.delta")[0] - decided > 0.2
    assert world.heard.speculations == []
    await world.close()


@in_virtual_time
async def test_a_user_who_goes_on_after_a_pause_voids_what_was_begun() -> None:
    world = VoiceWorld(texts=("I would", "I would like tea."))
    await world.wait(500)
    await world.say(600)
    await world.wait(280)
    await world.say(600)
    await world.wait(3000)
    assert len(world.of("input_audio_buffer.committed")) == 1
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    assert world.llm.chats[-1].messages[-1]["content"] == "I would like tea."
    assert ("llm", False) in world.heard.speculations
    assert world.heard.speculations.count(("llm", True)) == 1
    assert len(world.of("response.created")) == 1
    await world.close()


@in_virtual_time
async def test_leading_silence_is_cut_and_told_of() -> None:
    world = VoiceWorld(answer="Noon.")
    await world.say(1000)
    await world.wait(3000)
    assert world.audio_seconds() == pytest.approx(0.06 * len("Noon.") + 0.01, abs=0.005)
    timeline, _ = world.heard.turns[0]
    assert timeline.leading_silence_seconds == pytest.approx(0.01)
    await world.close()


@in_virtual_time
async def test_the_same_phrase_is_spoken_from_the_cache() -> None:
    world = VoiceWorld(answer="Noon.")
    for _ in range(2):
        await world.say(1000)
        await world.wait(3000)
    assert world.tts.said == ["Noon."]
    assert world.heard.phrases == [False, True]
    assert len(world.of("response.done")) == 2
    await world.close()


@in_virtual_time
async def test_noise_without_words_gets_no_answer() -> None:
    world = VoiceWorld(texts=("",))
    await world.say(500)
    await world.wait(2000)
    assert world.of("response.created") == []
    assert [result for _, result in world.heard.turns] == ["empty"]
    await world.close()


@in_virtual_time
async def test_long_answers_are_not_made_far_ahead_of_what_is_played() -> None:
    """Clauses of some seconds each: what may never be heard is not spoken yet."""
    sentences = " ".join(
        f"This is sentence number {word} of a long answer." for word in ("one", "two", "three", "four", "five", "six")
    )
    world = VoiceWorld(answer=sentences)
    await world.say(1000)
    await world.wait(1500)
    spoken_early = len(world.tts.said)
    assert 2 <= spoken_early < 6
    await world.wait(20_000)
    assert len(world.tts.said) >= 6
    assert world.heard.underruns == [0]
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    await world.close()


@pytest.mark.parametrize("stage", ["asr", "llm", "tts"])
def test_an_engine_that_raises_costs_one_turn_and_no_session(stage: str) -> None:
    @in_virtual_time
    async def turn() -> None:
        world = VoiceWorld()
        engine = getattr(world, stage)
        engine.fails = EngineError("the card is on fire")
        await world.say(1000)
        await world.wait(2000)
        failed = "conversation.item.input_audio_transcription.failed"
        told = world.of(failed) if stage == "asr" else world.of("response.done")
        assert "the card is on fire" in str(told[0])
        engine.fails = None
        await world.say(1000)
        await world.wait(3000)
        assert world.of("response.done")[-1]["response"]["status"] == "completed"
        await world.close()

    turn()


@in_virtual_time
async def test_an_engine_that_hangs_costs_one_turn() -> None:
    world = VoiceWorld()
    world.llm.seconds = 1e6
    await world.say(1000)
    await world.wait(8000)
    (done,) = world.of("response.done")
    assert done["response"]["status"] == "failed"
    assert done["response"]["status_details"]["error"]["code"] == "timeout"
    assert world.llm.cancelled >= 1
    world.llm.seconds = 0.05
    await world.say(1000)
    await world.wait(3000)
    assert world.of("response.done")[-1]["response"]["status"] == "completed"
    await world.close()


@in_virtual_time
async def test_detection_that_fails_is_told_and_the_session_lives_on() -> None:
    world = VoiceWorld()
    world.vad.fails = RuntimeError("no more memory")
    await world.say(500)
    assert "no more memory" in world.of("error")[0]["error"]["message"]
    assert len(world.of("error")) == 1
    world.vad.fails = None
    await world.say(1000)
    await world.wait(3000)
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    await world.close()


@in_virtual_time
async def test_closing_leaves_nothing_behind() -> None:
    world = VoiceWorld(answer="This is a long answer, and it goes on for quite a while, as such answers do.")
    await world.say(1000)
    await world.wait(700)
    await world.close()
    await asyncio.sleep(0)
    assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    told = len(world.events)
    await asyncio.sleep(10)
    assert len(world.events) == told


@in_virtual_time
async def test_metrics_have_the_anchors_in_their_order() -> None:
    world = VoiceWorld()
    await world.say(1000)
    await world.wait(3000)
    timeline, _ = world.heard.turns[0]
    order = (Anchor.USER_STOPPED, Anchor.DECIDED, Anchor.FINAL_TRANSCRIPT, Anchor.FIRST_AUDIBLE)
    times = [at for anchor in order if (at := timeline.at(anchor)) is not None]
    assert len(times) == len(order)
    assert times == sorted(times)
    await world.close()


@in_virtual_time
async def test_overhead_is_what_is_left_of_a_response_without_its_models() -> None:
    world = VoiceWorld(features=Features(speculative_asr=False, speculative_llm=False))
    await world.say(1000)
    await world.wait(3000)
    metrics = world.heard.turns[0][0].metrics()
    assert metrics["turn_response"] > 0.2
    assert metrics["turn_overhead"] < 0.02
    assert "result" not in metrics
    await world.close()
