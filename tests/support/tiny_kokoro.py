"""A made-up model with Kokoro's inputs and outputs, as ONNX bytes written by hand, in a folder as the real one's.

It says a click of 600 samples for each phoneme, as high as its id times the mean of the style, divided by the speed.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

FRAME = 600
_FLOAT, _INT64 = 1, 7


def folder_of_kokoro(folder: Path, voices: tuple[str, ...] = ("af_bella", "af_heart", "bm_george", "jf_alpha")) -> Path:
    """As in onnx-community/Kokoro-82M-v1.0-ONNX. The voices' styles are 1, 2, 3..."""
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "model.onnx").write_bytes(model("input_ids"))
    (folder / "onnx" / "model_fp16.onnx").write_bytes(model("input_ids"))
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": VOCABULARY}}))
    (folder / "voices").mkdir()
    for number, voice in enumerate(voices):
        np.full((510, 1, 256), number + 1, "<f4").tofile(folder / "voices" / f"{voice}.bin")
    return folder


SYMBOLS = '$;:,.!?—…"()“” AIOQSTWYᵊabdefhijklmnopqrstuvwxyzɑɐɒæɔɕðəɛɜɡɪŋɹɾʃʊʌʒʤʧˈˌːθᵻ'  # noqa: RUF001
VOCABULARY = {symbol: number for number, symbol in enumerate(SYMBOLS)}


def height(symbol: str, style: float = 1.0, speed: float = 1.0) -> float:
    return VOCABULARY[symbol] * style / speed


def model(ids: str, *, tells_durations: bool = False) -> bytes:
    """`ids` is the name of the first input."""
    nodes = [
        _node("Cast", [ids], ["numbers"], _attribute("to", _FLOAT)),
        _node("ReduceMean", ["style"], ["mean"]),
        _node("Mul", ["numbers", "mean"], ["loud"]),
        _node("Div", ["loud", "speed"], ["paced"]),
        _node("Transpose", ["paced"], ["column"]),
        _node("MatMul", ["column", "frame"], ["frames"]),
        _node("Reshape", ["frames", "flat"], ["waveform"]),
    ]
    outputs = [_value("waveform", _FLOAT, ["one", "samples"])]
    if tells_durations:
        nodes.append(_node("Add", [ids, "two"], ["durations"]))
        outputs.append(_value("durations", _INT64, ["one", "phonemes"]))
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, b"tiny")
    graph += _field(5, _tensor("frame", [1, FRAME], _FLOAT, np.ones(FRAME, "<f4").tobytes()))
    graph += _field(5, _tensor("flat", [2], _INT64, struct.pack("<2q", 1, -1)))
    graph += _field(5, _tensor("two", [1], _INT64, struct.pack("<q", 2)))
    graph += _field(11, _value(ids, _INT64, [1, "phonemes"]))
    graph += _field(11, _value("style", _FLOAT, [1, 256])) + _field(11, _value("speed", _FLOAT, [1]))
    graph += b"".join(_field(12, output) for output in outputs)
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _node(kind: str, inputs: list[str], outputs: list[str], attributes: bytes = b"") -> bytes:
    names = b"".join(_field(1, name.encode()) for name in inputs) + b"".join(_field(2, out.encode()) for out in outputs)
    return names + _field(4, kind.encode()) + attributes


def _attribute(name: str, value: int) -> bytes:
    return _field(5, _field(1, name.encode()) + _number(3, value) + _number(20, 2))


def _tensor(name: str, shape: list[int], kind: int, raw: bytes) -> bytes:
    return b"".join(_number(1, size) for size in shape) + _number(2, kind) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, kind: int, shape: list[int | str]) -> bytes:
    sizes = b"".join(
        _field(1, _number(1, size) if isinstance(size, int) else _field(2, size.encode())) for size in shape
    )
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, kind) + _field(2, sizes)))
