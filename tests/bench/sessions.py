"""100 concurrent sessions in real time against the real server, its models emulated with the profile of a cascade on eight
GPUs (policies/models-emulated.yaml: Whisper, Mixtral and StyleTTS 2, the variants that were projected for 100 sessions).

python tests/bench/sessions.py [--json] [--sessions N] [--seconds N] [--vad silero|emulated] [--barge-in-share SHARE]
    [--no-speculation]

Promised: from the end-of-turn decision to the first sound mean < 350, p95 < 450, p99 < 550 ms, no audio underrun, and no
late frame: none that the driver sent later than its length of 20 ms, which would be a fault of the measurement. The figure
from the user's last sound is beside it. Exit code 1: a promise was not kept.

With the files of Silero and Hibari in the cache (ANTIPHON_MODELS, else ~/.cache/antiphon/models) the VAD is real and users
speak; else the VAD is emulated too and users make noise.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Memory, PathSource, Source, Variant, VoiceModelSpec
from antiphon_runtime.bench.clips import Clip, noise_clip, spoken_clips
from antiphon_runtime.bench.driver import drive
from antiphon_runtime.bench.figures import Figures
from antiphon_runtime.bench.plan import Plan
from antiphon_runtime.bench.progress_line import ProgressLine
from antiphon_runtime.bench.tables import sessions_text
from antiphon_runtime.bench.texts import SENTENCES
from antiphon_runtime.bench.user import Manner
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.engines.registry import create
from antiphon_runtime.models.errors import ModelError
from antiphon_runtime.models.store import ModelStore

REPOSITORY = Path(__file__).parents[2]
CASCADE: dict[Stage, tuple[str, str]] = {
    "asr": ("emulated-whisper", "medium-fp8"),
    "llm": ("emulated-mixtral", "fp8"),
    "tts": ("emulated-styletts2", "fp16"),
}
PROMISED_MS = {"mean": 350.0, "p95": 450.0, "p99": 550.0}
START_SECONDS = 60.0


# --- the server ------------------------------------------------------------------------------------------------------


def models(file: str) -> dict[str, VoiceModelSpec]:
    documents = yaml.safe_load_all((REPOSITORY / "policies" / file).read_text(encoding="utf-8"))
    return {each["metadata"]["name"]: VoiceModelSpec.model_validate(each["spec"]) for each in documents}


def preset(file: str, model: str, variant: str) -> Variant:
    return next(each for each in models(file)[model].variants if each.name == variant)


def stage(kind: Stage, model: str, variant: Variant, **options: Any) -> dict[str, Any]:
    run = {"model": model, "variants": [variant.to_manifest()], "variant": variant.name}
    return {"stage": kind, **run, "options": {kind: options} if options else {}}


def vad_stage(silero: Variant | None) -> dict[str, Any]:
    """Emulated it takes the time that the real one was measured to take."""
    if silero is not None:
        return stage("vad", "silero-vad", silero)
    profiles = preset("models-cpu.yaml", "silero-vad", "v6-fp32").profiles
    variant = Variant(name="v6", engine="emulated", memory=Memory(host="64Mi"), profiles=profiles)
    return stage("vad", "emulated-vad", variant)


def cascade(*, speculative: bool) -> list[dict[str, Any]]:
    """Without phrase cache: emulated answers are all the same, which those of a real model are not."""
    options: dict[Stage, dict[str, Any]] = {"tts": {"phraseCache": {"entries": 0}}}
    options |= {"asr": {"speculative": speculative}, "llm": {"speculative": speculative}}
    return [
        stage(kind, model, preset("models-emulated.yaml", model, name), **options[kind])
        for kind, (model, name) in CASCADE.items()
    ]


def configuration(ports: tuple[int, int], cache: Path, stages: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "RuntimeConfig",
        "identity": {"agent": "bench"},
        "server": {"host": "127.0.0.1", "voicePort": ports[0], "controlPort": ports[1]},
        "stages": stages,
        "machine": {"modelCache": str(cache), "offline": True},
        "telemetry": {"logLevel": "warning"},
    }


@dataclass(frozen=True)
class Served:
    voice_port: int
    control_port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float | None:
        """Of the server so far; None where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(stages: list[dict[str, Any]], cache: Path) -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as folder:
        ports = (free_port(), free_port())
        config, log = Path(folder, "runtime.yaml"), Path(folder, "log")
        config.write_text(yaml.safe_dump(configuration(ports, cache, stages)), encoding="utf-8")
        command = [sys.executable, "-m", "antiphon_runtime", "serve", "--config", str(config)]
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            wait_until_ready(process, ports[1], log)
            yield Served(*ports, process)
        finally:
            process.kill()
            process.wait()
            sys.stderr.write(log.read_text(encoding="utf-8")[-4000:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}:\n{log.read_text(encoding='utf-8')[-4000:]}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"the server was not ready within {START_SECONDS:g} s")


# --- the users -------------------------------------------------------------------------------------------------------


def at_hand(model: str, name: str, cache: Path) -> Variant | None:
    """The variant with the folder of its files: of the cache, or `MODEL/VARIANT` in it. None, where they are missing."""
    variant = preset("models-cpu.yaml", model, name)
    try:
        folder = ModelStore(cache, offline=True).folder(model, variant)
    except ModelError as error:
        folder = cache / model / name
        if not folder.is_dir():
            print(f"{model}: {error}", file=sys.stderr)
            return None
    return variant.model_copy(update={"source": Source(path=PathSource(path=str(folder)))})


def speech(voice: Variant) -> tuple[Clip, ...] | None:
    """None, where what Hibari needs is missing."""
    assert voice.source is not None
    assert voice.source.path is not None
    try:
        engine: Any = create("tts", voice, Path(voice.source.path.path), threads=1)
    except EngineError as error:
        print(error, file=sys.stderr)
        return None
    clips = spoken_clips(engine, SENTENCES)
    engine.close()
    return tuple(
        Clip(clip.name, clip.samples, clip.rate) for clip in clips
    )  # what an emulated model hears is no measure


def noise() -> tuple[Clip, ...]:
    return tuple(noise_clip(seconds, index) for index, seconds in enumerate((1.6, 2.4, 3.2)))


# --- measuring -------------------------------------------------------------------------------------------------------


def main() -> int:
    options = parsed()
    cache = Path(os.environ.get("ANTIPHON_MODELS") or "~/.cache/antiphon/models").expanduser()
    silero, said = None, None
    if options.vad != "emulated":
        silero, voice = at_hand("silero-vad", "v6-fp32", cache), at_hand("hibari", "heart-int8", cache)
        said = speech(voice) if silero is not None and voice is not None else None
    if said is None:
        print("users make noise and the VAD is emulated", file=sys.stderr)
        silero = None
    if options.vad == "silero" and said is None:
        return 2
    stages = [vad_stage(silero), *cascade(speculative=not options.no_speculation)]
    with server(stages, cache) as served:
        plan = Plan(
            url=f"ws://127.0.0.1:{served.voice_port}/v1/realtime",
            clips=said or noise(),
            sessions=options.sessions,
            seconds=options.seconds,
            ramp_seconds=options.ramp,
            manner=Manner(duty=options.duty, barge_in_share=options.barge_in_share),
            seed=options.seed,
            metrics_url=f"http://127.0.0.1:{served.control_port}/metrics",
        )
        began, cpu_began = time.monotonic(), served.cpu_seconds()
        with ProgressLine() as line:
            figures = Figures(drive(plan, lambda progress: line.show(str(progress))))
        cpu = served.cpu_seconds()
        share = (
            100 * (cpu - cpu_began) / (time.monotonic() - began) if cpu is not None and cpu_began is not None else None
        )
    vad = "silero" if said else "emulated"
    print(
        f"\n{sessions_text(figures)}\n\nserver     {share or 0:.0f} % of a core; VAD: {vad}; the other models: emulated\n"
    )
    kept = promises(figures)
    print("\n".join(f"{'kept  ' if good else 'BROKEN'}  {name}" for name, good in kept.items()))
    if options.json:
        print(json.dumps(summary(figures, kept) | {"vad": vad, "server_cpu_percent": share and round(share, 1)}))
    return 0 if all(kept.values()) else 1


def promises(figures: Figures) -> dict[str, bool]:
    times, sent = figures.from_decision_ms, figures.measured.lateness
    found = times.as_json() if times is not None else {}
    kept = {
        f"{name} {found.get(name, float('nan')):.0f} < {most:.0f} ms": found.get(name, most) < most
        for name, most in PROMISED_MS.items()
    }
    return kept | {
        f"audio underruns: {len(figures.gaps_ms)}": not figures.gaps_ms,
        f"late frames: {sent.late} of {sent.frames}": not sent.late,
        f"every session completed, every turn answered: {figures.session_outcomes} {figures.turn_outcomes}": (
            figures.is_flawless and bool(figures.turns)
        ),
    }


def summary(figures: Figures, kept: dict[str, bool]) -> dict[str, Any]:
    everything = figures.as_json()
    return {
        **{f"{name}_ms": value for name, value in (everything["from_decision_ms"] or {}).items() if name != "count"},
        "kept": all(kept.values()),
        "audio_underruns": len(figures.gaps_ms),
        "late_frames": figures.measured.lateness.late,
        "batch_sizes": {row["labels"]["stage"]: row["mean"] for row in everything["server"] if is_batch_size(row)},
        **everything,
    }


def is_batch_size(row: dict[str, Any]) -> bool:
    return str(row["metric"]).endswith("_batch_size")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--sessions", type=int, default=100, help="default: 100")
    parser.add_argument("--seconds", type=float, default=60.0, help="time in which turns begin (default: 60)")
    parser.add_argument("--ramp", type=float, default=5.0, help="seconds over which sessions connect (default: 5)")
    parser.add_argument("--duty", type=float, default=0.3, help="share of time in which agents work (default: 0.3)")
    parser.add_argument("--barge-in-share", type=float, default=0.0, help="share of answers spoken over (default: 0)")
    parser.add_argument("--vad", choices=("auto", "silero", "emulated"), default="auto", help="default: auto")
    parser.add_argument("--no-speculation", action="store_true", help="begin nothing before the turn is over")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
