"""Frames are judged in their order, however far behind the judging is."""

from __future__ import annotations

import base64

import numpy as np
from virtual_time import in_virtual_time
from voice_world import RATE, VoiceWorld


def minutes(world: VoiceWorld, seconds: float, loudness: float) -> None:
    """At once: as a file is sent."""
    samples = loudness * np.sin(np.arange(int(seconds * RATE)) * 0.1)
    world.feed("input_audio_buffer.append", audio=base64.b64encode((samples * 32767).astype("<i2").tobytes()).decode())


@in_virtual_time
async def test_a_file_sent_at_once_is_heard_as_if_it_had_been_spoken() -> None:
    world = VoiceWorld()
    minutes(world, 2.0, 0.0)
    minutes(world, 1.0, 0.3)
    minutes(world, 2.0, 0.0)
    await world.wait(3000)
    (started,) = world.of("input_audio_buffer.speech_started")
    (stopped,) = world.of("input_audio_buffer.speech_stopped")
    assert abs(started["audio_start_ms"] - 1700) <= 64
    assert abs(stopped["audio_end_ms"] - 3320) <= 64
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    await world.close()


@in_virtual_time
async def test_judging_that_fell_behind_catches_up() -> None:
    """Each step takes longer than its frame for a while; then the whole backlog goes in a few steps."""
    world = VoiceWorld()
    world.vad.seconds = 0.2
    await world.say(1000)
    await world.wait(1200)
    assert len(world.of("input_audio_buffer.speech_stopped")) == 1
    world.vad.seconds = 0.001
    await world.wait(1500)
    assert world.of("response.done")[0]["response"]["status"] == "completed"
    await world.close()
