"""Against a real child process: `fake_vllm`, which has vLLM's endpoints and no model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import fake_vllm
import numpy as np
import pytest

from antiphon_crds.stages import STAGES_OF_ENGINE, Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines import vllm
from antiphon_runtime.engines.kokoro import Kokoro
from antiphon_runtime.engines.openai import OpenAiLanguageModel, OpenAiRecognizer, OpenAiSynthesizer
from antiphon_runtime.engines.protocols import (
    Chat,
    Engine,
    EngineError,
    LanguageModel,
    Recognizer,
    Speech,
    Synthesizer,
    Utterance,
)
from antiphon_runtime.engines.registry import create
from antiphon_runtime.engines.sleeping import sleeper_of
from antiphon_runtime.engines.vllm_server import Times, VllmServer

recognizers: list[type[Recognizer]] = [OpenAiRecognizer, vllm.VllmRecognizer]
models: list[type[LanguageModel]] = [OpenAiLanguageModel, vllm.VllmLanguageModel]
voices: list[type[Synthesizer]] = [OpenAiSynthesizer, vllm.VllmSynthesizer, Kokoro]
_PATIENCE_SECONDS = 15.0
_QUICK = Times(start=20, stop=1, watch=0.1, health=0.3, missed=2, backoff=0.2)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder. The program is beside it, and times are short."""
    program = tmp_path / "vllm"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {fake_vllm.__file__} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(vllm, "Times", lambda start: _QUICK)  # noqa: ARG005
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


def _variant(folder: Path, **options: Any) -> Variant:
    return Variant.model_validate(
        {
            "name": "v",
            "engine": "vllm",
            "source": {"path": {"path": str(folder)}},
            "memory": {"gpu": "1Gi", "host": "1Gi"},
            "options": {"program": str(folder.parent / "vllm"), **options},
        }
    )


@contextmanager
def _engine(folder: Path, stage: Stage = "llm", **options: Any) -> Iterator[Any]:
    engine = create(stage, _variant(folder, **options), folder, threads=1)
    try:
        yield engine
    finally:
        engine.close()


def _says(engine: Any, text: str = "Hi") -> str:
    async def story() -> str:
        try:
            chat = Chat([{"role": "user", "content": text}])
            return "".join([token.text async for token in engine.answer(chat)])
        finally:
            await engine.connections.leave_loop()

    return asyncio.run(story())


def _trouble(folder: Path, **trouble: Any) -> None:
    (folder / "fake.json").write_text(json.dumps(trouble))


def _started(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "started").read_text().split()]


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def _works(engine: Any) -> bool:
    try:
        return bool(_says(engine))
    except EngineError:
        return False


@pytest.mark.parametrize("engine", [*recognizers, *models, *voices])
def test_engines_keep_to_the_protocols(engine: type[Engine]) -> None:
    """That the signatures fit, the type checker finds above."""
    assert engine.name in STAGES_OF_ENGINE
    assert not engine.emulated


def test_it_serves_each_of_its_stages_and_is_gone_when_closed(folder: Path) -> None:
    with _engine(folder) as model:
        model.warm_up()
        assert _says(model) == "Boil some water."
        process_id = model.server.process_id
        assert _runs(process_id)
        socket: Path = model.server.socket
        assert (socket.parent.stat().st_mode & 0o777) == 0o700
        with pytest.raises(EngineError, match="vllm runs"):
            model.server.start()
    assert not _runs(process_id)
    assert not socket.parent.exists()
    with pytest.raises(EngineError, match="vllm is closed"):
        _says(model)
    with _engine(folder, "asr", maxNumSeqs=4) as recognizer:
        (found,) = recognizer.transcribe([Utterance(np.zeros(16_000, np.float32), words=True)])
        assert (found.text, found.words, recognizer.max_batch) == ("10 tenths", (), 4)


def test_it_speaks(folder: Path) -> None:
    async def story(voice: Any) -> int:
        try:
            return sum([len(sound.samples) async for sound in voice.speak(Speech("Hello."))])
        finally:
            await voice.connections.leave_loop()

    with _engine(folder, "tts") as voice:
        assert asyncio.run(story(voice)) == 4800


def test_a_start_that_fails_tells_what_it_said(folder: Path) -> None:
    _trouble(folder, endsAtStart=True)
    with (
        pytest.raises(EngineError, match=r"(?s)exit code 1.*No available memory for the cache blocks"),
        _engine(folder),
    ):
        pass


def test_a_flag_that_it_does_not_know_is_told(folder: Path) -> None:
    with pytest.raises(EngineError, match=r"(?s)exit code 2.*unrecognized arguments: --no-such"):
        create("llm", _variant(folder, args=["--no-such"]), folder, threads=1)


def test_a_start_that_takes_too_long_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "Times", lambda start: Times(start=2, stop=1))  # noqa: ARG005
    _trouble(folder, startSeconds=60)
    with pytest.raises(EngineError, match=r"not ready within 2 s; it said:\n"):
        create("llm", _variant(folder), folder, threads=1)
    assert not (folder / "started").exists() or not any(map(_runs, _started(folder)))


def test_a_slow_start_can_be_broken_off(folder: Path) -> None:
    _trouble(folder, startSeconds=60)
    made: list[VllmServer] = []
    server = VllmServer(
        lambda socket: [str(folder.parent / "vllm"), "serve", str(folder), "--uds", str(socket)],
        environment=os.environ,
        times=_QUICK,
    )

    def start() -> None:
        with pytest.raises(EngineError):
            server.start()
        made.append(server)

    thread = threading.Thread(target=start)
    thread.start()
    _wait_until((folder / "started").exists)
    server.close()
    thread.join(_PATIENCE_SECONDS)
    assert made
    assert not any(map(_runs, _started(folder)))


def test_one_that_dies_is_an_error_at_once_and_starts_again_on_demand(folder: Path) -> None:
    _trouble(folder, worker=True)
    with _engine(folder) as model:
        with pytest.raises(EngineError):
            _says(model, "crash")
        _wait_until(lambda: model.server.process_id is None)
        assert not _runs(int((folder / "worker").read_text()))
        with pytest.raises(EngineError, match=r"(?s)exit code 7.*illegal memory access"):
            _wait_until(lambda: _says(model) == "never")
        assert len(_started(folder)) == 1
        _wait_until(lambda: _works(model))
        assert len(_started(folder)) == 2


def test_each_further_death_makes_it_wait_longer(folder: Path) -> None:
    with _engine(folder) as model:
        ends: list[float] = []
        for _ in range(3):
            _wait_until(lambda: _works(model))
            if ends:
                ends[-1] = time.monotonic() - ends[-1]
            with pytest.raises(EngineError):
                _says(model, "crash")
            ends.append(time.monotonic())
            _wait_until(lambda: model.server.process_id is None)
    assert len(_started(folder)) == 3
    assert ends[1] > ends[0] > 0.2
    assert ends[1] > 0.4


def test_an_answer_under_way_ends_when_it_dies(folder: Path) -> None:
    async def story(model: Any) -> None:
        try:
            async with aclosing(model.answer(Chat([{"role": "user", "content": "for ever"}]))) as answer:
                await anext(answer)
                os.kill(model.server.process_id, signal.SIGKILL)
                async for _ in answer:
                    pass
        finally:
            await model.connections.leave_loop()

    with _engine(folder) as model, pytest.raises(EngineError):
        asyncio.run(asyncio.wait_for(story(model), _PATIENCE_SECONDS))


def test_one_that_hangs_is_killed_and_starts_again(folder: Path) -> None:
    with _engine(folder) as model:
        with pytest.raises(EngineError):
            _says(model, "hang")
        _wait_until(lambda: _works(model))
        first, second = _started(folder)
        assert not _runs(first)
        assert _runs(second)


def test_one_that_does_not_listen_is_killed(folder: Path) -> None:
    _trouble(folder, deafToTerm=True, worker=True)
    with _engine(folder) as model:
        worker = int((folder / "worker").read_text())
        process_id = model.server.process_id
    assert not _runs(process_id)
    assert not _runs(worker)


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (1, ["/sleep?level=1", "/wake_up"]),
        (2, ["/sleep?level=2", "/wake_up?tags=weights", "/collective_rpc", "/wake_up?tags=kv_cache"]),
    ],
)
def test_it_sleeps_and_wakes(folder: Path, level: int, told: list[str]) -> None:
    with _engine(folder, enableSleepMode=True, sleepLevel=level) as model:
        sleeper = sleeper_of(model)
        assert sleeper is not None
        sleeper.sleep()
        sleeper.sleep()
        with pytest.raises(EngineError, match="vllm sleeps"):
            _says(model)
        sleeper.wake()
        sleeper.wake()
        assert _says(model)
        assert (folder / "told").read_text().split() == told
        assert len(_started(folder)) == 1


def test_one_that_died_asleep_wakes_as_a_new_one(folder: Path) -> None:
    with _engine(folder, enableSleepMode=True) as model:
        model.sleep()
        os.kill(model.server.process_id, signal.SIGKILL)
        _wait_until(lambda: model.server.process_id is None)
        time.sleep(0.05)
        model.wake()
        assert _says(model)
        assert len(_started(folder)) == 2


def test_only_one_that_was_started_so_can_sleep(folder: Path) -> None:
    with _engine(folder) as model:
        engine: Engine = model
        assert sleeper_of(engine) is None
        with pytest.raises(EngineError, match="enableSleepMode"):
            model.sleep()


def test_it_ends_with_the_process_that_started_it(folder: Path) -> None:
    script = (
        "import os, sys, threading\n"
        "from pathlib import Path\n"
        "from antiphon_crds.voicemodel import Variant\n"
        "from antiphon_runtime.engines.registry import create\n"
        "folder = Path(sys.argv[1])\n"
        "made = []\n"
        "variant = Variant.model_validate_json(sys.argv[2])\n"
        "thread = threading.Thread(target=lambda: made.append(create('llm', variant, folder, threads=1)))\n"
        "thread.start(); thread.join()\n"  # that the thread is gone must not end it
        "print(made[0].server.process_id, flush=True)\n"
        "threading.Event().wait()\n"
    )
    given = _variant(folder).model_dump_json(by_alias=True, exclude_none=True)
    command = [sys.executable, "-c", script, str(folder), given]
    environment = os.environ | {"TMPDIR": str(folder.parent)}  # nobody removes what a killed process left there
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        process_id = int(parent.stdout.readline())
        time.sleep(0.2)
        assert _runs(process_id)
        parent.kill()
    _wait_until(lambda: not _runs(process_id))


def test_what_it_can_not_serve_is_told(folder: Path) -> None:
    with pytest.raises(EngineError, match="can't serve stage speech in this runtime"):
        create("speech", _variant(folder), folder, threads=1)
    with pytest.raises(EngineError, match="needs the program no-vllm; install it with: pip install vllm"):
        create("llm", _variant(folder, program="no-vllm"), folder, threads=1)
    with pytest.raises(EngineError, match="sleepLevel is 3"):
        create("llm", _variant(folder, enableSleepMode=True, sleepLevel=3), folder, threads=1)
