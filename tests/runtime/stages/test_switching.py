"""Variants are switched for real: emulated engines through the real loader."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from voice_world import ScriptedVoice, stage_config, variant

from antiphon_crds.runtime_config import StageConfig
from antiphon_crds.voicemodel import Memory, Variant
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.engines.protocols import EngineError, Utterance
from antiphon_runtime.stages.loading import Loader
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.switching import FreeMemory, Switcher, SwitchError, choose_mode
from antiphon_runtime.stages.working import Speaking
from antiphon_runtime.telemetry.metrics import Metrics

GIB = 2**30


def needing(name: str, host: str = "1Gi", gpu: str | None = None) -> Variant:
    return variant(name).model_copy(update={"memory": Memory(host=host, gpu=gpu)})


@pytest.mark.parametrize(
    ("free", "mode"),
    [
        (FreeMemory(), "beside"),
        (FreeMemory(host=2 * GIB), "beside"),
        (FreeMemory(host=GIB // 2), "drained"),
        (FreeMemory(host=2 * GIB, gpu=0), "drained"),
    ],
)
def test_the_mode_follows_from_free_memory(free: FreeMemory, mode: str) -> None:
    assert choose_mode(needing("a", gpu="4Gi"), needing("b", gpu="4Gi"), free) == mode


def test_what_fits_not_even_alone_is_refused_with_the_figures() -> None:
    with pytest.raises(
        SwitchError, match=r"needs 4Gi of main memory, and 1\.5 GiB of main memory would be free"
    ) as told:
        choose_mode(needing("a"), needing("b", host="4Gi"), FreeMemory(host=GIB // 2))
    assert told.value.reason == "NoMemory"


def loader(missing: frozenset[str] = frozenset()) -> Loader:
    def folder_of(_: str, wanted: Variant) -> Path:
        if wanted.name in missing:
            raise EngineError(f"the files of {wanted.name} are gone")
        return Path()

    return Loader(folder_of, Metrics().observer, threads=1)


def limits(_: Variant, most: int) -> Limits:
    return Limits(max_batch=most)


async def serve(config: StageConfig, by: Loader) -> Served[Any]:
    served: Served[Any] = Served(config, "m")
    served.put(await by.load(config, "m", config.variants[0], lambda most: Limits(max_batch=most)))
    return served


def switched(free: FreeMemory) -> None:
    async def story() -> None:
        config = stage_config("asr", "a", "b")
        config.variants[:] = [needing("a"), needing("b")]
        by = loader()
        served = await serve(config, by)
        switcher = Switcher(by, lambda: free)
        silence = Utterance(np.zeros(16_000, np.float32))

        async def use() -> str:
            async with served.lease() as working:
                await working.transcribe(silence, session=object())
                return str(working.variant.name)

        calls = [asyncio.create_task(use()) for _ in range(20)]
        mode = await switcher.switch(served, "b", limits)
        assert mode == ("beside" if free.host is None else "drained")
        assert set(await asyncio.gather(*calls)) <= {"a", "b"}
        assert await use() == "b"
        assert await switcher.switch(served, "b", limits) is None
        await served.close()

    asyncio.run(story())


def test_beside() -> None:
    switched(FreeMemory())


def test_drained() -> None:
    switched(FreeMemory(host=GIB // 2))


@pytest.mark.parametrize("free", [FreeMemory(), FreeMemory(host=GIB // 2)])
def test_a_variant_that_can_not_be_loaded_changes_nothing(free: FreeMemory) -> None:
    async def story() -> None:
        config = stage_config("asr", "a", "b")
        config.variants[:] = [needing("a"), needing("b")]
        by = loader(frozenset({"b"}))
        served = await serve(config, by)
        with pytest.raises(SwitchError, match="the files of b are gone"):
            await Switcher(by, lambda: free).switch(served, "b", limits)
        assert served.working.variant.name == "a"
        assert served.switching_to is None
        await served.close()

    asyncio.run(story())


def test_an_unknown_variant_is_refused_by_name() -> None:
    async def story() -> None:
        by = loader()
        served = await serve(stage_config("asr", "a", "b"), by)
        with pytest.raises(SwitchError, match="no variant 'c'; use one of a, b") as told:
            await Switcher(by, FreeMemory).switch(served, "c", limits)
        assert told.value.reason == "UnknownVariant"
        await served.close()

    asyncio.run(story())


class Dozing(ScriptedVoice):
    """An engine that can sleep."""

    def __init__(self) -> None:
        super().__init__(0.0, 4)
        self.story: list[str] = []
        self.wakes = True

    def sleep(self) -> None:
        self.story.append("sleep")

    def wake(self) -> None:
        self.story.append("wake")
        if not self.wakes:
            raise EngineError("it is gone")


@pytest.mark.parametrize("wakes", [True, False])
def test_an_engine_that_can_sleep_sleeps_and_wakes(wakes: bool) -> None:
    async def story() -> None:
        config = stage_config("tts", "a", "b")
        config.variants[:] = [needing("a"), needing("b")]
        by = loader()
        engine = Dozing()
        engine.wakes = wakes
        served: Served[Any] = Served(config, "m")
        served.put(
            Speaking(
                "m", config.variants[0], engine, Limits(max_batch=4), Metrics().observer("tts", "m", variant("a"), True)
            )
        )
        switcher = Switcher(by, lambda: FreeMemory(host=GIB // 2))
        await switcher.switch(served, "b", limits)
        assert engine.story == ["sleep"]
        assert not engine.is_closed
        await switcher.switch(served, "a", limits)
        assert engine.story == ["sleep", "wake"]
        assert (served.working.engine is engine) == wakes
        assert engine.is_closed != wakes
        await served.close()
        assert engine.is_closed

    asyncio.run(story())
