"""Servers that independent clients talk to: one with emulated models, which is quick, and one with real ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from engine_models import engine
from spoken import SENTENCES
from voice_process import PodProcess, emulated_stage
from voice_server import real_stages, running

from antiphon_runtime.bench.clips import Clip, spoken_clips


@pytest.fixture(scope="session")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProcess]:
    """Its models are emulated."""
    with running(tmp_path_factory.mktemp("emulated")) as emulated:
        yield emulated


@pytest.fixture(scope="session")
def slow_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProcess]:
    """Its voice is hardly faster than its speech, each time, so that answers can be cut off while they are made."""
    voice = emulated_stage("tts", {"alphaMs": 40, "betaMs": 5, "decodeAlphaMs": 200, "decodeBetaMs": 1})
    voice["options"] = {"tts": {"phraseCache": {"entries": 0}}}
    stages = [*(emulated_stage(stage) for stage in ("vad", "asr", "llm")), voice]
    with running(tmp_path_factory.mktemp("slow"), stages=stages) as slow:
        yield slow


@pytest.fixture(scope="session")
def questions() -> list[Clip]:
    """Of a voice of the CPU stack."""
    with engine("hibari", "heart-int8") as voice:
        made: Any = spoken_clips(voice, SENTENCES)
    clips: list[Clip] = made
    return clips


@pytest.fixture(scope="session")
def real_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProcess]:
    """The CPU stack."""
    with running(tmp_path_factory.mktemp("real"), stages=real_stages()) as real:
        yield real
