"""`antiphon up` from nothing to an agent that is Ready, on this machine, and `antiphon down`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from antiphon_operator.bringing_up.models import cpu_models, default_folder
from antiphon_operator.bringing_up.prometheus_beside import PrometheusBeside, is_installed
from antiphon_operator.bringing_up.result import DownResult, UpResult
from antiphon_operator.bringing_up.world_files import example_file, read_agent_file
from antiphon_operator.commands.down_command import down
from antiphon_operator.commands.up_command import up
from cluster import Cluster

MODELS = default_folder()


def antiphon(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(up)
    app.command()(down)
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("world") / "kubeconfig"
    yield file
    PrometheusBeside(file).end()
    subprocess.run([sys.executable, "-m", "antiphon_sandbox", "down", "--kubeconfig", str(file)], check=True)


@pytest.fixture
def models() -> Path:
    """The folder with the files of the example's models."""
    for model in cpu_models(read_agent_file(example_file()).resolution):
        for variant in model["spec"]["variants"]:
            if not (MODELS / model["metadata"]["name"] / variant["name"]).exists():
                pytest.skip(f"the files of {model['metadata']['name']} are not in {MODELS}; set ANTIPHON_MODELS")
    return MODELS


def test_up_twice_then_an_agent_that_can_not_run_then_down(kubeconfig: Path, models: Path, tmp_path: Path) -> None:
    where = ("--kubeconfig", str(kubeconfig))
    first = brought_up(antiphon("up", *where, "--models", str(models), "-o", "json"), 0)
    assert (first.agent, first.namespace, first.ready, first.was_up) == ("hello-world", "default", True, False)
    assert (first.prometheus is not None) == is_installed()
    cluster = Cluster(kubeconfig)
    agent = cluster.get("VoiceAgent", "hello-world", "default")
    assert agent["spec"]["runtime"]["modelCache"] == {"claim": "antiphon-models"}
    assert first.endpoint == f"http://{cluster.get('Service', 'hello-world', 'default')['spec']['clusterIP']}:8080"
    claim = cluster.get("PersistentVolumeClaim", "antiphon-models", "default")
    assert claim["status"]["phase"] == "Bound"

    again = antiphon("up", *where, "--models", str(models))
    assert again.exit_code == 0, again.output
    assert f"export KUBECONFIG={kubeconfig}" in again.stdout
    assert "antiphon talk hello-world" in again.stdout
    assert "it was up before" in again.stderr

    file = tmp_path / "agent.yaml"
    file.write_text(yaml.safe_dump(one_for_a_gpu()))
    late = brought_up(antiphon("up", *where, "--agent", str(file), "--timeout", "4", "-o", "json"), 1)
    assert (late.agent, late.ready, late.endpoint) == ("wishful", False, None)
    assert any("Placed is False" in why for why in late.why)

    ended = antiphon("down", *where, "-o", "json")
    told = DownResult.from_manifest(json.loads(ended.stdout))
    assert (told.ended, told.agents) == (True, ["default/hello-world", "default/wishful"])
    assert told.pods >= 2, "the operator's and the agent's"
    assert not kubeconfig.exists()
    assert (models / "silero-vad").exists(), "downloads stay"
    assert "no world is up" in antiphon("down", *where).stdout


def brought_up(done: Result, code: int) -> UpResult:
    assert done.exit_code == code, done.output
    return UpResult.from_manifest(json.loads(done.stdout))


def one_for_a_gpu() -> dict[str, Any]:
    """An agent that finds nothing to run on here."""
    manifest = read_agent_file(example_file()).manifest
    (group,) = manifest["spec"]["placement"]["groups"]
    placed = {"groups": [{**group, "partition": {"gpus": 1}}]}
    return {**manifest, "metadata": {"name": "wishful"}, "spec": {**manifest["spec"], "placement": placed}}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--agent", "nowhere.yaml"], 1, "nowhere.yaml can't be read"),
        (["--agent", "a.yaml", "--no-agent"], 2, "give either --agent or --no-agent"),
        (["--no-agent", "--nodes", "nowhere.yaml"], 1, "nowhere.yaml"),
    ],
)
def test_what_can_not_be_brought_up(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    done = antiphon("up", "--kubeconfig", str(tmp_path / "kubeconfig"), *arguments)
    assert done.exit_code == code
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""
