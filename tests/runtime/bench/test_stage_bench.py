from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Memory, Profile, Variant, VoiceModelSpec
from antiphon_runtime.bench.cli import add_commands
from antiphon_runtime.bench.percentiles import Summary
from antiphon_runtime.bench.runners import runner
from antiphon_runtime.bench.stage_bench import Amount, StageFigures, measure
from antiphon_runtime.bench.tables import stage_text
from antiphon_runtime.engines.emulated import create
from antiphon_runtime.engines.protocols import EngineError

STAGES: tuple[Stage, ...] = ("vad", "asr", "llm", "tts", "diarization")
HEARD = [np.zeros(16_000, np.float32)] * 2
AMOUNT = Amount(batches=(1, 4), iterations=4, warm_up=1)


def emulated(**figures: Any) -> Variant:
    given = {"alpha_ms": 4.0, "beta_ms": 2.0, "noise": 0.0, "max_batch": 8, **figures}
    profile = Profile(hardware="cpu-avx512-2", item="item", basis="Measured", origin="test", **given)
    return Variant(name="fast", engine="emulated", memory=Memory(host="1Mi"), profiles=[profile])


def measured(stage: Stage, variant: Variant, amount: Amount = AMOUNT) -> StageFigures:
    async def run() -> StageFigures:
        engine = create(stage, variant, Path(), threads=1)
        return await measure(runner(stage, engine, HEARD, 1.0), amount)

    return asyncio.run(run())


def least_ms(found: Summary) -> float:
    return found.least


@pytest.mark.parametrize("stage", STAGES)
def test_a_batch_takes_at_least_the_time_of_its_model(stage: Stage) -> None:
    figures = measured(stage, emulated())
    assert least_ms(figures.times_ms(1)) >= 4 + 2 * 1 - 0.1
    assert least_ms(figures.times_ms(4)) >= 4 + 2 * 4 - 0.1 - (6 if stage in ("llm", "tts") else 0)
    assert figures.rates(1)["items_per_second"] <= 1000 / 6
    assert "a batch of n takes" in stage_text(figures)


@pytest.mark.parametrize("stage", ["llm", "tts"])
def test_what_streams_has_a_line_for_its_later_pieces(stage: Stage) -> None:
    figures = measured(stage, emulated(decode_alpha_ms=2.0, decode_beta_ms=1.0))
    steps = figures.step_line_ms
    assert steps is not None
    assert steps.at(1) >= 3 - 0.1
    assert figures.profile("cpu-avx512-2", "test").decode_alpha_ms == round(steps.alpha, 4)


def test_pieces_that_come_at_once_have_none() -> None:
    assert measured("llm", emulated()).step_line_ms is None


def test_the_profile_is_the_line() -> None:
    figures = measured("asr", emulated())
    profile = figures.profile("cpu-avx512-2", "a test")
    assert (profile.basis, profile.max_batch, profile.item) == ("Measured", 4, "utterance of 1 s")
    assert profile.alpha_ms + profile.beta_ms * 4 == pytest.approx(figures.times_ms(4).mean, rel=0.01)


def test_what_the_engine_can_not_take_is_left_out() -> None:
    figures = measured("asr", emulated(max_batch=2))
    assert (list(figures.runs), figures.left_out) == ([1], [4])
    assert "more than the engine takes" in stage_text(figures)


def test_a_slow_engine_gets_fewer_iterations() -> None:
    amount = Amount(batches=(1,), iterations=1000, warm_up=0, limit_seconds=0.02)
    assert 3 <= len(measured("asr", emulated(), amount).runs[1]) < 20


def test_a_stage_that_nobody_can_run_is_refused() -> None:
    with pytest.raises(EngineError, match="stage lipsync can't be measured"):
        runner("lipsync", None, HEARD, 1.0)


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def models(tmp_path: Path) -> Path:
    spec = VoiceModelSpec(stage="asr", license="none", variants=[emulated()])
    document = {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceModel",
        "metadata": {"name": "quick"},
        "spec": spec.to_manifest(),
    }
    path = tmp_path / "models.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def bench_stage(models: Path, *more: str) -> int:
    few = ("--iterations", "3", "--warm-up", "0", "--batch", "1,2", "--cache", str(models.parent))
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args(["bench", "stage", "--models", str(models), *few, *more])
    code: int = options.run(options)
    return code


def test_the_command_writes_a_profile_that_a_model_can_take(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = models.parent / "profile.yaml"
    assert bench_stage(models, "--model", "quick", "--profile-out", str(out), "-o", "json") == 0
    profile = Profile.from_manifest(yaml.safe_load(out.read_text()))
    found = json.loads(capsys.readouterr().out)
    assert found["profile"] == profile.to_manifest()
    assert [row["size"] for row in found["batches"]] == [1, 2]
    assert found["emulated"] is True
    assert "--model quick --variant fast" in profile.origin
    assert profile.origin.startswith("of an emulated engine")


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (("--model", "slow"), 2, "use one of quick"),
        (("--model", "quick", "--variant", "none"), 2, "use one of fast"),
        (("--model", "quick", "--batch", "64"), 1, "takes at most 8 at once"),
    ],
)
def test_what_is_wrong_is_told(
    models: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], code: int, told: str
) -> None:
    assert bench_stage(models, *given) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--batch", "0"), "at least 1"),
        (("--batch", "a"), "no whole number"),
        (("--seconds", "nan"), "out of range"),
        (("--limit", "0"), "above 0"),
        (("--hardware", "What a GPU!"), "a hardware name"),
        (("--models", "none.yaml"), "no such file"),
    ],
)
def test_wrong_options_are_refused(
    models: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], told: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        bench_stage(models, "--model", "quick", *given)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
