"""What a kubeconfig says: where the API server is, and how to speak to it."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Connection:
    """The server's address without a slash at its end; `tls` is None where it speaks plain HTTP."""

    server: str
    tls: ssl.SSLContext | None
    headers: Mapping[str, str]


def read_kubeconfig(path: Path) -> Connection:
    """The connection of the current context."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    context = _named(config, "context", config["current-context"])
    cluster = _named(config, "cluster", context["cluster"])
    user = _named(config, "user", context["user"]) if context.get("user") else {}
    server = str(cluster["server"]).rstrip("/")
    headers = {"Authorization": f"Bearer {user['token']}"} if user.get("token") else {}
    return Connection(server, _tls(cluster, user) if server.startswith("https:") else None, headers)


def write_kubeconfig(path: Path, server: str) -> Path:
    """A kubeconfig for a server that speaks plain HTTP and asks for no credentials."""
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": server}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "default"}}],
                "users": [{"name": "test", "user": {}}],
            }
        ),
        encoding="utf-8",
    )
    return path


def _named(config: Any, kind: str, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = next(entry for entry in config[f"{kind}s"] if entry["name"] == name)
    return entry.get(kind) or {}


def _tls(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _content(user, "client-certificate"), _content(user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile() as both:  # ssl reads certificates from files only
            both.write(certificate + b"\n" + key)
            both.flush()
            context.load_cert_chain(both.name)
    return context


def _content(entry: dict[str, Any], field: str) -> bytes | None:
    """What a field holds, in the kubeconfig itself or in the file that it names."""
    if data := entry.get(f"{field}-data"):
        return base64.b64decode(data)
    return Path(entry[field]).read_bytes() if entry.get(field) else None
