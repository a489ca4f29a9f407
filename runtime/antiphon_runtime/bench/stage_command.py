"""`bench stage`: how fast a variant of a model is on this machine."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon_runtime.bench.options import count, counts, file, hardware, number
from antiphon_runtime.bench.progress_line import ProgressLine

if TYPE_CHECKING:
    from antiphon_crds.stages import Stage
    from antiphon_crds.voicemodel import Profile, Variant
    from antiphon_runtime.bench.stage_bench import StageFigures

_DESCRIPTION = """\
Loads one variant of a VoiceModel and computes batches of several sizes, one after another. A line is fitted through their
mean times; --profile-out writes it as a profile that the variant's `profiles` can take.

What is heard is speech where the voice hibari is in the cache or among the models, else noise in the shape of speech.

Exit codes: 0 measured; 1 the model could not be loaded or run; 2 wrong options or models.
"""
_LONGEST_ORIGIN = 256


def add_command(modes: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = modes.add_parser(
        "stage",
        help="one model on this machine",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--models", type=file, nargs="+", required=True, metavar="FILE.yaml", help="files with VoiceModels"
    )
    parser.add_argument("--model", required=True, metavar="NAME", help="of the VoiceModel")
    parser.add_argument("--variant", metavar="NAME", help="default: its first")
    _add_amount(parser)
    parser.add_argument("--threads", type=count(), default=os.cpu_count() or 1, metavar="N", help="default: all cores")
    parser.add_argument(
        "--cache", type=Path, default=Path("~/.cache/antiphon/models").expanduser(), metavar="DIR",
        help="folder in which models are kept; default: ~/.cache/antiphon/models",
    )  # fmt: skip
    parser.add_argument("--offline", action="store_true", help="take models from the cache only")
    parser.add_argument(
        "--hardware", type=hardware, metavar="NAME", help="of this machine, in the profile; default: detected"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--profile-out", type=Path, metavar="FILE", help="where the profile is written, as YAML")


def _add_amount(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--batch", type=counts, default=[1, 2, 4, 8], metavar="N,N...", help="batch sizes; default: 1,2,4,8"
    )
    parser.add_argument("--iterations", type=count(), default=200, metavar="N", help="of each size; default: 200")
    parser.add_argument("--warm-up", type=count(0), default=10, metavar="N", help="before those; default: 10")
    parser.add_argument(
        "--limit", type=number(above=0), default=60.0, metavar="S", help="most time for each batch size; default: 60"
    )
    parser.add_argument(
        "--seconds", type=number(least=0.1, most=60), default=3.0, metavar="S", help="length of utterances; default: 3"
    )


def run(options: argparse.Namespace) -> int:
    from antiphon_runtime.bench.stage_models import ModelsError, chosen
    from antiphon_runtime.engines.protocols import EngineError
    from antiphon_runtime.models.errors import ModelError

    logging.basicConfig(level="WARNING", format="%(levelname)s %(message)s")
    try:
        stage, variant = chosen(options.models, options.model, options.variant)
    except ModelsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        figures, loaded_seconds = asyncio.run(_measured(options, stage, variant))
        profile = figures.profile(options.hardware or _detected(variant), _origin(options, variant))
    except (EngineError, ModelError, OSError, ValueError) as error:
        sys.stderr.write(f"{options.model}, variant {variant.name}: {error}\n")
        return 1
    _tell(options, variant, figures, profile, loaded_seconds)
    return 0


async def _measured(options: argparse.Namespace, stage: Stage, variant: Variant) -> tuple[StageFigures, float]:
    from antiphon_runtime.bench.runners import runner
    from antiphon_runtime.bench.stage_bench import Amount, measure
    from antiphon_runtime.bench.stage_models import heard, loaded

    amount = Amount(options.batch, options.iterations, options.warm_up, options.limit)
    sounds = await asyncio.to_thread(heard, options.models, options.cache, options.seconds)
    engine, seconds = await asyncio.to_thread(
        loaded, stage, options.model, variant, options.cache, options.threads, offline=options.offline
    )
    try:
        with ProgressLine() as line:
            return await measure(runner(stage, engine, sounds, options.seconds), amount, line.show), seconds
    finally:
        await asyncio.to_thread(engine.close)


def _detected(variant: Variant) -> str:
    """The GPU's name for a variant that uses it, else the CPU's."""
    from antiphon_runtime.machine.devices import open_gpu
    from antiphon_runtime.machine.hardware import hardware_name

    gpu = open_gpu() if variant.memory.gpu is not None else None
    return hardware_name(gpu.facts if gpu is not None else None)


def _origin(options: argparse.Namespace, variant: Variant) -> str:
    """The command without its paths, and the day."""
    sizes = ",".join(map(str, options.batch))
    command = (
        f"antiphon-runtime bench stage --model {options.model} --variant {variant.name} --iterations {options.iterations}"
        f" --batch {sizes} --seconds {options.seconds:g} --threads {options.threads}"
    )
    what = "of an emulated engine, measured" if variant.engine == "emulated" else "measured"
    return f"{what} {datetime.now(UTC):%Y-%m-%d} with: {command}"[:_LONGEST_ORIGIN]


def _tell(
    options: argparse.Namespace, variant: Variant, figures: StageFigures, profile: Profile, loaded_seconds: float
) -> None:
    import yaml

    written = yaml.safe_dump(profile.to_manifest(), sort_keys=False, allow_unicode=True, width=120)
    if options.profile_out is not None:
        options.profile_out.write_text(written, encoding="utf-8")
    if options.output == "json":
        what: dict[str, Any] = {"model": options.model, "variant": variant.name, "engine": variant.engine}
        what |= {"emulated": variant.engine == "emulated", "load_seconds": round(loaded_seconds, 2)}
        told = json.dumps(what | figures.as_json() | {"profile": profile.to_manifest()})
    else:
        told = _text(options, variant, figures, loaded_seconds) + f"\n\n{written}".rstrip()
    sys.stdout.write(f"{told}\n")


def _text(options: argparse.Namespace, variant: Variant, figures: StageFigures, loaded_seconds: float) -> str:
    from antiphon_runtime.bench.tables import stage_text

    emulated = ": it computes nothing" if variant.engine == "emulated" else ""
    head = f"{options.model}, variant {variant.name} ({variant.engine}{emulated}), loaded and warm in {loaded_seconds:.1f} s"
    return f"{head}\n\n{stage_text(figures)}"
