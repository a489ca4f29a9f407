"""What may be told of Whisper on CUDA without a GPU: how it is loaded, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon_crds.stages import Precision
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines import whisper
from antiphon_runtime.engines.protocols import EngineError, Utterance
from antiphon_runtime.engines.registry import create


def _variant(precision: Precision, *, gpu: str | None = "4Gi", **options: Any) -> Variant:
    return Variant.model_validate(
        {
            "name": "v",
            "engine": "faster-whisper",
            "precision": precision,
            "source": {"path": {"path": "/m"}},
            "memory": {"host": "1Gi"} | ({"gpu": gpu} if gpu else {}),
            "options": options,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the library's model was told to be; there is no weight in it."""
    library: Any = pytest.importorskip("faster_whisper")
    ctranslate2: Any = pytest.importorskip("ctranslate2")
    told: dict[str, Any] = {}

    class Inner:
        device = "cpu"

        def unload_model(self) -> None:
            pass

    class Recorder:
        def __init__(self, path: str, **given: Any) -> None:
            told.update(given, path=path)
            self.model = Inner()
            self.model.device = given["device"]

    monkeypatch.setattr(library, "WhisperModel", Recorder)
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    return told


@pytest.mark.parametrize(
    ("precision", "kind"),
    [("fp16", "float16"), ("int8_fp16", "int8_float16"), ("tf32", "float32"), ("bf16", "bfloat16"), ("int8", "int8")],
)
def test_precision_and_device_follow_the_variant(
    precision: Precision, kind: str, folder: Path, loaded: dict[str, Any]
) -> None:
    engine: Any = create("asr", _variant(precision, deviceIndex=1), folder, threads=2)
    assert (loaded["device"], loaded["device_index"], loaded["compute_type"]) == ("cuda", 1, kind)
    assert engine.max_batch == 16
    heard: list[list[Utterance]] = []
    engine.transcribe = heard.append
    engine.warm_up()
    assert len(heard[0]) == 16


def test_on_the_cpu_it_is_as_before(folder: Path, loaded: dict[str, Any]) -> None:
    engine: Any = create("asr", _variant("int8", gpu=None), folder, threads=2)
    assert (loaded["device"], loaded["device_index"], loaded["compute_type"]) == ("cpu", 0, "int8")
    assert engine.max_batch == 1
    heard: list[list[Utterance]] = []
    engine.transcribe = heard.append
    engine.warm_up()
    assert [len(utterances) for utterances in heard] == [1]
    assert not np.any(heard[0][0].samples)


def test_without_a_gpu_that_is_told(folder: Path) -> None:
    ctranslate2: Any = pytest.importorskip("ctranslate2")
    if ctranslate2.get_cuda_device_count():
        pytest.skip("there is a GPU")
    with pytest.raises(EngineError, match="variant 'v' needs a GPU, and CTranslate2 sees none"):
        create("asr", _variant("fp16"), folder, threads=1)


def test_a_precision_that_it_can_not_is_refused(folder: Path) -> None:
    with pytest.raises(EngineError, match="has precision fp8; faster-whisper knows fp32, tf32, fp16"):
        whisper.create("asr", _variant("fp8"), folder, threads=1)
