"""eSpeak NG, a robot's voice in many languages. It is GPL: a process of its own for each speech, never imported."""

from __future__ import annotations

import asyncio
import struct
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import count, option, program
from antiphon_runtime.engines.protocols import EngineError, Sound, Speech

_WORDS_A_MINUTE = 175
_SLOWEST, _FASTEST = 80, 450
"""What eSpeak can do."""
_HEADER_BYTES = 44
_RATE = slice(24, 28)
"""Where the header of a WAV file has the rate."""
_PIECE_SECONDS = 0.25
_TIMEOUT_SECONDS = 20.0


class Espeak:
    """Speeches may be asked for from any event loop; `max_batch` is how many processes are meant to run at once."""

    name = "espeak"
    emulated = False

    def __init__(self, path: str, voices: Sequence[str], sample_rate: int, max_batch: int) -> None:
        self.voices = voices
        self.sample_rate = sample_rate
        self.max_batch = max_batch
        self._path = path
        self._running: set[Process] = set()

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        """Pieces of a quarter of a second. Closing it kills the process."""
        if speech.voice and speech.voice not in self.voices:
            raise EngineError(f"espeak has no voice '{speech.voice}'; there are: {', '.join(self.voices)}")
        process = await asyncio.create_subprocess_exec(
            *_command(self._path, speech.voice or self.voices[0], speech.speed),
            stdin=PIPE,
            stdout=PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._running.add(process)
        try:
            async for sound in self._sounds(process, speech.text):
                yield sound
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            self._running.discard(process)

    def warm_up(self) -> None:
        """Reads the program and its data from disk once."""
        _header(self._path, self.voices[0])

    def close(self) -> None:
        for process in tuple(self._running):
            with suppress(ProcessLookupError):
                process.kill()

    async def _sounds(self, process: Process, text: str) -> AsyncIterator[Sound]:
        if process.stdin is None or process.stdout is None:
            raise EngineError("espeak was started without pipes")
        process.stdin.write(text.encode())
        process.stdin.close()
        try:
            await process.stdout.readexactly(_HEADER_BYTES)
        except asyncio.IncompleteReadError as error:
            raise EngineError(f"espeak ended before it spoke, exit code {await process.wait()}") from error
        size = 2 * int(self.sample_rate * _PIECE_SECONDS)
        while piece := await _read(process.stdout, size):
            yield Sound(np.frombuffer(piece, "<i2").astype(np.float32) / np.float32(32768))


async def _read(stream: asyncio.StreamReader, size: int) -> bytes:
    """So many bytes, fewer at the end; whole samples."""
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError as end:
        return end.partial[: len(end.partial) // 2 * 2]


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Espeak:  # noqa: ARG001 (has no weights)
    """Options: program, voice (the default one), maxBatch."""
    path = program(variant, "espeak-ng", "espeak", install="apt-get install espeak-ng")
    first = option(variant, "voice", "en-us")
    voices = _voices(path)
    if first not in voices:
        raise EngineError(f"espeak has no voice '{first}'")
    (rate,) = struct.unpack("<I", _header(path, first)[_RATE])
    return Espeak(path, (first, *(voice for voice in voices if voice != first)), rate, count(variant, "maxBatch", 4))


def _command(path: str, voice: str, speed: float) -> list[str]:
    words_a_minute = min(max(round(_WORDS_A_MINUTE * speed), _SLOWEST), _FASTEST)
    return [path, "--stdin", "--stdout", "-v", voice, "-s", str(words_a_minute)]


def _header(path: str, voice: str) -> bytes:
    return _run(*_command(path, voice, 1.0), said=b"a")[:_HEADER_BYTES].ljust(_HEADER_BYTES, b"\0")


def _voices(path: str) -> tuple[str, ...]:
    """The second column of a table with a heading."""
    lines = _run(path, "--voices").decode().splitlines()[1:]
    return tuple(line.split()[1] for line in lines if len(line.split()) > 1)


def _run(*command: str, said: bytes = b"") -> bytes:
    try:
        done = subprocess.run(command, input=said, capture_output=True, timeout=_TIMEOUT_SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineError(f"espeak can't be run: {error}") from error
    return done.stdout
