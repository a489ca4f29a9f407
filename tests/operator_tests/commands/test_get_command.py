"""`antiphon get`: what kubectl shows, in the same columns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml
from shown_agents import make_agent
from typer.testing import CliRunner, Result

import sandbox
from antiphon_operator.commands.get_command import get
from cluster import Cluster

Antiphon = Callable[..., Result]


@pytest.fixture
def agents(api: Cluster, space: str) -> str:
    """Their namespace."""
    make_agent(api, space, "bold", phase="Ready", ready="2/2", sessions=3, p95Ms=412.5, sla="Met", partition="CPU only")
    make_agent(api, space, "shy")
    return space


def test_the_columns_of_kubectl(antiphon: Antiphon, api: Cluster, agents: str) -> None:
    for more in ([], ["-o", "wide"]):
        ours = antiphon("get", "-n", agents, *more)
        theirs = api.kubectl("get", "va", "-n", agents, *more).stdout
        assert ours.exit_code == 0, ours.output
        head, bold, shy = ours.stdout.splitlines()
        assert head.split() == theirs.splitlines()[0].split()
        assert bold.split()[:-1] == theirs.splitlines()[1].split()[:-1], "but for the age"
        assert shy.split()[0] == "shy"


@pytest.mark.parametrize("kind", ["models", "policies"])
def test_the_cluster_scoped_kinds(antiphon: Antiphon, api: Cluster, kind: str) -> None:
    ours = antiphon("get", kind).stdout.splitlines()
    theirs = api.kubectl("get", {"models": "vm", "policies": "slap"}[kind]).stdout.splitlines()
    assert [line.split()[:-1] for line in ours[1:]] == [line.split()[:-1] for line in theirs[1:]]


def test_agents_of_all_namespaces(antiphon: Antiphon, agents: str) -> None:
    found = [line.split()[:2] for line in antiphon("get", "agents", "-A").stdout.splitlines()]
    assert found[0] == ["NAMESPACE", "NAME"]
    assert [agents, "bold"] in found


def test_all_kinds_at_once(antiphon: Antiphon, agents: str) -> None:
    text = antiphon("get", "all", "-n", agents).stdout
    assert {"bold", "cpu-laptop", "whisper-cpu"} <= set(text.split())
    listed = json.loads(antiphon("get", "all", "-n", agents, "-o", "json").stdout)
    assert {item["kind"] for item in listed["items"]} == {"VoiceAgent", "SLAPolicy", "VoiceModel"}


def test_one_as_json_and_yaml_as_kubectl_has_it(antiphon: Antiphon, api: Cluster, agents: str) -> None:
    stored = json.loads(api.kubectl("get", "va", "bold", "-n", agents, "-o", "json").stdout)
    assert json.loads(antiphon("get", "agent", "bold", "-n", agents, "-o", "json").stdout) == stored
    assert yaml.safe_load(antiphon("get", "va/bold", "-n", agents, "-o", "yaml").stdout) == stored


def test_names_for_scripts(antiphon: Antiphon, api: Cluster, agents: str) -> None:
    text = antiphon("get", "-n", agents, "-o", "name").stdout
    assert text == api.kubectl("get", "va", "-n", agents, "-o", "name").stdout


def test_no_agents_is_no_error(antiphon: Antiphon, space: str) -> None:
    none = antiphon("get", "-n", space)
    assert (none.exit_code, none.stdout) == (0, "")
    assert "there are no voiceagents" in none.stderr
    assert json.loads(antiphon("get", "-n", space, "-o", "json").stdout)["items"] == []


def test_a_name_that_is_not_there_is_one(antiphon: Antiphon, space: str) -> None:
    missing = antiphon("get", "agents", "nobody", "-n", space)
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert f"there is no VoiceAgent nobody in namespace {space}" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pods"], "there are agents, policies, models, pools and all"),
        (["all", "bold"], "with `all`"),
        (["agents", "bold", "-A"], "give either"),
    ],
)
def test_wrong_usage(antiphon: Antiphon, arguments: list[str], says: str) -> None:
    wrong = antiphon("get", *arguments)
    assert wrong.exit_code == 2
    assert says in wrong.stderr


def test_watching_prints_what_is_there_and_then_each_change(api: Cluster, agents: str) -> None:
    code = "import typer; from antiphon_operator.commands.get_command import get; typer.run(get)"
    command = [sys.executable, "-c", code, "-w", "-o", "json", "-n", agents, "--kubeconfig", str(api.kubeconfig)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        first = [json.loads(process.stdout.readline()) for _ in range(2)]
        api.patch("VoiceAgent", "shy", agents, {"metadata": {"labels": {"seen": "yes"}}})
        changed = json.loads(process.stdout.readline())
        process.kill()
    assert [obj["metadata"]["name"] for obj in first] == ["bold", "shy"]
    assert changed["metadata"]["labels"] == {"seen": "yes"}


def test_a_context_that_is_not_there(antiphon: Antiphon, api: Cluster) -> None:
    lost = antiphon("get", "--context", "nowhere")
    assert lost.exit_code == 1
    assert f"{api.kubeconfig}: no context 'nowhere'" in lost.stderr


def test_a_cluster_without_our_kinds(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    app = typer.Typer()
    app.command()(get)
    with sandbox.running("api", "--kubeconfig", kubeconfig):
        for arguments in (["agents"], ["agents", "hello"]):
            done = CliRunner().invoke(app, [*arguments, "--kubeconfig", str(kubeconfig)])
            assert done.exit_code == 1
            assert "`antiphon install` brings" in done.stderr
    gone = CliRunner().invoke(app, ["--kubeconfig", str(kubeconfig)])
    assert gone.exit_code == 1
    assert "the API server can't be reached" in gone.stderr
