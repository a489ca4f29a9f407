"""The command line: `python -m antiphon_sandbox api | up | down`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon_sandbox import detached
from antiphon_sandbox.problems import SandboxError
from antiphon_sandbox.world_file import World, WorldFile, default_kubeconfig

if TYPE_CHECKING:
    from antiphon_sandbox.world import Plan

_EPILOG = "Exit codes: 0 done; 1 it could not be done, and why is told; 2 wrong usage."


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="antiphon_sandbox",
        description="A Kubernetes for one machine. There are no tokens and no TLS: it listens on loopback only.",
        epilog=_EPILOG,
    )
    verbs = root.add_subparsers(dest="verb", required=True, metavar="VERB")
    _api_parser(verbs.add_parser("api", help="serve the Kubernetes API alone, in the foreground", epilog=_EPILOG))
    _up_parser(verbs.add_parser("up", help="bring up API, controllers, scheduler and nodes", epilog=_EPILOG))
    _down_parser(verbs.add_parser("down", help="end what `up` has brought up", epilog=_EPILOG))
    return root


def _server_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--beyond-loopback",
        action="store_true",
        help="listen on an address that others may reach: whoever does may do everything",
    )
    parser.add_argument("--sqlite", type=Path, metavar="FILE", help="keep objects in this file (default: in memory)")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, to standard error")


def _api_parser(parser: argparse.ArgumentParser) -> None:
    _server_options(parser)
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="write a kubeconfig for the server there")
    parser.add_argument(
        "--history",
        type=int,
        default=1000,
        metavar="N",
        help="changes of each resource that a watch may start from; older ones are 410 (default: %(default)s)",
    )
    parser.set_defaults(run=_api)


def _kubeconfig_option(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", default=default_kubeconfig(), help=f"{words} (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="form of what is printed")


def _up_parser(parser: argparse.ArgumentParser) -> None:
    _server_options(parser)
    _kubeconfig_option(parser, "write a kubeconfig there; what runs is written down beside it")
    parser.add_argument(
        "--nodes",
        type=Path,
        metavar="FILE.yaml",
        help="nodes and images (default: one node that runs pods as processes)",
    )
    parser.add_argument("--detach", action="store_true", help="return when it is ready; it goes on in the background")
    parser.set_defaults(run=_up)


def _down_parser(parser: argparse.ArgumentParser) -> None:
    _kubeconfig_option(parser, "the one that `up` was given")
    parser.set_defaults(run=_down)


# --- verbs ---------------------------------------------------------------------------------------------------------


def _api(given: argparse.Namespace) -> int:
    from antiphon_sandbox.api_alone import serve

    def tell(url: str) -> None:
        print(f"serving the Kubernetes API at {url}", flush=True)

    where = (given.host, given.port, given.beyond_loopback)
    asyncio.run(serve(*where, given.sqlite, given.kubeconfig, given.history, tell))
    return 0


def _up(given: argparse.Namespace) -> int:
    from antiphon_sandbox.world import run_world

    plan = _plan(given)  # what is wrong with it is told here, detached or not
    if given.detach:
        return _up_detached(given, plan.file)
    plan.file.take()
    try:
        asyncio.run(run_world(plan, lambda world: _tell(world, given.output, detached=False)))
    finally:
        plan.file.give_back()
    return 0


def _plan(given: argparse.Namespace) -> Plan:
    from antiphon_sandbox.nodes.fleet import default_fleet, load_fleet
    from antiphon_sandbox.world import Plan

    fleet = load_fleet(given.nodes) if given.nodes else default_fleet()
    file = WorldFile(given.kubeconfig)
    return Plan(file, fleet, given.host, given.port, given.beyond_loopback, given.sqlite)


def _up_detached(given: argparse.Namespace, file: WorldFile) -> int:
    world = file.world()
    if world is None:
        arguments = [argument for argument in sys.argv[2:] if argument != "--detach"]
        print("starting the sandbox ...", file=sys.stderr, flush=True)
        world = detached.start(file, arguments)
    _tell(world, given.output, detached=True)
    return 0


def _down(given: argparse.Namespace) -> int:
    was_up = detached.end(WorldFile(given.kubeconfig))
    if given.output == "json":
        print(json.dumps({"ended": was_up}))
    else:
        print("the sandbox is down" if was_up else "no sandbox is up with this kubeconfig")
    return 0


def _tell(world: World, form: str, detached: bool) -> None:
    if form == "json":
        print(json.dumps(asdict(world)), flush=True)
        return
    ends = f"{sys.executable} -m antiphon_sandbox down --kubeconfig {world.kubeconfig}" if detached else "Ctrl-C"
    print(
        f"serving the Kubernetes API at {world.url}, {len(world.nodes)} node{'s' * (len(world.nodes) != 1)}\n"
        f"next:  export KUBECONFIG={world.kubeconfig}\n"
        f"       kubectl get nodes\n"
        f"end:   {ends}",
        flush=True,
    )


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    level = logging.DEBUG if getattr(given, "verbose", False) else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        return int(given.run(given))
    except (OSError, SandboxError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
