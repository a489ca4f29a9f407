"""What the framework itself costs: sessions in real time with engines that take no time, beside Pipecat and LiveKit Agents.

python tests/bench/overhead.py [--json] [--sessions N] [--seconds N] [--peer-python PATH] [--no-peers]

Ours is the real server as its users meet it: a process of its own behind real WebSockets with 24 kHz audio in base64, its
engines emulated with a profile of about 0 ms (the VAD computes the energy of each frame), everything else as it is by
default. The peers are spared the network: their sessions get frames and give audio in the process itself (Pipecat's base
transports, LiveKit's AudioInput and AudioOutput), at the rate that is their default, 16 kHz and 24 kHz; their services are
fakes that answer at once. The same users talk to all of them, one framework after another (tests/support/overhead_shape.py
says when, and what is measured).

Promised: `added_p95_ms` < 10, `cpu_percent_per_session` <= 0.5 % of a core and below both peers', `mb_per_session` <= 1.
Exit code 1: a promise was not kept. Peers that can't be imported are left out; `--peer-python` is a Python that has them.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

from overhead_shape import FRAME_SAMPLES, Load, Talker, loud_pcm, measure  # noqa: E402
from voice_process import emulated_stage, pod_process  # noqa: E402

from antiphon_runtime.engines.protocols import HEARD_RATE  # noqa: E402
from antiphon_runtime.realtime.resampler import Resampler  # noqa: E402

PEERS = {"pipecat": "overhead_pipecat.py", "livekit": "overhead_livekit.py"}
RATE = 24_000
PROMISES = {"added_p95_ms": 10.0, "cpu_percent_per_session": 0.5, "mb_per_session": 1.0}
PEER_SECONDS = 300.0
"""In which a peer must be done, beside the time of the load."""


# --- ours ------------------------------------------------------------------------------------------------------------


def append_frame(pcm: bytes) -> bytes:
    """A whole WebSocket frame, made once for all users."""
    event = b'{"type":"input_audio_buffer.append","audio":"' + base64.b64encode(pcm) + b'"}'
    return Frame(Opcode.TEXT, event).serialize(mask=True)


LOUD_PCM = loud_pcm(RATE)
LOUD, SILENT = append_frame(LOUD_PCM), append_frame(bytes(len(LOUD_PCM)))
SETTINGS = json.dumps(
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 320}}},
        },
    }
)


def held_back_samples() -> int:
    """By the resampler of the server, after any frame."""
    resampler, count = Resampler(RATE, HEARD_RATE), 50
    given = sum(len(resampler.feed(np.zeros(len(LOUD_PCM) // 2, np.float32))) for _ in range(count))
    return count * FRAME_SAMPLES - given


class OurCall:
    def __init__(self, connection: ClientConnection, talker: Talker) -> None:
        self.talker = talker
        self._connection = connection
        self._reading = asyncio.create_task(self._read())

    async def send(self, loud: bool) -> None:
        self._connection.transport.write(LOUD if loud else SILENT)

    async def close(self) -> None:
        await self._connection.close()
        await self._reading

    async def _read(self) -> None:
        async for message in self._connection:
            kind = str(message[:60])
            if "response.output_audio.delta" in kind:
                self.talker.heard()
            elif '"error"' in kind:
                raise SystemExit(f"the server says: {message!s}")


def stages() -> list[dict[str, Any]]:
    """Without decode steps, each of which would sleep: all of an answer's tokens come at once."""
    speed = {"alphaMs": 0.001, "betaMs": 0.0001, "noise": 0.0, "maxBatch": 64}
    return [emulated_stage(name, speed) for name in ("vad", "asr", "llm", "tts")]


def ours(load: Load) -> dict[str, Any]:
    held_back = held_back_samples()
    with tempfile.TemporaryDirectory() as folder, pod_process(Path(folder), stages=stages()) as pod:

        async def open_call(index: int) -> OurCall:
            connection = await connect(pod.realtime_url, compression=None, max_size=None, proxy=None)
            await connection.send(SETTINGS)
            return OurCall(connection, Talker(index, held_back_samples=held_back))

        return asyncio.run(measure(load, open_call, pod.process.pid)).as_json()


# --- peers -----------------------------------------------------------------------------------------------------------


def peer(name: str, python: str, load: Load) -> dict[str, Any] | None:
    """None, where it is not there."""
    script = str(SUPPORT / PEERS[name])
    command = [python, script, "--sessions", str(load.sessions), "--seconds", str(load.seconds)]
    with tempfile.TemporaryFile("w+") as errors:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, timeout=PEER_SECONDS + load.seconds, check=False
        )
        errors.seek(0)
        told = errors.read()
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found
    if "ModuleNotFoundError" in told:
        tell(f"{name}: left out, as {python} can't import it; the extra `bench` has it")
        return None
    raise SystemExit(f"{name} ended with {done.returncode}:\n{told[-2000:]}")


# --- telling ---------------------------------------------------------------------------------------------------------


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def promises(mine: dict[str, Any], peers: dict[str, dict[str, Any]]) -> dict[str, bool]:
    added, cpu, memory = (mine[name] for name in PROMISES)
    kept = {
        f"every turn answered, once it was over: {mine['missed']} were not": not mine["missed"] and mine["turns"] > 0,
        f"added p95 {added} < 10 ms": added is not None and added < PROMISES["added_p95_ms"],
        f"CPU {cpu} <= 0.5 % of a core a session": cpu <= PROMISES["cpu_percent_per_session"],
        f"memory {memory} <= 1 MB a session": memory <= PROMISES["mb_per_session"],
    }
    for name, found in peers.items():
        theirs = found["cpu_percent_per_session"]
        kept[f"less CPU than {name}: {cpu} < {theirs} %"] = cpu < theirs
    return kept


def table(figures: dict[str, dict[str, Any]]) -> str:
    mine = figures["antiphon"]
    lines = [f"{'':<10}{'turns':>7}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}{'CPU %':>8}{'MB':>7}   theirs, times ours"]
    for name, found in figures.items():
        times = ", ".join(f"{word} {ratio}" for word, ratio in ratios(mine, found).items()) if found is not mine else ""
        shown = [found[key] for key in ("added_p50_ms", "added_p95_ms", "added_max_ms")]
        lines.append(
            f"{name:<10}{found['turns']:>7}{''.join(f'{value or 0:>9.2f}' for value in shown)}"
            f"{found['cpu_percent_per_session']:>8.2f}{found['mb_per_session']:>7.2f}   {times}"
        )
    return "\n".join(lines)


def ratios(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float | None]:
    names = {"p95": "added_p95_ms", "CPU": "cpu_percent_per_session", "memory": "mb_per_session"}
    return {word: round(theirs[name] / mine[name], 2) if mine[name] else None for word, name in names.items()}


def main() -> int:
    options = parsed()
    load = Load(options.sessions, options.seconds)
    tell(f"antiphon: {load.sessions} sessions, {load.seconds:g} s")
    figures = {"antiphon": ours(load)}
    for name in () if options.no_peers else PEERS:
        tell(f"{name}: the same")
        if (found := peer(name, options.peer_python, load)) is not None:
            figures[name] = found
    peers = {name: found for name, found in figures.items() if name != "antiphon"}
    kept = promises(figures["antiphon"], peers)
    print(table(figures) + "\n")
    print("\n".join(f"{'kept  ' if good else 'BROKEN'}  {name}" for name, good in kept.items()))
    if options.json:
        compared = {f"{name}_ratios": ratios(figures["antiphon"], found) for name, found in peers.items()}
        print(json.dumps({**figures["antiphon"], "kept": all(kept.values()), **peers, **compared}))
    return 0 if all(kept.values()) else 1


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--sessions", type=int, default=50, help="default: 50")
    parser.add_argument("--seconds", type=float, default=30.0, help="in which all sessions live (default: 30)")
    parser.add_argument(
        "--peer-python", metavar="PATH", default=sys.executable, help="default: the Python that runs this"
    )
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
