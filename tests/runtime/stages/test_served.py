from __future__ import annotations

import asyncio

import pytest
from virtual_time import in_virtual_time
from voice_world import ScriptedVoice, stage_config, variant

from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Nobody
from antiphon_runtime.engines.protocols import Speech
from antiphon_runtime.stages.served import Served, StageUnavailableError
from antiphon_runtime.stages.working import Speaking


def speaking(name: str) -> Speaking:
    return Speaking("m", variant(name), ScriptedVoice(1.0, 4), Limits(max_batch=4), Nobody())


def served(*names: str) -> Served[Speaking]:
    return Served(stage_config("tts", *names), "m")


def is_closed(working: Speaking) -> bool:
    return bool(getattr(working.engine, "is_closed"))  # noqa: B009 (the scripted one's)


@in_virtual_time
async def test_who_has_a_lease_keeps_the_variant() -> None:
    stage = served("old", "new")
    old, new = speaking("old"), speaking("new")
    stage.put(old)
    async with stage.lease() as before:
        stage.put(new)
        await asyncio.sleep(5)
        async with stage.lease() as after:
            assert (before.variant.name, after.variant.name) == ("old", "new")
        assert [sound async for sound in before.speak(Speech("hello"))]
        assert not is_closed(old)
    await asyncio.sleep(0.1)
    assert is_closed(old)
    assert not is_closed(new)
    await stage.close()
    assert is_closed(new)


@in_virtual_time
async def test_leases_wait_while_there_is_no_variant() -> None:
    stage = served("old", "new")
    stage.put(speaking("old"))
    gone = stage.take_away()
    assert gone is not None
    with pytest.raises(StageUnavailableError):
        _ = stage.working

    async def use() -> str:
        async with stage.lease() as working:
            return working.variant.name

    waiting = asyncio.create_task(use())
    await gone
    await asyncio.sleep(3)
    assert not waiting.done()
    stage.put(speaking("new"))
    assert await waiting == "new"
    await stage.close()


@in_virtual_time
async def test_unloading_is_told() -> None:
    stage = served("old")
    told: list[str] = []
    stage.on_unloaded = lambda working: told.append(working.label)
    stage.put(speaking("old"))
    stage.put(speaking("old"))
    await asyncio.sleep(0.1)
    assert told == ["m/old"]
    await stage.close()
    assert told == ["m/old", "m/old"]
