from __future__ import annotations

import ctypes
import logging
import shutil
import subprocess
from pathlib import Path

import pytest

from antiphon_runtime.engines.cuda_libraries import preload


def _library(folder: Path, package: str, name: str, answer: int) -> Path:
    """A real shared library that says a number."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    place = folder / "nvidia" / package / "lib"
    place.mkdir(parents=True, exist_ok=True)
    source = place / "source.c"
    source.write_text(f"int antiphon_answer(void) {{ return {answer}; }}\n")
    path = place / name
    subprocess.run(["gcc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", path, source], check=True)
    return path


def test_what_was_loaded_is_found_by_its_name_alone(tmp_path: Path) -> None:
    name = "libantiphontest_one.so.12"
    with pytest.raises(OSError, match=name):
        ctypes.CDLL(name)
    path = _library(tmp_path, "cublas", name, 41)
    assert preload(name, places=[tmp_path]) == [path]
    assert ctypes.CDLL(name).antiphon_answer() == 41


def test_the_first_place_counts_and_names_may_have_any_letters(tmp_path: Path) -> None:
    for number, place in enumerate(("a", "b")):
        for part in ("ops", "cnn"):
            _library(tmp_path / place, "cudnn", f"libantiphontest_{part}.so.9", number)
    loaded = preload("libantiphontest_*.so.9", places=[tmp_path / "a", tmp_path / "b"])
    assert [path.name for path in loaded] == ["libantiphontest_cnn.so.9", "libantiphontest_ops.so.9"]
    assert all(path.is_relative_to(tmp_path / "a") for path in loaded)


def test_what_is_missing_or_damaged_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert preload("libantiphontest_none.so.1", places=[tmp_path]) == []
    assert preload("libantiphontest_none.so.1") == []
    place = tmp_path / "nvidia" / "x" / "lib"
    place.mkdir(parents=True)
    (place / "libantiphontest_bad.so.1").write_bytes(b"nothing")
    with caplog.at_level(logging.WARNING):
        assert preload("libantiphontest_bad.so.1", places=[tmp_path]) == []
    assert "libantiphontest_bad.so.1 can't be loaded" in caplog.text
