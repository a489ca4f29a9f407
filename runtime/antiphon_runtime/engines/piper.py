"""Piper. It is GPL: processes of its own, which wait for lines with the voice loaded, never imported.

Piper's raw output does not say where one line's speech ends, so each line is one sentence that it writes to a file in
memory, and says so on its error output.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import tempfile
import threading
import wave
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import count, label, program
from antiphon_runtime.engines.protocols import EngineError, Samples, Sound, Speech

_log = logging.getLogger(__name__)
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 (a folder with a random name is made in it)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_WROTE = "Wrote "
_SPARE = 1
"""Processes beyond `max_batch`, so that one is ready where another was killed."""


@dataclass(frozen=True)
class _Way:
    """How to speak; a process can do only one."""

    voice: str
    speed: float


class _Piper:
    """One process. Used by one thread at a time; it may be killed from another."""

    def __init__(self, path: str, model: Path, way: _Way, folder: Path) -> None:
        self.way = way
        self._folder = folder
        self._process = subprocess.Popen(  # noqa: S603
            [
                *(path, "--model", str(model), "--config", f"{model}.json", "--length-scale", f"{1 / way.speed:.4f}"),
                *("--output-dir", str(folder), "--output-dir-naming", "timestamp"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def say(self, sentence: str) -> Samples:
        """Raises EngineError when the process ended, or was killed."""
        if self._process.stdin is None or self._process.stderr is None:
            raise EngineError("piper was started without pipes")
        with suppress(BrokenPipeError):  # what it said before it ended follows
            self._process.stdin.write(" ".join(sentence.split()) + "\n")
            self._process.stdin.flush()
        said = ""
        for line in self._process.stderr:
            if _WROTE in line:
                return _taken(self._folder / Path(line.rpartition(_WROTE)[2].strip()).name)
            said = line.strip() or said
        raise EngineError(f"piper ended, exit code {self._process.wait()}: {said}")

    def kill(self) -> None:
        """From any thread; whoever waits in `say` gets an EngineError."""
        self._process.kill()

    def end(self) -> None:
        """When no thread is in `say`."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None


class Piper:
    """Speeches may be asked for from one event loop at a time; `max_batch` are computed at once, more wait."""

    name = "piper"
    emulated = False

    def __init__(self, path: str, models: dict[str, Path], sample_rate: int, max_batch: int) -> None:
        self.voices: Sequence[str] = tuple(models)
        self.sample_rate = sample_rate
        self.max_batch = max_batch
        self._path = path
        self._models = models
        self._threads = ThreadPoolExecutor(max_batch, thread_name_prefix="piper")
        self._folder = tempfile.TemporaryDirectory(
            prefix="antiphon-piper-", dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None
        )
        self._lock = threading.Lock()
        self._idle: list[_Piper] = []
        self._busy: set[_Piper] = set()
        self._is_closed = False

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        """A sound for each sentence. Closing it kills the process that is at work on one."""
        if self._is_closed:
            raise EngineError("piper is closed")
        if speech.voice and speech.voice not in self.voices:
            raise EngineError(f"piper has no voice '{speech.voice}'; there are: {', '.join(self.voices)}")
        way = _Way(speech.voice or self.voices[0], speech.speed)
        for sentence in filter(str.strip, _SENTENCE_END.split(speech.text)):
            yield Sound(await self._say(way, sentence))

    def warm_up(self) -> None:
        """Starts all processes; each has then loaded the voice and spoken once."""
        way = _Way(self.voices[0], 1.0)
        started = [self._take(way) for _ in range(self.max_batch + _SPARE)]
        for process in started:
            process.say("Hello.")
        for process in started:
            self._give_back(process)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            for process in self._busy:
                process.kill()
            for process in self._idle:
                process.end()
            self._idle.clear()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()

    async def _say(self, way: _Way, sentence: str) -> Samples:
        loop = asyncio.get_running_loop()
        taken: list[_Piper] = []
        stopped = threading.Event()

        def work() -> Samples:
            taken.append(process := self._take(way))
            try:
                if stopped.is_set():
                    raise EngineError("piper was told to stop")
                return process.say(sentence)
            finally:
                self._give_back(process)

        try:
            return await loop.run_in_executor(self._threads, work)
        except asyncio.CancelledError:
            stopped.set()
            for process in taken:
                process.kill()
            raise

    def _take(self, way: _Way) -> _Piper:
        """An idle process that speaks so, or a new one in the place of one that does not."""
        with self._lock:
            if self._is_closed:
                raise EngineError("piper is closed")
            fitting = [process for process in self._idle if process.way == way and process.is_running]
            if fitting:
                process = fitting[0]
                self._idle.remove(process)
            else:
                if len(self._idle) + len(self._busy) > self.max_batch and self._idle:
                    self._idle.pop(0).end()
                process = self._start(way)
            self._busy.add(process)
            return process

    def _give_back(self, process: _Piper) -> None:
        with self._lock:
            self._busy.discard(process)
            if self._is_closed:
                process.end()
            elif process.is_running:
                self._idle.append(process)
            else:
                process.end()
                self._idle.append(self._start(process.way))

    def _start(self, way: _Way) -> _Piper:
        return _Piper(self._path, self._models[way.voice], way, Path(self._folder.name))


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Piper:  # noqa: ARG001 (tts only)
    """Options: program, processes at work at once (one more waits as a spare)."""
    path = program(variant, "piper", install="pip install piper-tts")
    models = {model.stem: model for model in sorted(folder.glob("*.onnx")) if Path(f"{model}.json").is_file()}
    if not models:
        raise EngineError(f"{label(variant)} needs a voice, NAME.onnx and NAME.onnx.json, in {folder}")
    rates = {name: _rate(Path(f"{model}.json")) for name, model in models.items()}
    if len(set(rates.values())) > 1:
        raise EngineError(f"{label(variant)} has voices of different sample rates in {folder}: {rates}")
    return Piper(path, models, next(iter(rates.values())), count(variant, "processes", 1))


def _rate(configuration: Path) -> int:
    return int(json.loads(configuration.read_text(encoding="utf-8"))["audio"]["sample_rate"])


def _taken(path: Path) -> Samples:
    """The samples of a WAV file, which is removed."""
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    path.unlink()
    return samples.astype(np.float32) / np.float32(32768)
