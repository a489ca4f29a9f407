"""The whole way with real models on the CPU: a question is spoken, heard, answered and spoken. Skips where they are not there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from engine_models import REPOSITORY
from spoken import word_errors
from typer.testing import CliRunner
from voice_process import voice_process

from antiphon_operator.commands.talk_command import talk

QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def hello_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("faster_whisper")
    pytest.importorskip("xllamacpp")
    pytest.importorskip("hibari")
    models = Path(os.environ.get("ANTIPHON_MODELS", "~/.cache/antiphon/models")).expanduser()
    config = yaml.safe_load((REPOSITORY / "runtime" / "hello-world.yaml").read_text())
    stages = [stage for stage in config["stages"] if stage["stage"] != "diarization"]
    for stage in stages:
        if not (models / stage["model"] / stage["variant"]).exists():
            pytest.skip(f"{stage['model']} is not in {models}")
    machine = {"modelCache": str(models), "offline": True}
    with voice_process(
        tmp_path_factory.mktemp("hello"), stages=stages, machine=machine, sessions={"maxSessions": 2}
    ) as url:
        yield url


def test_a_question_is_heard_and_answered(hello_world: str, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(talk)
    given = [
        "--url",
        hello_world,
        "--text",
        QUESTION,
        "--no-play",
        "--save",
        str(tmp_path / "answer.wav"),
        "-o",
        "json",
    ]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    turn = json.loads(result.stdout)
    assert word_errors(QUESTION, turn["heard"]) <= 1
    assert "paris" in turn["answer"].lower()
    assert turn["first_audio_ms"] < 10_000
    again = CliRunner().invoke(app, ["--url", hello_world, "--wav", turn["saved"], "--no-play", "-o", "json"])
    heard = json.loads(again.stdout)["heard"]
    assert word_errors(turn["answer"], heard) <= 2
