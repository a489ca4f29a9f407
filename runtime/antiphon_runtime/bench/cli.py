"""`antiphon-runtime bench`: its options."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from antiphon_runtime.bench import sessions_command, stage_command

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_commands(subparsers: Commands) -> None:
    """Adds `bench` with its two modes; each sets `run`, which takes the options and returns the exit code."""
    bench = subparsers.add_parser("bench", help="measure a model stage, or a server under many sessions")
    modes = bench.add_subparsers(dest="mode", required=True, metavar="MODE")
    sessions_command.add_command(modes)
    stage_command.add_command(modes)
