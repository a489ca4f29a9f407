"""The `antiphon-runtime` command."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from antiphon_runtime.bench import cli as bench
from antiphon_runtime.configuration import ConfigurationError, read_configuration
from antiphon_runtime.models import cli as models


def main(arguments: list[str] | None = None) -> int:
    _calm_numeric_libraries()
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(["serve", *given] if given[:1] == ["--config"] else given)
    try:
        code: int = options.run(options)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    return code


def _calm_numeric_libraries() -> None:
    """Before numpy is imported: with threads of its own, which spin while they wait, it is slower here, and others too."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="antiphon-runtime",
        description="The program that runs in every voice pod. With --config alone it serves.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_check(commands)
    models.add_commands(commands)
    bench.add_commands(commands)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser(
        "serve",
        help="serve the voice API and the control API until SIGTERM",
        description="Exit codes: 0 ended after a drain, 1 could not start or serve; 2 wrong options.",
    )
    _add_config(serve)
    serve.add_argument("--host", metavar="ADDRESS", help="address to listen on; default: server.host")
    serve.add_argument("--models", type=Path, metavar="FOLDER", help="cache of models; default: machine.modelCache")
    serve.add_argument(
        "--control-token-file",
        type=Path,
        metavar="FILE",
        help="bearer token of the control API; default: server.controlTokenFile",
    )
    serve.add_argument(
        "--api-keys-file", type=Path, metavar="FILE", help="keys of callers, one a line; default: server.apiKeysFile"
    )
    serve.set_defaults(run=_serve)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="validate a RuntimeConfig and print it with every default filled in",
        description="Exit codes: 0 valid, 1 not.",
    )
    _add_config(check)
    check.set_defaults(run=_check)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the RuntimeConfig, YAML or JSON")


def _serve(options: argparse.Namespace) -> int:
    configuration = read_configuration(options.config)
    from antiphon_runtime.server.launch import launch  # what it imports takes a second that `check` need not

    return launch(
        configuration,
        host=options.host,
        models=options.models,
        control_token_file=options.control_token_file,
        api_keys_file=options.api_keys_file,
    )


def _check(options: argparse.Namespace) -> int:
    configuration = read_configuration(options.config)
    print(json.dumps(configuration.to_manifest(), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
