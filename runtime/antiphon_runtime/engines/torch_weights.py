"""Reads the tensors of a PyTorch file of the format before 1.6, without PyTorch, and runs nothing that is in it."""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {"FloatStorage": np.float32, "DoubleStorage": np.float64, "LongStorage": np.int64, "IntStorage": np.int32}


@dataclass(frozen=True)
class _Storage:
    kind: str
    key: str


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Knows tensors, numbers, text and containers; everything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _TYPES:
            return name
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} has no place among weights")

    def persistent_load(self, pid: Any) -> _Storage:
        return _Storage(kind=pid[1], key=pid[2])


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


def read_weights(path: Path, part: str) -> dict[str, NDArray[Any]]:
    """Tensors of one part of a checkpoint, such as `model_state`, by name. Raises ValueError."""
    try:
        with path.open("rb") as file:
            return _read(file, part)
    except (pickle.UnpicklingError, EOFError, KeyError, struct.error, TypeError, AttributeError) as error:
        raise ValueError(f"{path.name} can't be read as weights: {error!r}") from error


def _read(file: BinaryIO, part: str) -> dict[str, NDArray[Any]]:
    magic, _protocol, _platform, checkpoint, keys = (_Unpickler(file).load() for _ in range(5))
    if magic != _MAGIC:
        raise ValueError("it is no PyTorch file of the old format")
    tensors = {name: value for name, value in checkpoint[part].items() if isinstance(value, _Tensor)}
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in tensors.values()}
    data = {key: _storage(file, kinds.get(key, "FloatStorage")) for key in keys}
    return {name: _array(tensor, data[tensor.storage.key]) for name, tensor in tensors.items()}


def _storage(file: BinaryIO, kind: str) -> NDArray[Any]:
    """A count of values, then the values. What is no tensor of the part is read as if it had 4 bytes a value."""
    (values,) = struct.unpack("<q", file.read(8))
    kept: NDArray[Any] = np.frombuffer(file.read(values * np.dtype(_TYPES[kind]).itemsize), _TYPES[kind])
    return kept


def _array(tensor: _Tensor, data: NDArray[Any]) -> NDArray[Any]:
    steps = [step * data.itemsize for step in tensor.strides]
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides, strict=True))
    if not 0 <= last < len(data):
        raise ValueError("a tensor reaches beyond its storage")
    return np.lib.stride_tricks.as_strided(data[tensor.offset :], tensor.shape, steps).copy()
