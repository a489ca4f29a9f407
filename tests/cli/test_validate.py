"""`antiphon validate`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

_AGENT = """\
apiVersion: antiphon.dev/v1alpha1
kind: VoiceAgent
metadata: {name: hello}
spec:
  slaPolicy: mine
  pipeline:
    diarization: {model: ear}
"""
_MODEL = """\
apiVersion: antiphon.dev/v1alpha1
kind: VoiceModel
metadata: {name: ear}
spec:
  stage: diarization
  license: MIT
  variants:
  - name: small
    engine: ge2e
    source: {path: {path: /models/ge2e}}
    memory: {host: 200Mi}
"""


def _antiphon(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "antiphon_operator", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text(_AGENT)
    (tmp_path / "model.yaml").write_text(_MODEL)
    return tmp_path


def test_presets_and_examples_are_valid_and_explained() -> None:
    done = _antiphon("validate", "--complete", "policies", "examples", cwd=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VoiceAgent hello-world" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("all valid")


def test_what_is_not_among_the_files_is_a_note(folder: Path) -> None:
    done = _antiphon("validate", ".", cwd=folder)
    assert done.returncode == 0
    assert "note: agent.yaml:5: VoiceAgent/hello: spec.slaPolicy: there is no SLAPolicy mine" in done.stdout
    assert "2 objects in 2 files: all valid" in done.stdout
    assert "small (CPU)" in done.stdout


def test_what_is_emulated_says_so(folder: Path) -> None:
    profile = "{hardware: cpu, alphaMs: 1, betaMs: 1, item: window, basis: Projected, origin: a test}"
    emulated = _MODEL.replace("ge2e\n    source: {path: {path: /models/ge2e}}", f"emulated\n    profiles: [{profile}]")
    (folder / "model.yaml").write_text(emulated)
    assert "small (CPU, emulated)" in _antiphon("validate", ".", cwd=folder).stdout


def test_and_a_problem_where_the_files_must_be_complete(folder: Path) -> None:
    done = _antiphon("validate", "--complete", ".", cwd=folder)
    assert done.returncode == 1
    assert "error: agent.yaml:5: VoiceAgent/hello: spec.slaPolicy: there is no SLAPolicy mine" in done.stdout


def test_a_wrong_file_is_told_with_its_line(folder: Path) -> None:
    (folder / "agent.yaml").write_text(_AGENT + "  scaling: {minReplicas: 9, maxReplicas: 3}\n")
    done = _antiphon("validate", "-q", "agent.yaml", cwd=folder)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        (
            "error: agent.yaml:8: VoiceAgent/hello: spec.scaling.minReplicas:"
            " minReplicas is 9; it must be at most maxReplicas, 3"
        ),
        "1 objects in 1 files: 1 problems",
    ]


def test_json_for_scripts(folder: Path) -> None:
    (folder / "model.yaml").write_text(_MODEL.replace("MIT", "''"))
    done = _antiphon("validate", "-o", "json", ".", cwd=folder)
    assert done.returncode == 1
    verdict = json.loads(done.stdout)
    assert verdict["valid"] is False
    assert verdict["objects"] == ["VoiceAgent/hello", "VoiceModel/ear"]
    (problem,) = verdict["problems"]
    assert (problem["file"], problem["line"], problem["field"]) == ("model.yaml", 6, "spec.license")
    assert problem["value"] == '""'
    assert [missing["field"] for missing in verdict["missing"]] == ["spec.slaPolicy", "spec.pipeline.diarization.model"]


def test_the_same_object_twice_is_a_problem(folder: Path) -> None:
    (folder / "again.yaml").write_text(_MODEL)
    done = _antiphon("validate", "-q", ".", cwd=folder)
    assert done.returncode == 1
    assert "metadata.name: is also defined in again.yaml; rename one" in done.stdout


_SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\n---\n"


def test_objects_of_other_apis_are_passed_over(folder: Path) -> None:
    (folder / "agent.yaml").write_text(_SECRET + _AGENT)
    done = _antiphon("validate", "-q", ".", cwd=folder)
    assert done.returncode == 0
    done = _antiphon("validate", ".", cwd=folder)
    assert done.stdout.splitlines()[-1] == "2 objects in 2 files, 1 of other APIs passed over: all valid"


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("antiphon.dev/v1", "'antiphon.dev/v1' is not served; use antiphon.dev/v1alpha1"),
        ("v1", "'v1' is not served; use antiphon.dev/v1alpha1"),
    ],
)
def test_a_misspelt_version_of_ours_is_not(folder: Path, wrong: str, expected: str) -> None:
    (folder / "agent.yaml").write_text(_AGENT.replace("antiphon.dev/v1alpha1", wrong))
    done = _antiphon("validate", "-q", "agent.yaml", cwd=folder)
    assert done.returncode == 1
    assert f"agent.yaml:1: VoiceAgent/hello: apiVersion: {expected}" in done.stdout


def test_standard_input(folder: Path) -> None:
    command = [sys.executable, "-m", "antiphon_operator", "validate", "-q", "-"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, input=_MODEL.replace("MIT", "''"))
    assert done.returncode == 1
    assert "error: -:6: VoiceModel/ear: spec.license:" in done.stdout


def test_a_file_that_is_not_there_is_a_usage_error(folder: Path) -> None:
    done = _antiphon("validate", "nowhere.yaml", cwd=folder)
    assert done.returncode == 2
    assert "nowhere.yaml: can't be read" in done.stderr


def test_a_folder_without_manifests_is_a_usage_error(tmp_path: Path) -> None:
    done = _antiphon("validate", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "no manifests" in done.stderr


def test_help_names_the_exit_codes() -> None:
    done = _antiphon("validate", "--help", cwd=REPOSITORY)
    assert done.returncode == 0
    assert "Exit codes: 0 all valid, 1 problems found, 2" in " ".join(done.stdout.split())
