from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_models import variant

from antiphon_crds.stages import STAGES_OF_ENGINE, Stage
from antiphon_runtime.engines import needs
from antiphon_runtime.engines.emulated import (
    EmulatedLanguageModel,
    EmulatedRecognizer,
    EmulatedSpeakerEncoder,
    EmulatedSynthesizer,
    EmulatedVad,
)
from antiphon_runtime.engines.espeak import Espeak
from antiphon_runtime.engines.ge2e import Ge2e
from antiphon_runtime.engines.hibari import Hibari
from antiphon_runtime.engines.piper import Piper
from antiphon_runtime.engines.protocols import (
    Engine,
    EngineError,
    LanguageModel,
    Recognizer,
    SpeakerEncoder,
    Synthesizer,
    Vad,
)
from antiphon_runtime.engines.registry import create
from antiphon_runtime.engines.silero import Silero
from antiphon_runtime.engines.whisper import Whisper
from antiphon_runtime.engines.xllamacpp import Xllamacpp

_HEAVY = ("onnxruntime", "faster_whisper", "ctranslate2", "xllamacpp", "hibari", "torch", "piper")
vads: list[type[Vad]] = [Silero, EmulatedVad]
recognizers: list[type[Recognizer]] = [Whisper, EmulatedRecognizer]
models: list[type[LanguageModel]] = [Xllamacpp, EmulatedLanguageModel]
voices: list[type[Synthesizer]] = [Hibari, Piper, Espeak, EmulatedSynthesizer]
encoders: list[type[SpeakerEncoder]] = [Ge2e, EmulatedSpeakerEncoder]


@pytest.mark.parametrize("engine", [*vads, *recognizers, *models, *voices, *encoders])
def test_engines_keep_to_the_protocols(engine: type[Engine]) -> None:
    """That the signatures fit, the type checker finds above; here, that each says which it is."""
    assert (engine.name == "emulated") == engine.emulated
    assert engine.name in STAGES_OF_ENGINE


def test_importing_the_engines_loads_no_model_library() -> None:
    script = (
        "import importlib, pkgutil, sys, antiphon_runtime.engines as engines\n"
        "for module in pkgutil.iter_modules(engines.__path__, engines.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not set(_HEAVY) & set(loaded)


def test_only_the_chosen_engines_file_is_imported(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from antiphon_crds.voicemodel import Variant\n"
        "from antiphon_runtime.engines.registry import create\n"
        "profile = dict(hardware='h', alphaMs=1, betaMs=1, item='i', basis='Projected', origin='o')\n"
        "given = dict(name='v', engine='emulated', memory={'host': '1Mi'}, profiles=[profile])\n"
        "create('asr', Variant.model_validate(given), Path(sys.argv[1]), threads=1)\n"
        "print(*(name.rpartition('.')[2] for name in sys.modules if name.startswith('antiphon_runtime.engines.')))"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert set(loaded) == {"registry", "needs", "protocols", "emulated", "emulated_time"}


_IN_CPU_STACK: list[tuple[str, str, str, str]] = [
    ("silero-vad", "v6-fp32", "onnxruntime", "pip install onnxruntime"),
    ("whisper-cpu", "tiny.en-int8", "faster_whisper", "pip install faster-whisper"),
    ("smollm2", "135m-q4", "xllamacpp", "pip install xllamacpp"),
    ("hibari", "heart-int8", "hibari", "pip install hibari-tts"),
]


@pytest.mark.parametrize(("model", "name", "module", "install"), _IN_CPU_STACK)
def test_a_missing_package_is_named_with_its_remedy(
    model: str, name: str, module: str, install: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, chosen = variant(model, name)
    for file in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / file).touch()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineError) as told:
        create(stage, chosen, tmp_path, threads=1)
    for part in (f"engine {chosen.engine}", f"variant '{name}'", install):
        assert part in str(told.value)


@pytest.mark.parametrize(
    ("model", "name", "install"),
    [
        ("piper", "joe-medium-fp32", "pip install piper-tts"),
        ("espeak", "rules", "apt-get install espeak-ng"),
    ],
)
def test_a_missing_program_is_named_with_its_remedy(model: str, name: str, install: str, tmp_path: Path) -> None:
    stage, chosen = variant(model, name)
    chosen = chosen.model_copy(update={"options": {"program": "no-such-program"}})
    with pytest.raises(EngineError, match=f"needs the program no-such-program; install it with: {install}"):
        create(stage, chosen, tmp_path, threads=1)


@pytest.mark.parametrize("model", [("ge2e", "fp32", r"\*\.pt"), ("silero-vad", "v6-fp32", r"\*\.onnx")])
def test_a_missing_file_is_named(model: tuple[str, str, str], tmp_path: Path) -> None:
    stage, chosen = variant(*model[:2])
    if chosen.engine == "silero":
        pytest.importorskip("onnxruntime")
    with pytest.raises(EngineError, match=f"needs one file {model[2]} in .*; there is: none"):
        create(stage, chosen, tmp_path, threads=1)


def test_a_damaged_file_is_an_engine_error(tmp_path: Path) -> None:
    stage, chosen = variant("ge2e", "fp32")
    (tmp_path / "pretrained.pt").write_bytes(b"nothing")
    with pytest.raises(EngineError, match="has no GE2E weights"):
        create(stage, chosen, tmp_path, threads=1)


@pytest.mark.parametrize("stage", ["llm", "tts"])
def test_an_engine_is_not_asked_for_what_it_can_not_do(stage: Stage, tmp_path: Path) -> None:
    _, chosen = variant("silero-vad", "v6-fp32")
    with pytest.raises(EngineError, match=f"can't serve stage {stage}; it serves vad"):
        create(stage, chosen, tmp_path, threads=1)


def test_openmp_threads_are_told_to_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    needs.let_openmp_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
