"""The configuration for trying the runtime alone says what the example agent and the presets say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon_runtime.configuration import read_configuration

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "runtime" / "hello-world.yaml"
STAGES: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())["stages"]


def test_it_is_valid() -> None:
    assert [stage.stage for stage in read_configuration(FILE).stages] == ["vad", "asr", "llm", "tts", "diarization"]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: str(stage["stage"]))
def test_its_variants_are_the_presets(stage: dict[str, Any]) -> None:
    documents = yaml.safe_load_all((ROOT / "policies" / "models-cpu.yaml").read_text())
    (model,) = (each for each in documents if each["metadata"]["name"] == stage["model"])
    presets = {variant["name"]: variant for variant in model["spec"]["variants"]}
    assert stage["variants"] == [presets[variant["name"]] for variant in stage["variants"]]


def test_its_stages_are_the_examples() -> None:
    agent = yaml.safe_load((ROOT / "examples" / "hello-world.yaml").read_text())
    for name, asked in agent["spec"]["pipeline"].items():
        (stage,) = (each for each in STAGES if each["stage"] == name)
        assert stage["model"] == asked["model"]
        assert stage.get("options", {}).get(name, {}) == asked.get("options", {})
