"""The real runtime as a process of its own, with emulated engines."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STARTS_WITHIN_SECONDS = 30.0
_SPEEDS: dict[str, dict[str, float]] = {
    "vad": {"alphaMs": 0.2, "betaMs": 0.05},
    "asr": {"alphaMs": 60, "betaMs": 10},
    "llm": {"alphaMs": 40, "betaMs": 5, "decodeAlphaMs": 6, "decodeBetaMs": 1},
    "tts": {"alphaMs": 40, "betaMs": 5, "decodeAlphaMs": 10, "decodeBetaMs": 2},
}
"""As fast as a small GPU is."""


def emulated_config(voice_port: int, control_port: int, **more: Any) -> dict[str, Any]:
    """A RuntimeConfig whose stages are all emulated. `more` takes the place of what is there; of `server` only what it says."""
    server = {"host": "127.0.0.1", "voicePort": voice_port, "controlPort": control_port, **more.pop("server", {})}
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "RuntimeConfig",
        "identity": {"agent": "hello"},
        "server": server,
        "stages": [emulated_stage(name) for name in _SPEEDS],
        **more,
    }


@dataclass(frozen=True, slots=True)
class PodProcess:
    """A pod that is ready."""

    host: str
    voice_port: int
    control_port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def realtime_url(self) -> str:
        return f"ws://{self.host}:{self.voice_port}/v1/realtime"

    @property
    def control_url(self) -> str:
        return f"http://{self.host}:{self.control_port}"

    @property
    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


@contextlib.contextmanager
def pod_process(folder: Path, *, options: Sequence[str] = (), **more: Any) -> Iterator[PodProcess]:
    """A pod of emulated stages; it is ended on leaving. `options` of `serve`; `more` goes into its configuration."""
    voice_port, control_port = _free_port(), _free_port()
    config, log = folder / "runtime.json", folder / "runtime.log"
    config.write_text(json.dumps(emulated_config(voice_port, control_port, **more)))
    with log.open("w") as output:
        command = [sys.executable, "-m", "antiphon_runtime", "serve", "--config", str(config), *options]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(f"http://127.0.0.1:{control_port}/readyz", process, log)
        yield PodProcess("127.0.0.1", voice_port, control_port, process, log)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def voice_process(folder: Path, **more: Any) -> Iterator[str]:
    """Address of such a pod."""
    with pod_process(folder, **more) as pod:
        yield f"http://{pod.host}:{pod.voice_port}/"


def emulated_stage(
    name: str, speed: dict[str, float] | None = None, variants: tuple[str, ...] = ("emulated",)
) -> dict[str, Any]:
    """A stage whose variants are equally fast."""
    speed = speed or _SPEEDS[name]
    profile = {
        "hardware": "test",
        "noise": 0.1,
        "maxBatch": 8,
        "item": "anything",
        "basis": "Projected",
        "origin": "chosen for tests",
        **speed,
    }
    all_variants = [
        {"name": variant, "engine": "emulated", "memory": {"host": "16Mi"}, "profiles": [profile]}
        for variant in variants
    ]
    return {"stage": name, "model": f"{name}-model", "variants": all_variants, "variant": variants[0]}


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"the runtime is not ready:\n{log.read_text()}")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
