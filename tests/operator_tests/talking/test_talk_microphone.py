"""The microphone speaks in real time, with silence before, between and after."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from array import array

import pytest
from virtual_time import in_virtual_time

from antiphon_operator.talking.microphone import Microphone
from antiphon_operator.talking.recordings import RATE, Sound


class Sent:
    """What was sent, when, and how loud it was."""

    def __init__(self, slow_seconds: float = 0.0) -> None:
        self.frames: list[tuple[float, array[int]]] = []
        self.slow_seconds = slow_seconds

    async def send(self, text: str) -> None:
        event = json.loads(text)
        assert event["type"] == "input_audio_buffer.append"
        samples = array("h", base64.b64decode(event["audio"]))
        assert len(samples) == 480
        self.frames.append((asyncio.get_running_loop().time(), samples))
        await asyncio.sleep(self.slow_seconds)

    @property
    def loud(self) -> list[float]:
        return [at for at, samples in self.frames if max(samples) > 0]


async def said(sent: Sent, sound: Sound) -> float:
    microphone = Microphone(sent.send)
    running = asyncio.create_task(microphone.run())
    await asyncio.sleep(0.1)
    ended = await microphone.say(sound)
    await asyncio.sleep(0.2)
    running.cancel()
    return ended


@in_virtual_time
async def test_a_second_takes_a_second_and_silence_goes_on() -> None:
    sent = Sent()
    await said(sent, Sound(array("h", [9000] * RATE)))
    assert len(sent.loud) == 50
    assert sent.loud[-1] - sent.loud[0] == pytest.approx(0.98)
    times = [at for at, _ in sent.frames]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([0.02] * (len(times) - 1))
    assert times[-1] > sent.loud[-1] + 0.1


@in_virtual_time
async def test_the_end_is_that_of_the_last_sound_not_of_the_recording() -> None:
    sent = Sent()
    ended = await said(sent, Sound(array("h", [9000] * 4800 + [0] * 12_000)))
    assert ended == pytest.approx(sent.loud[-1])
    partly = Sent()
    ended = await said(partly, Sound(array("h", [9000] * 240 + [0] * 100)))
    assert ended == pytest.approx(partly.loud[-1] - 0.01)


@in_virtual_time
async def test_after_a_stall_there_is_no_long_burst() -> None:
    sent = Sent()
    microphone = Microphone(sent.send)
    running = asyncio.create_task(microphone.run())
    await asyncio.sleep(0.1)
    sent.slow_seconds = 5.0
    await asyncio.sleep(0.1)
    sent.slow_seconds = 0.0
    before = len(sent.frames)
    await asyncio.sleep(5.0)
    running.cancel()
    resumed = [at for at, _ in sent.frames[before:]]
    assert len([at for at in resumed if at < resumed[0] + 0.01]) <= 12


@in_virtual_time
async def test_what_is_hushed_is_not_said() -> None:
    sent = Sent()
    microphone = Microphone(sent.send)
    running = asyncio.create_task(microphone.run())
    saying = asyncio.create_task(microphone.say(Sound(array("h", [9000] * RATE))))
    await asyncio.sleep(0.3)
    microphone.hush()
    await asyncio.sleep(1.0)
    assert 10 <= len(sent.loud) <= 17
    saying.cancel()
    running.cancel()
