"""`bench sessions`: a server under many concurrent sessions in real time."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon_runtime.bench.options import count, file, number
from antiphon_runtime.bench.progress_line import ProgressLine

if TYPE_CHECKING:
    from antiphon_runtime.bench.clips import Clip
    from antiphon_runtime.bench.plan import Plan

_KEY_VARIABLE = "OPENAI_API_KEY"
_NOISE_SECONDS = (1.6, 2.4, 3.2)
_DESCRIPTION = f"""\
Opens N sessions of the OpenAI Realtime API and talks to the server in real time: 20 ms of audio every 20 ms, never two at
once to catch up; how late each was sent is reported. Times are taken where a user would: audio counts when its first
audible sample is played, and the silence before it is delay.

Without --turn-audio users make noise in the shape of speech, which an emulated VAD takes for speech and a real one need not.
A key may be given in {_KEY_VARIABLE}, where nobody else can see it.

Exit codes: 0 every session ran to its end and every turn was answered; 3 measured, but sessions were refused, failed or
lost, or turns failed; 1 nothing could be measured; 2 wrong options.
"""


def add_command(modes: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = modes.add_parser(
        "sessions",
        help="many sessions at once against a running server",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("--url", required=True, help="ws://HOST:8080/v1/realtime")
    parser.add_argument("--api-key", default=os.environ.get(_KEY_VARIABLE) or None, metavar="KEY", help="bearer key")
    parser.add_argument("--metrics-url", metavar="URL", help="http://HOST:9100/metrics, read before and after")
    _add_load(parser)
    _add_users(parser)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")


def _add_load(parser: argparse.ArgumentParser) -> None:
    load = parser.add_argument_group("load")
    load.add_argument("--sessions", type=count(), default=1, metavar="N", help="concurrent sessions; default: 1")
    load.add_argument(
        "--seconds", type=number(above=0), default=30.0, metavar="S", help="time in which turns begin; default: 30"
    )
    load.add_argument(
        "--ramp", type=number(least=0), metavar="S", help="time over which they connect; default: 50 ms a session"
    )
    load.add_argument("--processes", type=count(), default=1, metavar="N", help="of this driver; default: 1")
    load.add_argument("--seed", type=int, default=0, help="of all that is left to chance; default: 0")


def _add_users(parser: argparse.ArgumentParser) -> None:
    users = parser.add_argument_group("users")
    users.add_argument(
        "--turn-audio", type=file, nargs="+", default=[], metavar="FILE.wav",
        help="16-bit WAV files, one a turn, by chance; FILE.txt beside one says what is said, for the word error rate",
    )  # fmt: skip
    users.add_argument("--format", choices=("pcm", "pcmu"), default="pcm", help="audio both ways; default: pcm, 24 kHz")
    users.add_argument(
        "--duty", type=number(least=0.01, most=1), default=0.3, metavar="SHARE",
        help="share of a session in which the agent works or speaks; default: 0.3",
    )  # fmt: skip
    users.add_argument(
        "--barge-in-share", type=number(least=0, most=1), default=0.0, metavar="SHARE",
        help="share of answers that the user speaks over; default: 0",
    )  # fmt: skip
    users.add_argument(
        "--playback-delay-ms", type=number(least=0), default=0.0, metavar="MS",
        help="audio that the client gathers before it plays; it counts as delay; default: 0",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    from antiphon_runtime.bench.clips import ClipError
    from antiphon_runtime.bench.driver import drive
    from antiphon_runtime.bench.figures import Figures
    from antiphon_runtime.bench.tables import sessions_text

    logging.basicConfig(level="WARNING", format="%(levelname)s %(message)s")
    logging.getLogger("websockets").setLevel(logging.ERROR)
    try:
        plan = _plan(options)
    except ClipError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with ProgressLine() as line:
        figures = Figures(drive(plan, lambda progress: line.show(str(progress))))
    if all(record.opened_ms is None for record in figures.sessions):
        reasons = "; ".join(sorted({record.reason for record in figures.sessions}))
        sys.stderr.write(f"no session could be opened at {plan.url}: {reasons}\n")
        return 1
    told = json.dumps(figures.as_json()) if options.output == "json" else sessions_text(figures)
    sys.stdout.write(f"{told}\n")
    return 0 if figures.is_flawless else 3


def _plan(options: argparse.Namespace) -> Plan:
    from antiphon_runtime.bench.plan import Plan
    from antiphon_runtime.bench.user import Manner

    manner = Manner(
        duty=options.duty,
        barge_in_share=options.barge_in_share,
        audio_format=options.format,
        playback_delay_seconds=options.playback_delay_ms / 1e3,
    )
    return Plan(
        url=options.url,
        clips=_clips(options.turn_audio, options.seed),
        sessions=options.sessions,
        seconds=options.seconds,
        ramp_seconds=0.05 * options.sessions if options.ramp is None else options.ramp,
        manner=manner,
        api_key=options.api_key,
        seed=options.seed,
        processes=options.processes,
        metrics_url=options.metrics_url,
    )


def _clips(recordings: list[Path], seed: int) -> tuple[Clip, ...]:
    from antiphon_runtime.bench.clips import noise_clip, read_clip

    if recordings:
        return tuple(read_clip(path) for path in recordings)
    return tuple(noise_clip(seconds, seed + index) for index, seconds in enumerate(_NOISE_SECONDS))
