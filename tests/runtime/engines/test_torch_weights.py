from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from antiphon_runtime.engines.torch_weights import read_weights


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "weights.pt"
    file.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C) + pickle.dumps(_Evil()))
    with pytest.raises(ValueError, match="has no place among weights"):
        read_weights(file, "model_state")
    assert not (tmp_path / "made-by-a-pickle").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(1) * 5])
def test_what_is_no_weights_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.pt can't be read|no PyTorch file"):
        read_weights(file, "model_state")
