"""The runtime's configuration and its control API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from objects import variant
from pydantic import ValidationError

from antiphon_crds.control import State, Tuning, TuningResult
from antiphon_crds.problems import problems_of
from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_runtime.configuration import ConfigurationError, read_configuration
from antiphon_runtime.main import main


def _stage(name: str = "vad", **more: Any) -> dict[str, Any]:
    return {"stage": name, "model": f"{name}-model", "variants": [variant("only")], "variant": "only", **more}


def _config(**more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "RuntimeConfig",
        "identity": {"agent": "hello"},
        "stages": [_stage("vad"), _stage("asr"), _stage("llm", variants=[], variant=None, remote="http://llm:8080")],
        **more,
    }


def test_a_configuration_with_its_defaults() -> None:
    config = RuntimeConfig.model_validate(_config())
    assert config.server.voice_port == 8080
    assert config.server.control_port == 9100
    assert config.tuning == Tuning(generation=0)
    assert RuntimeConfig.model_validate(config.to_manifest()) == config


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"stages": [_stage(variant="other")]},
            "stages[0].variant: variant of stage vad is 'other'; use one of [\"only\"]",
        ),
        (
            {"stages": [_stage(remote="http://x:1")]},
            (
                "stages[0].remote: stage vad has 1 variants and remote 'http://x:1';"
                " give exactly one of variants (it runs here) and remote (it runs elsewhere)"
            ),
        ),
        (
            {"stages": [_stage(options={"tts": {}})]},
            "stages[0].options: stage is vad and options.tts is set; set only the stage's own options",
        ),
        (
            {"stages": [_stage("asr", turnEnd={"model": "turn", "variants": [variant("only")]})]},
            "stages[0].turnEnd: stage is asr and turnEnd is set; set it with stage vad only",
        ),
        (
            {"stages": [_stage(loadSteps=[{"upTo": 3, "batch": 1}])]},
            "stages[0].loadSteps: the last of the 1 load steps has an upTo; leave it out, so that it holds above all others",
        ),
        (
            {"stages": [_stage("llm"), _stage("speech")]},
            'stages: stages ["llm", "speech"] have both llm and speech; keep exactly one of them',
        ),
        (
            {"tuning": {"generation": 4, "stages": [{"stage": "llm", "maxBatch": 2}]}},
            'tuning: tuning is for ["llm"], which do not all run here; tune only stages that do',
        ),
        (
            {"server": {"voicePort": 9100}},
            "server.controlPort: controlPort is 9100, the same as voicePort; give each its own",
        ),
    ],
)
def test_a_configuration_that_can_not_be(more: dict[str, Any], expected: str) -> None:
    data = _config(**more)
    with pytest.raises(ValidationError) as raised:
        RuntimeConfig.model_validate(data)
    assert [str(problem) for _, problem in problems_of(raised.value, RuntimeConfig, data)] == [expected]


class TestCheck:
    """`antiphon-runtime check`."""

    def test_prints_what_holds_with_every_default(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(_config()))
        assert main(["check", "--config", str(path)]) == 0
        assert RuntimeConfig.model_validate(json.loads(capsys.readouterr().out)) == read_configuration(path)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a: [", "is no valid YAML"),
            ("", "has 0 documents; give exactly one RuntimeConfig"),
            ("apiVersion: antiphon.dev/v1alpha1\nkind: VoiceAgent\n", "'VoiceAgent' is not known; use RuntimeConfig"),
            ("apiVersion: antiphon.dev/v1alpha1\nkind: RuntimeConfig\nstages: []\n", "config:3: "),
        ],
    )
    def test_says_what_is_wrong(
        self, text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "config"
        path.write_text(text)
        assert main(["check", "--config", str(path)]) == 1
        assert expected in capsys.readouterr().err

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="can't be read"):
            read_configuration(tmp_path / "nowhere")


class TestControl:
    def test_a_tuning_names_each_stage_once(self) -> None:
        with pytest.raises(ValidationError, match="repeats 'asr'"):
            Tuning.model_validate({"generation": 1, "stages": [{"stage": "asr"}, {"stage": "asr"}]})

    def test_a_ready_pod_knows_its_capacity(self) -> None:
        with pytest.raises(ValidationError, match="phase is Ready and capacity is missing"):
            State.model_validate({"phase": "Ready"})
        assert State.model_validate({"phase": "Ready", "capacity": 8}).capacity == 8

    def test_what_is_pending_is_newer_than_what_is_applied(self) -> None:
        with pytest.raises(ValidationError, match="pendingGeneration is 3; it must be above generation, 3"):
            State.model_validate({"phase": "Starting", "generation": 3, "pendingGeneration": 3})

    def test_an_answer_has_a_reason(self) -> None:
        with pytest.raises(ValidationError, match="reason"):
            TuningResult.model_validate({"accepted": False, "generation": 1})
