"""Kubeconfigs of cloud providers: a program gives the token, is asked again before it runs out, and its failures are told."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from antiphon_operator.kube.errors import AccessError
from antiphon_operator.kube.exec_credentials import ExecProgram
from antiphon_operator.kube.kubeconfig import access_of_file

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
VERSION = "client.authentication.k8s.io/v1"


def program(folder: Path, body: str) -> dict[str, Any]:
    """An exec entry whose program is that Python."""
    script = folder / "give.py"
    script.write_text(f"import json, os, pathlib, sys\nfolder = pathlib.Path({str(folder)!r})\n{body}\n")
    return {"apiVersion": VERSION, "command": sys.executable, "args": [str(script)]}


COUNTING = """
count = len(list(folder.glob("asked-*")))
(folder / f"asked-{count}").write_text(os.environ["KUBERNETES_EXEC_INFO"])
print(json.dumps({"status": {"token": f"token-{count}", "expirationTimestamp": "2026-11-21T13:00:00Z"}}))
"""

LASTING = "print(json.dumps({'status': {'token': 'lasting'}}))"


def test_a_token_is_used_until_shortly_before_it_runs_out(tmp_path: Path) -> None:
    now = NOW
    found = ExecProgram(program(tmp_path, COUNTING), {}, tmp_path, lambda: now)
    assert [found(), found()] == ["Bearer token-0"] * 2
    now = NOW + timedelta(minutes=59, seconds=20)
    assert found() == "Bearer token-0"
    now = NOW + timedelta(minutes=59, seconds=31)
    assert found() == "Bearer token-1"


def test_it_is_told_of_the_cluster_where_it_wants_to_be(tmp_path: Path) -> None:
    spec = {**program(tmp_path, COUNTING), "provideClusterInfo": True, "env": [{"name": "PROFILE", "value": "x"}]}
    ExecProgram(spec, {"server": "https://api.example"}, tmp_path)
    told = json.loads((tmp_path / "asked-0").read_text())
    assert told["spec"] == {"interactive": False, "cluster": {"server": "https://api.example"}}
    assert (told["apiVersion"], told["kind"]) == (VERSION, "ExecCredential")


def test_a_kubeconfig_with_it_gives_access(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(
        json.dumps(
            {
                "current-context": "eks",
                "contexts": [{"name": "eks", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "http://api.example"}}],
                "users": [{"name": "u", "user": {"exec": program(tmp_path, LASTING)}}],
            }
        )
    )
    assert access_of_file(file).authorization() == "Bearer lasting"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("sys.exit('log in first')", "ended with 1: log in first"),
        ("print('hello')", "gave no ExecCredential"),
        ("print('{}')", "gave no ExecCredential"),
        ("print(json.dumps({'status': {}}))", "neither a token nor a client certificate"),
    ],
)
def test_what_goes_wrong_is_told_and_no_token_with_it(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(AccessError, match=says):
        ExecProgram(program(tmp_path, body), {}, tmp_path)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    spec = {"apiVersion": VERSION, "command": "no-such-program-here", "installHint": "install it with apt"}
    with pytest.raises(AccessError, match=r"can't be run: .*install it with apt"):
        ExecProgram(spec, {}, tmp_path)


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="v1alpha1; there are"):
        ExecProgram({"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}, {}, tmp_path)
