"""Credentials that a program gives, as kubeconfigs of cloud providers have it (client.authentication.k8s.io)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from antiphon_operator.kube.errors import AccessError

_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_PROGRAM_SECONDS = 60.0
"""A program may open a browser, and somebody may have to log in there."""
_EARLY = timedelta(seconds=30)
"""Before a token runs out another is asked for."""


@dataclass(frozen=True)
class ExecCredential:
    """What the program gave."""

    token: str
    certificate: bytes | None
    key: bytes | None
    expires: datetime | None


class ExecProgram:
    """Runs the program when a token is needed; a token that still holds is used again. It blocks: for people's commands."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        cluster: Mapping[str, Any],
        folder: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`spec` and `cluster` as in the kubeconfig, which lies in `folder`. AccessError where it can't give anything."""
        self._spec = spec
        self._cluster = cluster
        self._folder = folder
        self._now = now
        self.credential = self._run()

    def __call__(self) -> str:
        expires = self.credential.expires
        if expires is not None and self._now() >= expires - _EARLY:
            self.credential = self._run()
        return f"Bearer {self.credential.token}" if self.credential.token else ""

    def _run(self) -> ExecCredential:
        command = [self._program(), *map(str, self._spec.get("args") or ())]
        try:
            done = subprocess.run(  # noqa: S603 (the user's own kubeconfig names it)
                command, capture_output=True, text=True, timeout=_PROGRAM_SECONDS, env=self._environment(), check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            hint = self._spec.get("installHint") or ""
            raise AccessError(
                f"{command[0]}, which gives the credentials, can't be run: {error} {hint}".strip()
            ) from error
        if done.returncode != 0:
            raise AccessError(
                f"{command[0]}, which gives the credentials, ended with {done.returncode}: {_last(done.stderr)}"
            )
        return _read(command[0], done.stdout)

    def _program(self) -> str:
        """A name with a slash is relative to the kubeconfig, one without is looked for in the PATH."""
        name = str(self._spec.get("command") or "")
        if not name:
            raise AccessError("the user's exec has no command")
        return str(self._folder / name) if os.sep in name else name

    def _environment(self) -> dict[str, str]:
        version = str(self._spec.get("apiVersion") or "")
        if version not in _VERSIONS:
            raise AccessError(f"the user's exec has apiVersion {version or '(none)'}; there are {', '.join(_VERSIONS)}")
        asked: dict[str, Any] = {"interactive": False}
        if self._spec.get("provideClusterInfo"):
            asked["cluster"] = {key: value for key, value in self._cluster.items() if key != "extensions"}
        own = {str(entry["name"]): str(entry["value"]) for entry in self._spec.get("env") or ()}
        told = {"apiVersion": version, "kind": "ExecCredential", "spec": asked}
        return {**os.environ, **own, "KUBERNETES_EXEC_INFO": json.dumps(told)}


def _read(program: str, output: str) -> ExecCredential:
    try:
        status = json.loads(output)["status"]
        expires = status.get("expirationTimestamp")
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        found = ExecCredential(
            str(status.get("token") or ""),
            certificate.encode() if certificate else None,
            key.encode() if key else None,
            datetime.fromisoformat(expires) if expires else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AccessError(f"{program} gave no ExecCredential: {type(error).__name__}") from error
    if not found.token and not (found.certificate and found.key):
        raise AccessError(f"{program} gave neither a token nor a client certificate")
    return found


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
