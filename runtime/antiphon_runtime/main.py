"""The `antiphon-runtime` command."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from antiphon_runtime.configuration import ConfigurationError, read_configuration


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="antiphon-runtime", description="The program that runs in every voice pod.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="validate a RuntimeConfig and print it with every default filled in",
        description="Exit codes: 0 valid, 1 not.",
    )
    check.add_argument("--config", type=Path, required=True, metavar="FILE", help="the RuntimeConfig, YAML or JSON")
    options = parser.parse_args(arguments)
    try:
        configuration = read_configuration(options.config)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(configuration.to_manifest(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
