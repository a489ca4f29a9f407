"""How checks are run: side by side, in time, and with a finding whatever goes wrong; and `antiphon doctor` around them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from aiohttp import web
from typer.testing import CliRunner, Result

import sandbox
from antiphon_operator.checks.catalogue import CHECKS
from antiphon_operator.checks.check import Check, Finding, ok
from antiphon_operator.checks.check import Result as Verdict
from antiphon_operator.checks.cluster import Cluster, Scope
from antiphon_operator.checks.examining import examine
from antiphon_operator.commands.doctor_command import doctor
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.session import Connection

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "talk-and-doctor.md"


@asynccontextmanager
async def refusing(status: int, message: str) -> AsyncIterator[Cluster]:
    """A cluster whose API server says its version, and refuses all else."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "36", "gitVersion": "v1.36.0"})
        told = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": status,
            "message": message,
            "reason": "X",
        }
        return web.json_response(told, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    access = Access(f"http://127.0.0.1:{runner.addresses[0][1]}", "default", "a test")
    try:
        async with Connection(access) as connection:
            cluster = Cluster(connection, Scope())
            yield cluster
            await cluster.close()
    finally:
        await runner.cleanup()


def findings(status: int, message: str) -> dict[str, Finding]:
    async def run() -> dict[str, Finding]:
        async with refusing(status, message) as cluster:
            return await examine(CHECKS, cluster)

    return asyncio.run(run())


def test_what_one_may_not_see_is_skipped_and_says_which_right_is_missing() -> None:
    denied = 'nodes is forbidden: User "me" cannot list resource "nodes" in API group "" at the cluster scope'
    found = findings(403, denied)
    assert found["gpu-nodes"].result is Verdict.skipped
    assert found["gpu-nodes"].message == "you may not list nodes, at the cluster scope"
    assert found["api-server"].result is Verdict.ok
    assert all(finding.result is not Verdict.failed for finding in found.values()), found


@pytest.mark.parametrize(("status", "says"), [(401, "does not know you"), (500, "refuses"), (429, "refuses")])
def test_an_api_server_that_refuses_is_a_failure(status: int, says: str) -> None:
    finding = findings(status, "no")["crds"]
    assert finding.result is Verdict.failed
    assert says in finding.message


def test_without_an_api_server_all_else_is_skipped() -> None:
    async def run() -> dict[str, Finding]:
        async with Connection(Access("http://127.0.0.1:1", "default", "a test")) as connection:
            return await examine(CHECKS, Cluster(connection, Scope()))

    found = asyncio.run(run())
    assert found["api-server"].result is Verdict.failed
    assert "can't be reached" in found["api-server"].message
    assert {finding.result for name, finding in found.items() if name != "api-server"} == {Verdict.skipped}


def test_a_check_that_takes_too_long_or_stumbles_is_a_failure() -> None:
    async def slow(_: Cluster) -> Finding:
        await asyncio.sleep(60)
        return ok("never")

    async def stumbling(_: Cluster) -> Finding:
        raise KeyError("metadata")

    checks = [Check("slow", "", slow), Check("stumbling", "", stumbling)]
    done: list[str] = []

    async def run() -> dict[str, Finding]:
        async with refusing(404, "nothing") as cluster:
            return await examine(checks, cluster, lambda check, _: done.append(check.name), seconds=0.5)

    found = asyncio.run(run())
    assert done == ["stumbling", "slow"]
    assert "took longer than 0.5 s" in found["slow"].message
    assert "KeyError('metadata')" in found["stumbling"].message


# --- the command ----------------------------------------------------------------------------------------------------


def antiphon_doctor(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, [*arguments], env={"COLUMNS": "160", "KUBECONFIG": ""})


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("api") / "kubeconfig"
    with sandbox.running("api", "--kubeconfig", file):
        yield file


def test_a_cluster_without_us_is_unwell_and_the_table_says_what_to_do(kubeconfig: Path) -> None:
    result = antiphon_doctor("--kubeconfig", str(kubeconfig))
    assert result.exit_code == 1
    for check in CHECKS:
        assert check.name in result.stdout
    assert "failed" in result.stdout
    assert "-> `antiphon install` installs them." in result.stdout
    assert "examining" not in result.stdout


def test_programs_get_json(kubeconfig: Path) -> None:
    result = antiphon_doctor("--kubeconfig", str(kubeconfig), "-o", "json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["healthy"]) == (1, False)
    assert [check["check"] for check in told["checks"]] == [check.name for check in CHECKS]
    assert {check["result"] for check in told["checks"]} <= {verdict.value for verdict in Verdict}
    assert all(check["advice"] for check in told["checks"] if check["result"] in ("failed", "warning"))


def test_chosen_checks_alone_decide(kubeconfig: Path) -> None:
    result = antiphon_doctor("--kubeconfig", str(kubeconfig), "--only", "clock", "--only", "api-server", "-o", "json")
    assert result.exit_code == 0
    assert [check["check"] for check in json.loads(result.stdout)["checks"]] == ["api-server", "clock"]


def test_a_check_that_there_is_not_is_wrong_usage(kubeconfig: Path) -> None:
    result = antiphon_doctor("--kubeconfig", str(kubeconfig), "--only", "weather")
    assert result.exit_code == 2
    assert "there is no check weather; there are api-server" in result.stderr


def test_without_a_kubeconfig_it_says_where_one_can_be_named(tmp_path: Path) -> None:
    result = antiphon_doctor("--kubeconfig", str(tmp_path / "none"), "-o", "json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["checks"][0]["check"] == "api-server"
    assert "--kubeconfig" in told["checks"][0]["advice"]


def test_every_check_is_documented() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    for check in CHECKS:
        assert f"| `{check.name}` | {check.looks_at}" in text, check.name
