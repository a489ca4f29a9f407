"""With a made-up model of Kokoro's inputs and outputs, see `tiny_kokoro`; phonemes are real where the packages are."""

# ruff: noqa: RUF001 (phonemes look like other letters)
from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_kokoro import FRAME, VOCABULARY, folder_of_kokoro, height, model

from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.kokoro import clauses, portions
from antiphon_runtime.engines.kokoro_phonemes import from_espeak, spelled
from antiphon_runtime.engines.onnx_devices import providers_for
from antiphon_runtime.engines.protocols import EngineError, Sound, Speech
from antiphon_runtime.engines.registry import create

_HELLO = "həlˈO."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pytest.importorskip("onnxruntime")
    return folder_of_kokoro(tmp_path / "kokoro")


def _variant(precision: str = "fp32", *, gpu: str | None = None, **options: Any) -> Variant:
    return Variant.model_validate(
        {
            "name": "v",
            "engine": "kokoro",
            "precision": precision,
            "source": {"path": {"path": "/m"}},
            "memory": {"host": "1Gi"} | ({"gpu": gpu} if gpu else {}),
            "options": options,
        }
    )


@contextmanager
def _engine(folder: Path, variant: Variant | None = None) -> Iterator[Any]:
    pytest.importorskip("hibari.g2p", reason="English is read by hibari")
    engine: Any = create("tts", variant or _variant(), folder, threads=1)
    try:
        yield engine
    finally:
        engine.close()


def _spoken(engine: Any, speech: Speech) -> list[Sound]:
    async def story() -> list[Sound]:
        return [sound async for sound in engine.speak(speech)]

    return asyncio.run(story())


def _heights(sound: Sound) -> list[float]:
    return [float(sound.samples[at]) for at in range(0, len(sound.samples), FRAME)]


@pytest.mark.parametrize(("voice", "style"), [("", 2.0), ("af_bella", 1.0)])
def test_phonemes_style_and_speed_reach_the_model(folder: Path, voice: str, style: float) -> None:
    with _engine(folder) as engine:
        engine.warm_up()
        (sound,) = _spoken(engine, Speech("Hello.", voice=voice, speed=2.0))
        expected = [0.0, *(height(symbol, style, 2.0) for symbol in _HELLO), 0.0]
        assert _heights(sound) == pytest.approx(expected)
        assert engine.sample_rate == 24_000


def test_it_speaks_clause_by_clause_and_stops_when_closed(folder: Path) -> None:
    text = "One is here. Two! This sentence is quite long, so it is cut where it has a comma, and nowhere else."

    async def story(engine: Any) -> int:
        async with aclosing(engine.speak(Speech(text))) as sounds:
            return len((await anext(sounds)).samples)

    with _engine(folder) as engine:
        sounds = _spoken(engine, Speech(text))
        assert len(sounds) == len(clauses(text)) == 5
        assert asyncio.run(story(engine)) == len(sounds[0].samples)
        assert _spoken(engine, Speech(" ...  \n")) == []


def test_voices_without_phonemes_are_left_out_and_the_best_is_first(folder: Path) -> None:
    with _engine(folder, _variant(voice="bm_george")) as engine:
        assert engine.voices == ("bm_george", "af_heart", "af_bella")
        with pytest.raises(EngineError, match="no voice 'jf_alpha'; there are: bm_george, af_heart"):
            _spoken(engine, Speech("Hello.", voice="jf_alpha"))
    with pytest.raises(EngineError, match="no voice 'nobody'"):
        create("tts", _variant(voice="nobody"), folder, threads=1)


def test_british_voices_read_british(folder: Path) -> None:
    with _engine(folder) as engine:
        (american,) = _spoken(engine, Speech("Hello.", voice="af_bella"))
        (british,) = _spoken(engine, Speech("Hello.", voice="bm_george"))
    assert _heights(british)[4] == pytest.approx(height("ˈ", 3.0))
    assert _heights(british)[5] == pytest.approx(height("Q", 3.0))
    assert _heights(american)[5] == pytest.approx(height("O", 1.0))


def test_kokoro_onnxs_own_layout_is_understood_and_durations_are_told(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    other = tmp_path / "other"
    other.mkdir()
    (other / "kokoro-v1.0.onnx").write_bytes(model("tokens", tells_durations=True))
    (other / "config.json").write_text(json.dumps({"vocab": VOCABULARY}))
    with (other / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, af_heart=np.ones((510, 1, 256), np.float32))
    with _engine(other) as engine:
        (sound,) = _spoken(engine, Speech("Hello."))
    assert [mark[0] for mark in sound.marks] == ["_", "h", "ə", "l", "O", ".", "_"]
    times = [time for _, start, end in sound.marks for time in (start, end)]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(len(sound.samples) / 24_000)


def test_the_precision_chooses_the_file(folder: Path) -> None:
    with _engine(folder, _variant("fp16")):
        pass
    with pytest.raises(EngineError, match=r"needs model_q4\.onnx or .* in .*; there is: model\.onnx, model_fp16\.onnx"):
        create("tts", _variant("int4"), folder, threads=1)
    with pytest.raises(EngineError, match=r"needs mine\.onnx"):
        create("tts", _variant(file="mine.onnx"), folder, threads=1)


def test_torchs_weights_are_told_from_onnxs(tmp_path: Path) -> None:
    (tmp_path / "kokoro-v1_0.pth").touch()
    with pytest.raises(EngineError, match=r"there is: none; its \.pth is for torch: use onnx-community/Kokoro-82M"):
        create("tts", _variant(), tmp_path, threads=1)


@pytest.mark.parametrize("missing", ["tokenizer.json", "voices"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    path = folder / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(EngineError, match=missing):
        create("tts", _variant(), folder, threads=1)


def test_a_damaged_voice_is_named(folder: Path) -> None:
    (folder / "voices" / "af_heart.bin").write_bytes(b"1234" * 3)
    with pytest.raises(EngineError, match=r"af_heart\.bin has 3 numbers"):
        create("tts", _variant(), folder, threads=1)


def test_a_closed_engine_says_so(folder: Path) -> None:
    with _engine(folder) as engine:
        engine.close()
        with pytest.raises(EngineError, match="kokoro: closed"):
            _spoken(engine, Speech("Hello."))


def test_without_cuda_it_runs_on_the_cpu_and_tells(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with caplog.at_level(logging.WARNING), _engine(folder, _variant(gpu="3Gi")) as engine:
        assert engine.max_batch == 1
        assert _spoken(engine, Speech("Hello."))
    assert "it runs on the CPU" in caplog.text


def test_cuda_is_taken_where_it_is_wanted_and_there() -> None:
    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers_for(_variant(), available) == ["CPUExecutionProvider"]
    assert providers_for(_variant(gpu="3Gi"), ["CPUExecutionProvider"]) == ["CPUExecutionProvider"]
    for variant, tf32 in (
        (_variant(gpu="3Gi"), "0"),
        (_variant("tf32", gpu="3Gi"), "1"),
        (_variant("tf32", gpu="3Gi", tf32=False), "0"),
    ):
        (cuda, options), cpu = providers_for(variant, available)
        assert (cuda, cpu) == tuple(available)
        assert options["use_tf32"] == tf32


# --- phonemes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ipa", "language", "phonemes"),
    [
        ("həlˈo^ʊ", "en-us", "həlˈO"),
        ("həlˈə^ʊ", "en-gb", "həlˈQ"),
        ("bˈɜːd t^ʃˈe^ɪnd^ʒ", "en-us", "bˈɜɹd ʧˈAnʤ"),
        ("ðˈe^ə", "en-gb", "ðˈɛː"),
        ("bˈʌtn̩", "en-us", "bˈʌtᵊn"),
        ("pˈe^ɪpɚ", "en-us", "pˈApəɹ"),
        ("ˈola mˈundo", "es", "ˈola mˈundo"),
        ("  two\n lines ", "it", "two lines"),
    ],
)
def test_espeaks_ipa_becomes_kokoros_letters(ipa: str, language: str, phonemes: str) -> None:
    assert from_espeak(ipa, language) == phonemes


def test_punctuation_stays_where_it_was() -> None:
    assert spelled("Hello, you! (Yes?)  ¡No!", str.upper) == "HELLO, YOU! (YES?) NO!"
    assert spelled(" -- ", str.upper) == ""


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_reads_where_it_is_wanted(folder: Path) -> None:
    with _engine(folder, _variant(phonemes="espeak")) as engine:
        (sound,) = _spoken(engine, Speech("Hello."))
    assert _heights(sound)[1:-1] == pytest.approx([height(symbol, 2.0) for symbol in _HELLO])


def test_a_missing_reader_is_named_with_its_remedy(folder: Path) -> None:
    with pytest.raises(EngineError, match="install it with: apt-get install espeak-ng"):
        create("tts", _variant(phonemes="espeak", program="no-such"), folder, threads=1)
    with pytest.raises(EngineError, match="option phonemes is 'both'"):
        create("tts", _variant(phonemes="both"), folder, threads=1)


@given(st.text(st.sampled_from("ab ,.;!\n"), max_size=200))
def test_clauses_lose_no_word(text: str) -> None:
    assert "".join(clauses(text)).replace(" ", "").count("a") == text.count("a")
    assert all(map(str.strip, clauses(text)))


@given(st.text(st.sampled_from("aəˈ "), max_size=2000))
def test_portions_are_short_enough_and_lose_nothing(phonemes: str) -> None:
    found = list(portions(phonemes))
    assert all(len(portion) <= 510 for portion in found)
    assert "".join(found).replace(" ", "") == phonemes.replace(" ", "")
