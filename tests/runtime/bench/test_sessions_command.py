from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from antiphon_runtime.bench.cli import add_commands


def run(*given: str) -> int:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args(["bench", "sessions", *given])
    code: int = options.run(options)
    return code


def test_without_a_server_nothing_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--url", "ws://127.0.0.1:9/v1/realtime", "--seconds", "0.1", "--ramp", "0") == 1
    told = capsys.readouterr()
    assert "no session could be opened" in told.err
    assert told.out == ""


def test_a_recording_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "talk.wav").write_text("none")
    assert run("--url", "ws://127.0.0.1:9/", "--turn-audio", str(tmp_path / "talk.wav")) == 2
    assert "talk.wav: can't be read as WAV" in capsys.readouterr().err


@pytest.mark.parametrize("given", [("--duty", "0"), ("--duty", "1.5"), ("--sessions", "0"), ("--barge-in-share", "2")])
def test_wrong_options_end_with_2(given: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("--url", "ws://127.0.0.1:9/", *given)
    assert ended.value.code == 2
