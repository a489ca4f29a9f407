"""Silero VAD v6 on onnxruntime: one call for the frames of all sessions.

The published graph takes the frames of one stream, one after another. Two edits of its bytes make the first axis the
batch instead: the order of axes before the recurrent layer, and the fixed 1 in the shapes of its memory. The weights
stay as they are. A frame's probability does not depend, to the last bit, on what else is in its batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import give_back_memory, imported, label, model_file
from antiphon_runtime.engines.protocols import VAD_SAMPLES, EngineError, Samples, VadStream

_CONTEXT_SAMPLES = 64
"""The model sees the end of the frame before."""
_HIDDEN = 128
_TIME_FIRST = b"\x0a\x04perm\x40\x00\x40\x02\x40\x01"
_BATCH_SECOND = b"\x0a\x04perm\x40\x02\x40\x00\x40\x01"
_SHAPE = b"\x12\x13\x0a\x11\x08\x01\x12\x0d\x0a\x02\x08\x01"
"""A float tensor with three axes, up to and with its first, which has the fixed size 1."""
_ONE, _ANY = b"\x0a\x02\x08\x01", b"\x0a\x02\x78\x01"
"""An axis of size 1, and one of any size: the size's field number becomes one that nobody reads."""


class Stream:
    """A session's memory between frames."""

    __slots__ = ("cell", "hidden", "last")

    def __init__(self) -> None:
        self.hidden = np.zeros(_HIDDEN, np.float32)
        self.cell = np.zeros(_HIDDEN, np.float32)
        self.last = np.zeros(_CONTEXT_SAMPLES, np.float32)


class Silero:
    """Steps come from one thread at a time; streams may be opened in any."""

    name = "silero"
    emulated = False

    def __init__(self, session: Any) -> None:
        self._session = session

    def open(self) -> Stream:
        return Stream()

    def step(self, frames: Sequence[tuple[VadStream, Samples]]) -> list[float]:
        if not frames:
            return []
        streams = [_own(stream) for stream, _ in frames]
        sounds = np.stack([_checked(samples) for _, samples in frames])
        heard = np.concatenate([np.stack([stream.last for stream in streams]), sounds], axis=1)
        hidden = np.stack([stream.hidden for stream in streams])[None]
        cell = np.stack([stream.cell for stream in streams])[None]
        speech, hidden, cell = self._session.run(None, {"input": heard, "h": hidden, "c": cell})
        for index, stream in enumerate(streams):
            stream.hidden, stream.cell = hidden[0, index], cell[0, index]
            stream.last = sounds[index, -_CONTEXT_SAMPLES:]
        return [float(value) for value in speech]

    def warm_up(self) -> None:
        silence = np.zeros(VAD_SAMPLES, np.float32)
        for size in (1, 8, 32):
            self.step([(self.open(), silence) for _ in range(size)])

    def close(self) -> None:
        self._session = None
        give_back_memory()


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Silero:  # noqa: ARG001 (one thread is best)
    onnxruntime = imported("onnxruntime", variant, package="onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = model_file(variant, folder, "*.onnx").read_bytes()
    try:
        batched = batched_graph(graph)
    except ValueError as error:
        raise EngineError(f"{label(variant)}: the file in {folder} is not Silero VAD v6: {error}") from error
    return Silero(onnxruntime.InferenceSession(batched, options, providers=["CPUExecutionProvider"]))


def batched_graph(graph: bytes) -> bytes:
    """The graph with streams side by side where it had frames one after another. Raises ValueError."""
    graph = _replaced(graph, _TIME_FIRST, _BATCH_SECOND)
    for name in (b"h", b"c", b"hn", b"cn"):
        tensor = b"\x0a" + bytes([len(name)]) + name + _SHAPE
        graph = _replaced(graph, tensor + _ONE, tensor + _ANY)
    return graph


def _replaced(graph: bytes, old: bytes, new: bytes) -> bytes:
    if (found := graph.count(old)) != 1:
        raise ValueError(f"{old!r} is in it {found} times, not once")
    return graph.replace(old, new)


def _own(stream: VadStream) -> Stream:
    if not isinstance(stream, Stream):
        raise EngineError(f"a stream of silero was expected, not {type(stream).__name__}")
    return stream


def _checked(samples: Samples) -> NDArray[np.float32]:
    if samples.shape != (VAD_SAMPLES,):
        raise EngineError(f"a frame has {VAD_SAMPLES} samples, not {samples.shape}")
    return samples.astype(np.float32, copy=False)
