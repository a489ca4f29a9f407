"""`python -m antiphon_sandbox.upstream --kubeconfig FILE`: makes the OpenAPI files again from an API server."""

from __future__ import annotations

import argparse
import base64
import json
import ssl
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from antiphon_sandbox.upstream.extract import Extract, extract, lines_of

Fetch = Callable[[str], Any]
_HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m antiphon_sandbox.upstream", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="of the API server that is asked")
    parser.add_argument("--into", type=Path, default=_HERE, help="folder of the files (default: this package)")
    options = parser.parse_args()
    found = extract(fetcher(options.kubeconfig))
    write(found, options.into)
    print(f"{len(found.schemas)} definitions of {len(found.kinds)} kinds")


def write(found: Extract, into: Path) -> None:
    (into / "openapi.json").write_text(lines_of(found.schemas), encoding="utf-8")
    (into / "descriptions.json").write_text(lines_of(found.descriptions), encoding="utf-8")
    (into / "kinds.json").write_text(lines_of(found.kinds), encoding="utf-8")


def fetcher(kubeconfig: Path) -> Fetch:
    """Gets JSON from the server of the kubeconfig's current context."""
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    context = _named(config, "context", config["current-context"])
    cluster, user = _named(config, "cluster", context["cluster"]), _named(config, "user", context["user"])
    server = cluster["server"].rstrip("/")
    tls = _tls(cluster, user) if server.startswith("https:") else None
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}

    def fetch(path: str) -> Any:
        request = urllib.request.Request(server + path, headers=headers)  # noqa: S310 (the user's own server)
        with urllib.request.urlopen(request, context=tls) as answer:  # noqa: S310
            return json.load(answer)

    return fetch


def _named(config: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    return next(entry.get(kind) or {} for entry in config[f"{kind}s"] if entry["name"] == name)


def _content(entry: dict[str, Any], field: str) -> bytes | None:
    if data := entry.get(f"{field}-data"):
        return base64.b64decode(data)
    return Path(entry[field]).read_bytes() if entry.get(field) else None


def _tls(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    certificate, key = _content(user, "client-certificate"), _content(user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:  # ssl reads certificates from files only
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


if __name__ == "__main__":
    main()
