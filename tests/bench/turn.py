"""From the user's last sound to the first sound of the answer, on this machine's CPU with real models, in real time.

python tests/bench/turn.py [--json] [--turns N] [--no-prototype]

Ten questions, spoken by Hibari, are sent as a microphone gives them; Silero, Whisper tiny.en, SmolLM2 and Hibari do the rest
in the real server, which is asked through its WebSocket. The user stops with the last sample above 1 % of full scale that
is sent; silence with which the answer begins counts. Each question opens a session of its own, as the prototype, too, knows
of no earlier questions. Beside it, turn by turn in turns with ours, runs the prototype as it is (its e2e.py, with the ASR
started early), where it is there: ANTIPHON_PROTOTYPE, else the folder `prototype` that is handed to those who work on this.
It hears the same audio and has the same model files.

Promised: median < 800 ms on a machine that does nothing else, and below the prototype's on any. Exit code 1: a promise was
not kept. Without the models (ANTIPHON_MODELS, else ~/.cache/antiphon/models) there is nothing to measure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect

REPOSITORY = Path(__file__).parents[2]
SUPPORT = REPOSITORY / "tests" / "support"
sys.path.insert(0, str(SUPPORT))

from engine_models import engine  # noqa: E402
from voice_process import PodProcess, pod_process  # noqa: E402
from voice_server import files_of, real_stages  # noqa: E402

from antiphon_runtime.bench.answer import Answer  # noqa: E402
from antiphon_runtime.bench.clips import Clip, spoken_clips  # noqa: E402
from antiphon_runtime.bench.histograms import Histogram, Key, gained  # noqa: E402
from antiphon_runtime.bench.pacing import FRAME_SECONDS  # noqa: E402
from antiphon_runtime.bench.percentiles import Summary, summary  # noqa: E402
from antiphon_runtime.bench.scraping import scrape  # noqa: E402
from antiphon_runtime.bench.takes import Take, silence, take  # noqa: E402

QUESTIONS = (
    "What is the capital of France?",
    "How many planets are there in the solar system?",
    "Can you explain how photosynthesis works in simple words?",
    "What is the largest ocean on earth?",
    "How do I make a cup of tea?",
    "Who wrote the play Romeo and Juliet?",
    "What is the best time of year to plant tomatoes?",
    "Why is the sky blue during the day?",
    "Please tell me a fun fact about elephants.",
    "How far is the moon from the earth?",
)
"""Those of the prototype, in its order."""
STAGES = {
    "turn_eou_delay": "user stops -> turn over",
    "turn_transcription_delay": "user stops -> transcript",
    "llm_ttft": "LLM asked -> first token",
    "llm_first_sentence": "LLM asked -> first clause",
    "tts_ttfb": "clause -> first audio",
    "tts_ttfa": "clause -> first sound",
    "turn_e2e": "user stops -> first sound",
}
"""By the server's own clock; its metrics, without prefix and unit."""
PROMISED_MS = 800.0
QUIET_SECONDS = 0.5
"""Before each question."""
ANSWER_SECONDS = 20.0
"""Within which an answer must have begun and ended."""
_SPOKEN = ("completed", "incomplete")
"""Incomplete: it has as many words as an answer may have."""


# --- ours ------------------------------------------------------------------------------------------------------------


@dataclass
class Call:
    """One question in a session of its own."""

    connection: ClientConnection
    said: Take
    stopped: float = 0.0
    answers: dict[str, Answer] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self) -> float:
        """Milliseconds from the last sound to the first."""
        listening = asyncio.create_task(self._listen())
        try:
            async with asyncio.timeout(self.said.seconds + ANSWER_SECONDS):
                await self._speak()
        finally:
            listening.cancel()
        heard = [each for each in self.answers.values() if each.status in _SPOKEN and each.audible is not None]
        if not heard or heard[-1].audible is None:
            raise SystemExit(
                f"no answer to {self.said.clip.name!r}: {[each.failure for each in self.answers.values()]}"
            )
        return (heard[-1].audible - self.stopped) * 1e3

    async def _speak(self) -> None:
        """Each frame when it has been recorded; silence until the answer has come."""
        loop, quiet = asyncio.get_running_loop(), silence("pcm")
        before = [quiet] * round(QUIET_SECONDS / FRAME_SECONDS)
        frames = [*before, *self.said.frames]
        began, sent = loop.time(), 0
        ends = (len(before) + self.said.sound_ends + 1) * FRAME_SECONDS - self.said.sound_ends_early_seconds
        self.stopped = began + ends
        while not self.over.is_set():
            await asyncio.sleep(max(0.0, began + (sent + 1) * FRAME_SECONDS - loop.time()))
            self.connection.transport.write(frames[sent] if sent < len(frames) else quiet)
            sent += 1

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for message in self.connection:
            now, event = loop.time(), json.loads(message)
            match event["type"]:
                case "response.created":
                    self.answers[event["response"]["id"]] = Answer(event["response"]["id"], "pcm", 0.0)
                case "response.output_audio.delta":
                    self.answers[event["response_id"]].receive(now, event)
                case "response.done":
                    self.answers[event["response"]["id"]].done(event["response"])
                    if event["response"]["status"] != "cancelled":
                        self.over.set()


async def ask(pod: PodProcess, clip: Clip) -> float:
    async with connect(pod.realtime_url, compression=None, max_size=None, proxy=None) as connection:
        return await Call(connection, take(clip, "pcm")).ask()


def questions(count: int) -> list[Clip]:
    with engine("hibari", "heart-int8") as voice:
        return spoken_clips(voice, [QUESTIONS[index % len(QUESTIONS)] for index in range(count)])


# --- the prototype ---------------------------------------------------------------------------------------------------


class Prototype:
    """Waits before each turn."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._is_waiting = False

    def ready(self) -> None:
        """Returns when it is loaded and warm."""
        while not self._is_waiting:
            self._line()

    def ask(self) -> float:
        """Milliseconds from the last sound to the first: of its next question."""
        self.ready()
        self._is_waiting = False
        print(file=self._process.stdin, flush=True)
        while not (found := re.match(r"eos=.* total=(-?\d+) lead=(\d+)", line := self._line())):
            if line.startswith("no eos"):
                raise SystemExit(f"the prototype did not hear the end: {line}")
        return float(found[1]) + float(found[2])

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the prototype ended with {self._process.wait()}")
        self._is_waiting = line.strip() == "next"
        return line


def prototype_script() -> Path | None:
    given = os.environ.get("ANTIPHON_PROTOTYPE")
    folder = Path(given) if given else REPOSITORY.parent.joinpath("shared", "prototype")
    script = folder / "voice" / "e2e.py"
    return script if script.is_file() else None


@contextmanager
def prototype(script: Path, clips: Sequence[Clip]) -> Iterator[Prototype]:
    spoken: dict[str, Any] = {f"q{index}": clip.samples for index, clip in enumerate(clips[: len(QUESTIONS)])}
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "questions.npz")
        np.savez(said, texts=np.array([clip.name for clip in clips[: len(QUESTIONS)]]), **spoken)
        llm = files_of("smollm2", "135m-q4") / "SmolLM2-135M-Instruct.Q4_1.gguf"
        files = [str(said), str(files_of("whisper-cpu", "tiny.en-int8")), str(llm)]
        command = [sys.executable, str(SUPPORT / "prototype_turns.py"), str(script), *files, "tiny.en", "1", "1"]
        environment = {**os.environ, "N": str(len(clips)), "OMP_WAIT_POLICY": "PASSIVE"}
        with Path(folder, "errors").open("w") as errors:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        try:
            yield Prototype(process)
        except SystemExit as ended:
            raise SystemExit(f"{ended}\n{Path(folder, 'errors').read_text()[-2000:]}") from ended
        finally:
            process.kill()
            process.wait()


# --- measuring -------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    stages: dict[Key, Histogram] = field(default_factory=dict)


def measure(pod: PodProcess, clips: Sequence[Clip], peer: Prototype | None) -> Found:
    """Ours and theirs by turns, so that what else the machine does hits both."""
    found, metrics = Found(), f"{pod.control_url}/metrics"
    asyncio.run(ask(pod, clips[0]))
    before = scrape(metrics)
    for clip in clips:
        found.ours.append(asyncio.run(ask(pod, clip)))
        tell(f"antiphon  {found.ours[-1]:5.0f} ms  {clip.name}")
        if peer is not None:
            found.theirs.append(peer.ask())
            tell(f"prototype {found.theirs[-1]:5.0f} ms  {clip.name}")
    found.stages = gained(before, scrape(metrics))
    return found


def stages_ms(found: Found) -> dict[str, dict[str, float]]:
    rows = {}
    for (name, _), histogram in found.stages.items():
        stage = name.removeprefix("antiphon_").removesuffix("_seconds")
        median, p95 = histogram.quantile(0.5), histogram.quantile(0.95)
        if stage in STAGES and median is not None and p95 is not None:
            rows[stage] = {"median_ms": round(median * 1e3, 1), "p95_ms": round(p95 * 1e3, 1)}
    return {stage: rows[stage] for stage in STAGES if stage in rows}


# --- telling ---------------------------------------------------------------------------------------------------------


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def promises(found: Found) -> dict[str, bool]:
    median = statistics.median(found.ours)
    kept = {f"median {median:.0f} < {PROMISED_MS:.0f} ms": median < PROMISED_MS}
    if found.theirs:
        theirs = statistics.median(found.theirs)
        kept[f"median {median:.0f} < {theirs:.0f} ms, the prototype's"] = median < theirs
    return kept


def print_table(found: Found) -> None:
    print(f"{'':<28}{'median':>9}{'p95':>9}{'max':>9}  ms")
    for name, values in (("antiphon", found.ours), ("prototype", found.theirs)):
        if (times := summary(values)) is not None:
            print(f"{name:<28}{times.p50:>9.0f}{times.p95:>9.0f}{times.most:>9.0f}")
    for stage, row in stages_ms(found).items():
        print(f"  {STAGES[stage]:<26}{row['median_ms']:>9.0f}{row['p95_ms']:>9.0f}")


def as_json(found: Found, kept: bool) -> dict[str, Any]:
    mine, theirs = summary(found.ours), summary(found.theirs)
    return {
        **_figures("", mine),
        **_figures("prototype_", theirs),
        "turns": len(found.ours),
        "kept": kept,
        "stages": stages_ms(found),
    }


def _figures(prefix: str, times: Summary | None) -> dict[str, float | None]:
    median, p95 = (round(times.p50, 1), round(times.p95, 1)) if times is not None else (None, None)
    return {f"{prefix}median_ms": median, f"{prefix}p95_ms": p95}


def main() -> int:
    options = parsed()
    try:
        clips, stages = questions(options.turns), real_stages()
    except pytest.skip.Exception as reason:
        tell(f"nothing is measured: {reason}")
        return 0
    script = None if options.no_prototype else prototype_script()
    if script is None:
        tell("the prototype is not there, or not wanted")
    with tempfile.TemporaryDirectory() as folder, pod_process(Path(folder), stages=stages) as pod:
        if script is None:
            found = measure(pod, clips, None)
        else:
            with prototype(script, clips) as peer:
                peer.ready()
                found = measure(pod, clips, peer)
    kept = promises(found)
    print_table(found)
    print("\n" + "\n".join(f"{'kept  ' if good else 'BROKEN'}  {name}" for name, good in kept.items()))
    if options.json:
        print(json.dumps(as_json(found, all(kept.values()))))
    return 0 if all(kept.values()) else 1


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--turns", type=int, default=len(QUESTIONS), help="default: 10")
    parser.add_argument("--no-prototype", action="store_true", help="ours alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
