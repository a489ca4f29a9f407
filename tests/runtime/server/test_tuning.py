"""What the operator wants is applied once, in order, and what fails is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from voice_world import stage_config, variant

from antiphon_crds.control import Features, StageTuning, Tuning
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.server.admission import Admission
from antiphon_runtime.server.tuning import Tuner
from antiphon_runtime.stages.cast import Part, Stages
from antiphon_runtime.stages.loading import Loader
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.switching import FreeMemory, Switcher
from antiphon_runtime.telemetry.metrics import Metrics
from antiphon_runtime.voice.defaults import AgentOptions


class World:
    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.switched: list[str] = []
        config = stage_config("asr", "large", "medium", "small")
        self.served: Served[Any] = Served(config, "m")
        self.part = Part(config, self.served)
        self.admission = Admission()
        self.admission.measured = 50
        self.loader = Loader(self._folder_of, Metrics().observer, threads=1)
        self.tuner = Tuner(
            Stages({"asr": self.part}),
            Switcher(self.loader, FreeMemory),
            self.admission,
            AgentOptions(stages=frozenset({"asr"})),
            Tuning(generation=3),
            most_sessions=40,
        )
        self.tuner.on_switched = lambda part, *_: self.switched.append(part.served.working.variant.name)

    @property
    def variant(self) -> str:
        return str(self.served.working.variant.name)

    async def start(self) -> None:
        limits = lambda most: self.tuner.limits(self.part, variant("large"), most)  # noqa: E731
        self.served.put(await self.loader.load(self.part.config, "m", variant("large"), limits))

    async def settled(self) -> None:
        async with asyncio.timeout(10):
            while self.tuner.pending_generation is not None and not self.tuner.message:
                await asyncio.sleep(0.01)

    def _folder_of(self, _: str, wanted: Variant) -> Path:
        if wanted.name in self.gone:
            raise EngineError(f"the files of {wanted.name} are gone")
        return Path()


def story(tell: Callable[[World], Awaitable[None]]) -> Callable[[], None]:
    async def run() -> None:
        world = World()
        await world.start()
        await tell(world)
        await world.tuner.close()
        await world.served.close()

    return lambda: asyncio.run(run())


def wanting(generation: int, name: str | None = None, **more: Any) -> Tuning:
    return Tuning(generation=generation, stages=[StageTuning(stage="asr", variant=name)] if name else [], **more)


@story
async def _limits_and_features_hold_at_once(world: World) -> None:
    stages = [StageTuning(stage="asr", max_batch=7, max_wait_ms=12)]
    result = await world.tuner.put(Tuning(generation=4, stages=stages, features=Features(beam_size=5), max_sessions=10))
    assert (result.accepted, result.reason) == (True, "Applied")
    assert world.tuner.applied_generation == 4
    assert world.served.working.limits.max_batch == min(7, world.served.working.engine.max_batch)
    assert world.served.working.limits.max_wait_seconds == 0.012
    assert world.tuner.features.beam_size == 5
    assert world.admission.capacity == 10


def test_limits_and_features_hold_at_once() -> None:
    _limits_and_features_hold_at_once()


@story
async def _what_is_left_out_goes_back(world: World) -> None:
    await world.tuner.put(Tuning(generation=4, features=Features(beam_size=5), max_sessions=10))
    await world.tuner.put(Tuning(generation=5))
    assert world.tuner.features.beam_size == 1
    assert world.admission.capacity == 40


def test_what_is_left_out_goes_back_to_the_configuration() -> None:
    _what_is_left_out_goes_back()


@story
async def _the_same_again(world: World) -> None:
    first = await world.tuner.put(wanting(4, "medium"))
    assert first.reason == "Applying"
    again = await world.tuner.put(wanting(4, "medium"))
    assert (again.accepted, again.reason) == (True, "Applying")
    await world.settled()
    assert (await world.tuner.put(wanting(4, "medium"))).reason == "Applied"
    assert world.variant == "medium"
    assert world.switched == ["medium"]
    stale = await world.tuner.put(wanting(3, "small"))
    assert (stale.accepted, stale.reason, stale.generation) == (False, "StaleGeneration", 4)
    assert world.variant == "medium"


def test_the_same_again_changes_nothing_and_the_past_is_refused() -> None:
    _the_same_again()


@story
async def _wrong_wishes(world: World) -> None:
    unknown = await world.tuner.put(wanting(4, "tiny"))
    assert (unknown.accepted, unknown.reason) == (False, "UnknownVariant")
    assert "use one of large, medium, small" in unknown.message
    elsewhere = await world.tuner.put(Tuning(generation=4, stages=[StageTuning(stage="tts", max_batch=2)]))
    assert (elsewhere.accepted, elsewhere.reason) == (False, "Invalid")
    world.admission.is_draining = True
    assert (await world.tuner.put(wanting(4, "medium"))).reason == "Draining"
    assert world.tuner.wanted.generation == 3


def test_wrong_wishes_are_refused_with_a_reason_and_change_nothing() -> None:
    _wrong_wishes()


@story
async def _what_fails(world: World) -> None:
    world.gone = {"medium"}
    assert (await world.tuner.put(wanting(4, "medium"))).reason == "Applying"
    await world.settled()
    assert world.tuner.message == "stage asr: the files of medium are gone"
    assert world.tuner.applied_generation == 3
    assert world.tuner.pending_generation == 4
    assert world.variant == "large"
    again = await world.tuner.put(wanting(4, "medium"))
    assert (again.accepted, again.message) == (False, world.tuner.message)
    assert (await world.tuner.put(wanting(5, "small"))).accepted
    await world.settled()
    assert (world.variant, world.tuner.message) == ("small", "")


def test_what_fails_is_told_and_the_stage_keeps_what_it_has() -> None:
    _what_fails()


@story
async def _newer(world: World) -> None:
    await world.tuner.put(wanting(4, "medium"))
    await world.tuner.put(wanting(5, "small"))
    await world.settled()
    assert (world.variant, world.tuner.applied_generation) == ("small", 5)


def test_a_newer_wish_is_taken_up_after_the_switch_under_way() -> None:
    _newer()
