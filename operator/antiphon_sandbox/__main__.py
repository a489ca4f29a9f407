"""`python -m antiphon_sandbox`: a Kubernetes for one machine."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from antiphon_sandbox.api.http_server import ApiServer, NotLoopbackError
from antiphon_sandbox.api.journal import SqliteJournal
from antiphon_sandbox.api.local import Api
from antiphon_sandbox.api.store import HISTORY
from antiphon_sandbox.lifetime import until_told_to_end


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: ended as told; 1: could not start; 2: wrong usage."""
    parser = argparse.ArgumentParser(prog="antiphon_sandbox", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    _add_api(verbs.add_parser("api", help="serve the Kubernetes API alone, in the foreground"))
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        asyncio.run(given.run(given))
    except (OSError, NotLoopbackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _add_api(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--beyond-loopback",
        action="store_true",
        help="listen on an address that others may reach: there are neither tokens nor TLS",
    )
    parser.add_argument("--sqlite", type=Path, metavar="FILE", help="keep objects in this file (default: in memory)")
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="write a kubeconfig for the server there")
    parser.add_argument(
        "--history",
        type=int,
        default=HISTORY,
        metavar="N",
        help="changes of each resource that a watch may start from; older ones are 410 (default: %(default)s)",
    )
    parser.set_defaults(run=_serve_api)


async def _serve_api(given: argparse.Namespace) -> None:
    from antiphon_sandbox.kubeconfig import write_kubeconfig

    journal = SqliteJournal(given.sqlite) if given.sqlite else None
    api = Api(journal=journal, history=given.history)
    server = ApiServer(api, given.host, given.port, given.beyond_loopback)
    await server.start()
    if given.kubeconfig:
        write_kubeconfig(given.kubeconfig, server.url)
    print(f"serving the Kubernetes API at {server.url}", flush=True)
    garbage = asyncio.create_task(api.run())
    await until_told_to_end()
    garbage.cancel()
    await server.stop()
    if journal:
        journal.close()


if __name__ == "__main__":
    sys.exit(main())
