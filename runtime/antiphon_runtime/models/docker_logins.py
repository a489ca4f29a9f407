"""Logins for registries, as docker's and podman's config.json keep them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from antiphon_runtime.models.connections import basic_login

_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


def login_for(host: str, repository: str, environment: Mapping[str, str]) -> str | None:
    """Value of the Authorization header for the registry; of several logins the one for the longest path.

    Programs that keep logins elsewhere (credsStore, credHelpers) are not run: put the login into `auths`.
    """
    for path in _files(environment):
        auths = _auths(path)
        for name in _names(host, repository):
            if (login := _login(auths.get(name))) is not None:
                return login
    return None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME", "~")).expanduser()
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    if run := environment.get("XDG_RUNTIME_DIR"):
        yield Path(run) / "containers" / "auth.json"


def _auths(path: Path) -> dict[str, Any]:
    """Logins by registry, the names without scheme and API version: `https://index.docker.io/v1/` is older style."""
    try:
        auths = json.loads(path.read_text(encoding="utf-8"))["auths"]
        return {_plain(name): entry for name, entry in auths.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _plain(name: str) -> str:
    host, slash, path = name.removeprefix("https://").removeprefix("http://").rstrip("/").partition("/")
    return host if path in ("v1", "v2") else f"{host}{slash}{path}"


def _names(host: str, repository: str) -> Iterator[str]:
    for known in _DOCKER_HUB if host in _DOCKER_HUB else (host,):
        parts = repository.split("/")
        for length in range(len(parts), -1, -1):
            yield "/".join([known, *parts[:length]])


def _login(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return None
    if isinstance(entry.get("username"), str) and isinstance(entry.get("password"), str):
        return basic_login(entry["username"], entry["password"])
    try:
        user, colon, key = base64.b64decode(entry.get("auth") or "", validate=True).decode().partition(":")
    except (ValueError, TypeError):
        return None
    return basic_login(user, key) if user and colon else None
