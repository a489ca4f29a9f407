"""The real runtime as a process that has to end well, with emulated or with real stages."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_models import variant as cpu_variant
from voice_process import PodProcess, pod_process

ENDS_WITHIN_SECONDS = 20.0


@contextlib.contextmanager
def running(folder: Path, **more: Any) -> Iterator[PodProcess]:
    """A pod as `pod_process` makes it. When no test has failed it is told to end, and has to end by itself and cleanly."""
    with pod_process(folder, **more) as pod:
        yield pod
        pod.process.send_signal(signal.SIGTERM)
        try:
            code = pod.process.wait(ENDS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the runtime has not ended:\n{pod.log.read_text()}") from None
        assert code == 0, pod.log.read_text()
        assert "Traceback" not in pod.log.read_text(), pod.log.read_text()


def http_url(pod: PodProcess) -> str:
    """Base of the HTTP API, as OpenAI's clients take it."""
    return f"http://{pod.host}:{pod.voice_port}/v1"


def websocket_url(pod: PodProcess) -> str:
    return f"ws://{pod.host}:{pod.voice_port}/v1"


def real_stages() -> list[dict[str, Any]]:
    """Those of the CPU stack; skips where files are missing."""
    return [
        real_stage("silero-vad", "v6-fp32"),
        real_stage("whisper-cpu", "tiny.en-int8", language="en"),
        real_stage(
            "smollm2",
            "135m-q4",
            instructions="You are a helpful voice assistant. Answer in one short sentence.",
            maxNewTokens=60,
        ),
        real_stage("hibari", "heart-int8"),
    ]


def real_stage(model: str, name: str, **options: Any) -> dict[str, Any]:
    """A stage of a RuntimeConfig, which takes the files from the cache and from nowhere else."""
    stage, known = cpu_variant(model, name)
    files = {"source": {"path": {"path": str(files_of(model, name))}}}
    chosen = known.model_dump(mode="json", by_alias=True, exclude_none=True) | files
    own = {"options": {stage: options}} if options else {}
    return {"stage": stage, "model": model, "variants": [chosen], "variant": name, **own}


def files_of(model: str, name: str) -> Path:
    root = Path(os.environ.get("ANTIPHON_MODELS") or "~/.cache/antiphon/models").expanduser()
    folder = root / model / name
    if not folder.is_dir() or not any(folder.iterdir()):
        pytest.skip(f"the files of {model}/{name} are not in {root}; set ANTIPHON_MODELS")
    return folder
