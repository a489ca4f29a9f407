"""The CPU stack measures itself on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import ExitStack
from typing import Any

import pytest
from engine_models import engine, variant

from antiphon_crds.runtime_config import StageConfig
from antiphon_crds.stages import Stage
from antiphon_runtime.batching.observing import Nobody
from antiphon_runtime.capacity.habits import Habits
from antiphon_runtime.capacity.measuring import measure
from antiphon_runtime.capacity.model import capacity_of
from antiphon_runtime.capacity.work import StageWork
from antiphon_runtime.stages.cast import Part, Stages
from antiphon_runtime.stages.limits import limits_of
from antiphon_runtime.stages.loading import KINDS, most_of
from antiphon_runtime.stages.served import Served

MODELS = {
    "silero-vad": "v6-fp32",
    "whisper-cpu": "tiny.en-int8",
    "smollm2": "135m-q4",
    "hibari": "heart-int8",
    "ge2e": "fp32",
}


def _part(model: str, name: str, loaded: Any) -> tuple[Stage, Part]:
    stage, known = variant(model, name)
    config = StageConfig(stage=stage, model=model, variants=[known], variant=name)
    served: Served[Any] = Served(config, model)
    served.put(KINDS[stage](model, known, loaded, limits_of(config, known, most_of(loaded)), Nobody()))
    return stage, Part(config, served)


def test_the_cpu_stack_is_measured_in_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def story(loaded: dict[str, Any]) -> tuple[list[StageWork], float]:
        stages = Stages(dict(_part(model, MODELS[model], found) for model, found in loaded.items()))
        started = time.monotonic()
        try:
            return await measure(stages), time.monotonic() - started
        finally:
            for served in stages.all_served():
                await served.close()

    with ExitStack() as stack:
        loaded = {model: stack.enter_context(engine(model, name)) for model, name in MODELS.items()}
        works, seconds = asyncio.run(story(loaded))
    cores = float(len(os.sched_getaffinity(0)))
    capacity = capacity_of(works, Habits(), cores=cores)
    print(f"\nmeasured in {seconds:.1f} s: {capacity}")
    print("\n".join(record.message for record in caplog.records if " takes " in record.message))
    assert [work.stage for work in works] == ["tts", "vad", "diarization", "asr", "llm"]
    assert seconds < 20
    assert all(0 < work.whole.seconds(1) < 10 and work.device == "cpu" for work in works)
    assert all(0 < work.cores <= cores + 0.5 for work in works)
    assert 1 <= capacity.sessions < 200
