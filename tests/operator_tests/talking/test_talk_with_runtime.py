"""`antiphon talk` as a user runs it, with the real runtime; its engines are emulated, so that what they answer is made up."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result
from voice_process import emulated_stage, voice_process

from antiphon_operator.commands.talk_command import talk
from antiphon_operator.talking.agent_http import AgentHttp

_RUN = "import typer; from antiphon_operator.commands.talk_command import talk; typer.run(talk)"


def antiphon_talk(*arguments: str, stdin: str = "", **environment: str) -> Result:
    app = typer.Typer()
    app.command()(talk)
    return CliRunner().invoke(app, ["--no-play", *arguments], input=stdin, env=environment)


def turns_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """What emulated hearing takes for speech: a second of it, in stereo at 44.1 kHz."""
    samples = (9000 * np.sin(np.arange(44_100) * 0.05)).astype("<i2").repeat(2)
    file = tmp_path / "tone.wav"
    with wave.open(str(file), "wb") as recording:
        recording.setparams((2, 2, 44_100, 0, "NONE", ""))
        recording.writeframes(samples.tobytes())
    return file


def test_typed_text_is_said_aloud_heard_and_answered(emulated_agent: str, tmp_path: Path) -> None:
    save = tmp_path / "answer.wav"
    result = antiphon_talk("--url", emulated_agent, "--text", "What is the time?", "--save", str(save), "-o", "json")
    assert result.exit_code == 0, result.output
    (turn,) = turns_of(result)
    assert turn["outcome"] == "answered"
    assert turn["heard"]
    assert turn["answer"]
    assert 0 < turn["first_audio_ms"] <= turn["done_ms"]
    assert 0 < turn["first_text_ms"] <= turn["done_ms"]
    with wave.open(turn["saved"]) as saved:
        assert saved.getframerate() == 24_000
        assert saved.getnframes() / 24_000 == pytest.approx(turn["audio_seconds"], abs=0.001)
    assert "emulated: " in result.stderr


def test_text_is_sent_as_it_is_when_asked_so(emulated_agent: str) -> None:
    result = antiphon_talk("--url", emulated_agent, "--text", "Hello", "--no-speak", "-o", "json")
    (turn,) = turns_of(result)
    assert (result.exit_code, turn["asked"], turn["heard"], turn["outcome"]) == (0, "Hello", None, "answered")
    assert turn["audio_seconds"] > 0


def test_a_recording_is_heard_and_each_answer_is_saved(emulated_agent: str, tone: Path, tmp_path: Path) -> None:
    save = tmp_path / "answer.wav"
    given = ("--url", emulated_agent, "--wav", str(tone), "--turns", "2", "--save", str(save))
    result = antiphon_talk(*given)
    assert result.exit_code == 0, result.output
    assert save.exists()
    assert (tmp_path / "answer-2.wav").exists()
    lines = result.stdout
    assert lines.count("heard   ") == 2
    assert "you     tone.wav" in lines
    assert "sound after" in lines
    assert "measured by the agent" in lines


def test_each_line_of_a_pipe_is_a_turn(emulated_agent: str, tone: Path, tmp_path: Path) -> None:
    stdin = f"/wav {tone}\n\n/nonsense\n/save {tmp_path / 'saved'}\nGood bye\n/quit\nnever said\n"
    result = antiphon_talk("--url", emulated_agent, "--no-speak", "-o", "json", stdin=stdin)
    assert result.exit_code == 0, result.output
    assert [turn["asked"] for turn in turns_of(result)] == ["tone.wav", "Good bye"]


def test_silence_is_unheard(emulated_agent: str, tmp_path: Path) -> None:
    file = tmp_path / "silence.wav"
    with wave.open(str(file), "wb") as recording:
        recording.setparams((1, 2, 8000, 0, "NONE", ""))
        recording.writeframes(bytes(8000))
    result = antiphon_talk("--url", emulated_agent, "--wav", str(file), "--timeout", "1", "-o", "json")
    (turn,) = turns_of(result)
    assert (result.exit_code, turn["outcome"]) == (1, "unheard")
    assert "heard no speech" in turn["reason"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--wav", "nowhere.wav"), "nowhere.wav: can't be read"),
        (("--text", "a", "--save", "/nowhere/answer.wav"), "/nowhere/answer.wav: can't be written"),
    ],
)
def test_wrong_files_are_wrong_usage(emulated_agent: str, arguments: tuple[str, ...], says: str) -> None:
    result = antiphon_talk("--url", emulated_agent, "--no-speak", *arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_a_full_pod_refuses(tmp_path: Path, tone: Path) -> None:
    with voice_process(tmp_path, sessions={"maxSessions": 1}) as url:
        holding = subprocess.Popen(
            [sys.executable, "-c", _RUN, "--url", url, "--no-play", "--no-speak"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holding.stdin is not None
        assert holding.stdout is not None
        holding.stdin.write(f"/wav {tone}\n".encode())
        holding.stdin.flush()
        while b"heard" not in holding.stdout.readline():
            pass
        result = antiphon_talk("--url", url, "--text", "How are you today?", "-o", "json")
        holding.communicate()
    assert result.exit_code == 1
    (told,) = turns_of(result)
    assert told["code"] == "session_refused_full"
    assert told["retry_after_seconds"] > 0
    assert "try again in" in told["error"]


def test_a_key_lets_in(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("sesame\n")
    with voice_process(tmp_path, server={"apiKeysFile": str(keys)}) as url:
        refused = antiphon_talk("--url", url, "--text", "How are you today?")
        let_in = antiphon_talk("--url", url, "--text", "How are you today?", ANTIPHON_API_KEY="sesame")
    assert (refused.exit_code, let_in.exit_code) == (1, 0), let_in.output
    assert "wants an API key" in refused.stderr


def test_an_agent_without_a_voice_is_sent_the_text(tmp_path: Path) -> None:
    with voice_process(tmp_path, stages=[emulated_stage(name) for name in ("vad", "asr", "llm")]) as url:
        by_default = antiphon_talk("--url", url, "--text", "Hello", "-o", "json")
        wanted = antiphon_talk("--url", url, "--text", "Hello", "--speak")
    (turn,) = turns_of(by_default)
    assert (by_default.exit_code, turn["heard"], turn["audio_seconds"]) == (0, None, 0)
    assert turn["answer"]
    assert wanted.exit_code == 2
    assert "use --no-speak" in wanted.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a terminal of its own")
def test_a_person_interrupts_by_typing(emulated_agent: str) -> None:
    with _Person("--url", emulated_agent, "--no-play") as person:
        person.reads("you ")
        person.types("Tell me a long story\n")
        person.reads("s of speech")
        person.types("Something else\n")
        person.reads("s of speech")
        person.types("/nonsense\n")
        person.reads("type what you want")
        person.types("/quit\n")
        assert person.ends() == 0
    assert person.seen.count("heard   ") == 2


class _Person:
    """At a terminal."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self.seen = ""
        self._unread = 0

    def __enter__(self) -> _Person:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-c", _RUN, *self._arguments]
        self._process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "dumb"}
        )
        os.close(theirs)
        self._terminal = ours
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def types(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def reads(self, text: str, seconds: float = 20.0) -> None:
        """Until the text has come, after all that was read before."""
        until = time.monotonic() + seconds
        while text not in self.seen[self._unread :]:
            assert time.monotonic() < until, self.seen
            if select.select([self._terminal], [], [], 0.2)[0]:
                self.seen += os.read(self._terminal, 4096).decode()
        self._unread = self.seen.index(text, self._unread) + len(text)

    def ends(self) -> int:
        return self._process.wait(15)


def test_the_agents_figures_are_read(emulated_agent: str) -> None:
    async def read() -> Any:
        async with aiohttp.ClientSession() as http:
            return await AgentHttp(http, emulated_agent.rstrip("/"), None).figures()

    figures = asyncio.run(read())
    assert set(figures.emulated) == {"vad", "asr", "llm", "tts"}
    assert figures.hears_and_speaks
